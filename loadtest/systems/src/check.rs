use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::kind::SystemKind;
use crate::remote_write::{Protocol, Series, encode_request, encode_request_v2, snappy};
use crate::system::System;
use crate::write_client::{Ack, WriteClient};

const METRIC: &str = "vigie_loadtest_probe";
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Nobody takes longer to show what was acknowledged, not even VictoriaMetrics after an answer that found nothing.
const VISIBLE_DEADLINE: Duration = Duration::from_secs(15);
const POLL_INTERVAL: Duration = Duration::from_millis(200);
const STEP_MS: i64 = 1000;
/// Of a value, what rounding may change: VictoriaMetrics keeps 3.141592653589 of pi.
const ROUNDING: f64 = 1e-12;
/// Values whose last bits show how a store rounds.
const VALUES: [f64; 10] = [
    0.0,
    1.0,
    -1.5,
    0.1,
    1e-9,
    123_456_789.123_456_78,
    9_007_199_254_740_991.0,
    1e300,
    -2.5e-300,
    std::f64::consts::PI,
];

/// Which version of a system was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    pub system: SystemKind,
    /// Of a peer the version of the Go module it was built from: built that way, it doesn't know its own. Prometheus
    /// 3.14.0 is the module's v0.314.0. `/api/v1/status/buildinfo` is no help: others imitate what Prometheus says.
    pub version: String,
    pub program: String,
}

/// What became of a handful of samples that were sent to a system and read back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    pub protocol: Protocol,
    pub sent: usize,
    /// The status of the answer; 2xx acknowledges all of them.
    pub status: u16,
    /// What the written-statistics headers of 2.0 claim, where there are any.
    pub claimed: Option<u64>,
    /// Read back with their time and their bits.
    pub exact: usize,
    /// Read back with their time and a value that differs in its last bits (by at most 1e-12 of itself), or in the sign of zero.
    pub rounded: usize,
    /// Read back with another value.
    pub wrong: usize,
    /// Sent and found, of those that are rounded or wrong.
    pub differences: Vec<(f64, f64)>,
    pub missing: usize,
    /// Read back and never sent.
    pub unexpected: usize,
    /// What the server said, if it refused.
    pub refusal: String,
}

