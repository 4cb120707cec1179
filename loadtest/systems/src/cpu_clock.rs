use std::collections::HashMap;
use std::fs;

/// The CPU time of a process to the microsecond, where `/proc/PID/stat` counts in hundredths of a second: the sum over
/// its threads, as the scheduler keeps it. Threads that have ended stay with what was last seen of them.
#[derive(Debug)]
pub struct CpuClock {
    pid: u32,
    /// Nanoseconds by thread.
    threads: HashMap<u32, u64>,
}

impl CpuClock {
    pub fn new(pid: u32) -> Self {
        Self {
            pid,
            threads: HashMap::new(),
        }
    }

    /// Seconds of user and system time so far; `None` once the process is gone.
    pub fn seconds(&mut self) -> Option<f64> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid)).ok()?;
        for task in tasks.flatten() {
            let Some(thread) = task.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // Time on a processor, time in its queue, and how often it got one.
            let nanoseconds = fs::read_to_string(task.path().join("schedstat"))
                .ok()
                .and_then(|line| line.split_whitespace().next()?.parse().ok());
            if let Some(nanoseconds) = nanoseconds {
                self.threads.insert(thread, nanoseconds);
            }
        }
        Some(self.threads.values().sum::<u64>() as f64 / 1e9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_has_its_time_counted() {
        let mut clock = CpuClock::new(std::process::id());
        let before = clock.seconds().unwrap();
        let mut sum = 0u64;
        // The scheduler writes it down at its ticks.
        while clock.seconds().unwrap() <= before {
            sum = (0..1_000_000u64).fold(sum, |sum, value| std::hint::black_box(sum ^ value));
        }
        assert_eq!(CpuClock::new(u32::MAX).seconds(), None);
    }
}
