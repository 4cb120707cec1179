//! The `process_*` metrics of the Prometheus client libraries, read from /proc.

use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Reads the kernel's accounts of this process at every scrape.
#[derive(Debug)]
pub(crate) struct ProcessCollector;

/// `/proc/self/stat` counts in hundredths of a second and in pages on every Linux we run on.
const TICKS_PER_SECOND: f64 = 100.0;
const PAGE_BYTES: u64 = 4096;

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        // Where there is no /proc there are no process metrics, and nothing else suffers.
        let Some(stat) = Stat::read() else { return Ok(()) };
        let mut counter = |name, help, value: f64| {
            let metric = ConstCounter::new(value);
            metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
        };
        counter(
            "process_cpu_seconds",
            "Total user and system CPU time spent in seconds.",
            stat.cpu_seconds,
        )?;
        let mut gauge = |name, help, value: f64| {
            let metric = ConstGauge::new(value);
            metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
        };
        gauge(
            "process_resident_memory_bytes",
            "Resident memory size in bytes.",
            stat.resident_bytes as f64,
        )?;
        gauge(
            "process_virtual_memory_bytes",
            "Virtual memory size in bytes.",
            stat.virtual_bytes as f64,
        )?;
        gauge("process_threads", "Number of OS threads.", stat.threads as f64)?;
        if let Some(started) = stat.start_time_seconds {
            let help = "Start time of the process since unix epoch in seconds.";
            gauge("process_start_time_seconds", help, started)?;
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            gauge(
                "process_open_fds",
                "Number of open file descriptors.",
                open.count() as f64,
            )?;
        }
        if let Some(limit) = max_open_files() {
            gauge(
                "process_max_fds",
                "Maximum number of open file descriptors.",
                limit,
            )?;
        }
        Ok(())
    }
}

struct Stat {
    cpu_seconds: f64,
    resident_bytes: u64,
    virtual_bytes: u64,
    threads: u64,
    start_time_seconds: Option<f64>,
}

impl Stat {
    fn read() -> Option<Stat> {
        Stat::parse(&fs::read_to_string("/proc/self/stat").ok()?)
    }

    /// Fields are counted from after the command name, which may hold spaces and parentheses.
    fn parse(text: &str) -> Option<Stat> {
        let fields: Vec<u64> = text
            .rsplit_once(')')?
            .1
            .split_whitespace()
            .map(|field| field.parse().unwrap_or(0))
            .collect();
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Stat {
            cpu_seconds: (field(14)? + field(15)?) as f64 / TICKS_PER_SECOND,
            threads: field(20)?,
            start_time_seconds: boot_time_seconds()
                .map(|boot| boot + field(22).unwrap_or(0) as f64 / TICKS_PER_SECOND),
            virtual_bytes: field(23)?,
            resident_bytes: field(24)? * PAGE_BYTES,
        })
    }
}

fn boot_time_seconds() -> Option<f64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()
}

fn max_open_files() -> Option<f64> {
    let text = fs::read_to_string("/proc/self/limits").ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("Max open files"))?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_with_spaces_does_not_shift_the_fields() {
        let stat = Stat::parse("7 (a ) b) S 1 1 1 0 -1 0 0 0 0 0 250 150 0 0 20 0 9 0 100 4096 3 0").unwrap();
        assert_eq!((stat.cpu_seconds, stat.threads), (4.0, 9));
        assert_eq!((stat.virtual_bytes, stat.resident_bytes), (4096, 3 * 4096));
    }
}