impl Probe {
    pub fn acknowledged(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Acknowledged and all there, the last bits of the values aside: only then do figures over this protocol count.
    pub fn is_stored(&self) -> bool {
        self.acknowledged() && self.missing == 0 && self.wrong == 0 && self.unexpected == 0
    }
}

/// The version of a running system, and a probe of each protocol.
pub fn check(system: &System) -> Result<(Version, Vec<Probe>)> {
    let probes = [Protocol::V1, Protocol::V2].map(|protocol| probe(system, protocol));
    Ok((version(system)?, probes.into_iter().collect::<Result<_>>()?))
}

pub fn version(system: &System) -> Result<Version> {
    Ok(Version {
        system: system.kind(),
        version: version_of_program(system.kind(), system.program())?,
        program: system.program().display().to_string(),
    })
}

/// Sends a few samples of an unusual shape and looks whether they are there: a server that acknowledges what it does
/// not understand is found out here.
pub fn probe(system: &System, protocol: Protocol) -> Result<Probe> {
    let now_ms = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("read the clock")?
        .as_millis() as i64;
    // Whole seconds, so that nobody rounds the time, and a run of its own, so that a second probe finds only itself.
    let end_ms = now_ms / STEP_MS * STEP_MS;
    let run = format!("{}-{now_ms}", if protocol == Protocol::V1 { 1 } else { 2 });
    let sent = make_series(&run, end_ms);
    let raw = match protocol {
        Protocol::V1 => encode_request(&sent),
        Protocol::V2 => encode_request_v2(&sent),
    };
    let ack = send(system, Bytes::from(snappy(&raw)?), protocol)?;
    let mut result = Probe {
        protocol,
        sent: sent.iter().map(|series| series.samples.len()).sum(),
        status: ack.status,
        claimed: ack.written.samples,
        exact: 0,
        rounded: 0,
        wrong: 0,
        differences: Vec::new(),
        missing: 0,
        unexpected: 0,
        refusal: if ack.is_success() { String::new() } else { ack.body },
    };
    system.show_written()?;
    let selector = format!("{METRIC}{{run=\"{run}\"}}");
    let started = Instant::now();
    loop {
        let shown = system.api().samples(&selector, end_ms - 60_000, end_ms)?;
        result.compare(&sent, shown);
        // Of a refused request nothing should appear, and waiting for that has no end.
        if result.is_stored() || !result.acknowledged() || started.elapsed() > VISIBLE_DEADLINE {
            return Ok(result);
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

impl Probe {
    fn compare(&mut self, sent: &[Series], shown: Vec<crate::answer::FloatSeries>) {
        let mut stored: HashMap<(BTreeMap<String, String>, i64), Vec<f64>> = HashMap::new();
        for series in shown {
            for (t, value) in series.samples {
                stored.entry((series.labels.clone(), t)).or_default().push(value);
            }
        }
        (self.exact, self.rounded, self.wrong, self.missing) = (0, 0, 0, 0);
        self.differences.clear();
        for series in sent {
            let labels: BTreeMap<String, String> = series.labels.iter().cloned().collect();
            for (t, value) in &series.samples {
                let found = stored.get_mut(&(labels.clone(), *t)).and_then(Vec::pop);
                let Some(found) = found else {
                    self.missing += 1;
                    continue;
                };
                if found.to_bits() == value.to_bits() {
                    self.exact += 1;
                    continue;
                }
                self.differences.push((*value, found));
                if (found - value).abs() <= ROUNDING * value.abs() {
                    self.rounded += 1;
                } else {
                    self.wrong += 1;
                }
            }
        }
        self.unexpected = stored.values().map(Vec::len).sum();
    }
}

fn make_series(run: &str, end_ms: i64) -> Vec<Series> {
    let of_place = |place: i64, value: f64| {
        let samples = [
            (end_ms - 2 * STEP_MS, value),
            (end_ms - STEP_MS, value),
            (end_ms, -value),
        ];
        let place = format!("{place:02}");
        let labels = [
            ("__name__", METRIC),
            ("place", &place),
            ("run", run),
            ("text", "é \"quoted\" \\ \n"),
        ];
        Series::new(&labels, &samples)
    };
    VALUES
        .iter()
        .zip(0..)
        .map(|(value, place)| of_place(place, *value))
        .collect()
}

fn send(system: &System, body: Bytes, protocol: Protocol) -> Result<Ack> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("make a runtime")?;
    let client = WriteClient::new(&system.write_url(), 1, WRITE_TIMEOUT)?;
    runtime
        .block_on(client.send(body, protocol, system.default_tenant()))
        .with_context(|| format!("write to {}", system.kind()))
}

fn version_of_program(kind: SystemKind, program: &Path) -> Result<String> {
    // The build information says `mod`, the path of the main module, its version and its hash, apart by tabs.
    let module: &[u8] = match kind {
        SystemKind::VictoriaMetrics => b"mod\tgithub.com/VictoriaMetrics/VictoriaMetrics\t",
        SystemKind::Mimir => b"mod\tgithub.com/grafana/mimir\t",
        SystemKind::Prometheus => b"mod\tgithub.com/prometheus/prometheus\t",
        SystemKind::Vigie | SystemKind::VigieRelaxed => {
            let said = Command::new(program)
                .arg("--version")
                .output()
                .context("ask for a version")?;
            let line = String::from_utf8_lossy(&said.stdout);
            let version = line.trim().strip_prefix("vigie ").context("find a version")?;
            return Ok(version.to_owned());
        }
    };
    let bytes = std::fs::read(program).context("read the program of a peer")?;
    let at = bytes
        .windows(module.len())
        .position(|window| window == module)
        .context("find the module's version in the program of a peer")?;
    let version = bytes[at + module.len()..]
        .iter()
        .take_while(|byte| !byte.is_ascii_whitespace())
        .copied()
        .collect();
    String::from_utf8(version).context("read the module's version")
}
