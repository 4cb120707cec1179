use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use vigie_workload::Millis;

/// Something that goes wrong at a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    /// After the start of the live part.
    pub at: Millis,
    /// What is done.
    pub action: FaultAction,
    /// For `kill` and `pause`: how long the server stays down. Default 5s.
    #[serde(default = "five_seconds", rename = "for")]
    pub lasts: Millis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultAction {
    /// `kill -9`, and a start after `for`.
    Kill,
    /// SIGSTOP, and SIGCONT after `for`: a machine that hangs.
    Pause,
    /// An orderly stop, and a start at once.
    Restart,
}

fn five_seconds() -> Millis {
    Millis(5_000)
}

impl FaultSpec {
    pub(super) fn validate(&self) -> Result<()> {
        ensure!(
            self.at.0 > 0,
            "a fault's `at` is {}; it must be after the start",
            self.at
        );
        ensure!(
            (0..=600_000).contains(&self.lasts.0),
            "a fault's `for` is {}; it must be at most 10m",
            self.lasts
        );
        Ok(())
    }
}
