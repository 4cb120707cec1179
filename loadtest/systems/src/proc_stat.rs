use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};

/// Kernel ticks of `/proc/PID/stat` per second: `USER_HZ`, 100 on every Linux architecture in use.
const TICKS_PER_SECOND: f64 = 100.0;

/// What the kernel has accounted to one process, from `/proc/PID`.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcStat {
    /// User and system time of all threads.
    pub cpu_seconds: f64,
    pub resident_bytes: u64,
    pub peak_resident_bytes: u64,
}

impl ProcStat {
    pub fn read(pid: u32) -> Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("read /proc/PID/stat")?;
        // The command name in parentheses may hold blanks; utime and stime are the 12th and 13th fields after it.
        let (_, after_name) = stat
            .rsplit_once(')')
            .context("find the command name in /proc/PID/stat")?;
        let ticks: u64 = after_name
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|t| t.parse::<u64>().ok())
            .sum();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).context("read /proc/PID/status")?;
        let kib = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            line.trim_start_matches(':')
                .split_whitespace()
                .next()?
                .parse::<u64>()
                .ok()
        };
        Ok(Self {
            cpu_seconds: ticks as f64 / TICKS_PER_SECOND,
            resident_bytes: kib("VmRSS").unwrap_or(0) * 1024,
            peak_resident_bytes: kib("VmHWM").unwrap_or(0) * 1024,
        })
    }

    /// Several processes seen as one server.
    pub fn plus(self, other: Self) -> Self {
        Self {
            cpu_seconds: self.cpu_seconds + other.cpu_seconds,
            resident_bytes: self.resident_bytes + other.resident_bytes,
            peak_resident_bytes: self.peak_resident_bytes + other.peak_resident_bytes,
        }
    }
}

/// Allocated bytes of everything below `path`, as `du` counts; files that vanish meanwhile count nothing.
pub fn disk_bytes(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => disk_bytes(&entry.path()),
        Ok(meta) => meta.blocks() * 512,
        Err(_) => 0,
    });
    sizes.sum()
}
