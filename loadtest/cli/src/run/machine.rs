use std::fs;
use std::path::Path;

use vigie_report::Machine;

/// This machine, for the report. What cannot be found out is left empty.
pub fn machine(dir: &Path) -> Machine {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |text: &str, name: &str| -> String {
        text.lines()
            .find(|line| line.starts_with(name))
            .and_then(|line| line.split_once(':'))
            .map(|(_, value)| value.trim().to_owned())
            .unwrap_or_default()
    };
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory_kib: u64 = field(&meminfo, "MemTotal")
        .trim_end_matches(" kB")
        .parse()
        .unwrap_or(0);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut load_before = [0.0; 3];
    for (slot, text) in load_before.iter_mut().zip(load.split_whitespace()) {
        *slot = text.parse().unwrap_or(0.0);
    }
    Machine {
        cpu_model: field(&cpuinfo, "model name"),
        cores: std::thread::available_parallelism().map_or(0, |cores| cores.get() as u32),
        memory_bytes: memory_kib * 1024,
        kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
            .unwrap_or_default()
            .trim()
            .to_owned(),
        disk: disk(dir),
        load_before,
    }
}

/// Device and file system of the mount that holds `dir`.
fn disk(dir: &Path) -> String {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ');
            let (device, mount, kind) = (fields.next()?, fields.next()?, fields.next()?);
            dir.starts_with(mount).then_some((mount.len(), device, kind))
        })
        .max_by_key(|(length, ..)| *length)
        .map_or_else(String::new, |(_, device, kind)| format!("{device} ({kind})"))
}
