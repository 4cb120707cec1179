use std::path::PathBuf;

use anyhow::Result;

use crate::ports::free_port;

/// What a system is started with, whatever its kind.
#[derive(Debug, Clone, Default)]
pub struct StartOptions {
    /// An existing folder for data, configuration and logs. A second start on the same folder finds the data again.
    pub dir: PathBuf,
    /// The cores its threads may use (`GOMAXPROCS` of the Go servers follows); empty for all.
    pub cores: Vec<usize>,
    /// The memory it should keep within, told to it in the way its documentation names; `None` for all of the machine.
    /// It is a setting and not a wall: nothing kills a server that takes more.
    pub memory_bytes: Option<u64>,
    /// How far behind the newest sample of a series older ones are accepted; 0 leaves it off. VictoriaMetrics accepts
    /// any.
    pub out_of_order_ms: u64,
    /// The text of a prometheus.yml without its `storage` section; empty for a system that scrapes nothing. Mimir, which
    /// doesn't scrape, refuses anything else.
    pub scrape_config: String,
    /// The network namespace its processes live in and their address there, made by [`crate::faults::Network`];
    /// `None` for 127.0.0.1 of this one.
    pub namespace: Option<(String, String)>,
    /// The HTTP port; `None` for a free one.
    pub port: Option<u16>,
    /// Arguments after all others; they appear among the settings.
    pub extra_args: Vec<String>,
}

impl StartOptions {
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            ..Self::default()
        }
    }

    pub(crate) fn port_or_free(&self) -> Result<u16> {
        self.port.map_or_else(free_port, Ok)
    }

    /// The address its servers listen on.
    pub(crate) fn host(&self) -> &str {
        self.namespace
            .as_ref()
            .map_or("127.0.0.1", |(_, address)| address)
    }
}
