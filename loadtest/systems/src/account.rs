use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::proc_stat::ProcStat;

/// What a system has cost since it was started first. Counts of processes that have ended are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// User and system time of all its processes and threads, from `/proc/PID/stat` (steps of 10 ms).
    pub cpu_seconds: f64,
    /// `VmRSS` now; 0 while nothing runs.
    pub resident_bytes: u64,
    /// The largest `VmHWM` of any of its lives.
    pub peak_resident_bytes: u64,
    /// Allocated bytes of all files below the data folder.
    pub disk_bytes: u64,
}

/// CPU seconds this very process has used: what the generator costs.
pub fn own_cpu_seconds() -> Result<f64> {
    Ok(ProcStat::read(std::process::id())?.cpu_seconds)
}
