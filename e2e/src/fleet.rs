//! A made-up fleet as node_exporter shows it: the labels and values of any series at any scrape, from numbers alone.

/// Series of one host; the fleet has as many hosts as the series asked for need.
pub(crate) const SERIES_PER_HOST: u32 = 500;

const CPUS: u32 = 16;
const MODES: [&str; 8] = [
    "idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user",
];
const MOUNTS: [&str; 8] = [
    "/",
    "/boot/efi",
    "/run",
    "/run/lock",
    "/var/lib/containerd",
    "/var/lib/kubelet",
    "/var/log",
    "/mnt/data",
];
const FILESYSTEM: [&str; 6] = [
    "avail_bytes",
    "device_error",
    "files",
    "files_free",
    "free_bytes",
    "size_bytes",
];
const DEVICES: [&str; 6] = ["lo", "eth0", "eth1", "cni0", "flannel.1", "veth3f1a9c"];
const NETWORK: [&str; 20] = [
    "receive_bytes_total",
    "receive_compressed_total",
    "receive_drop_total",
    "receive_errs_total",
    "receive_fifo_total",
    "receive_frame_total",
    "receive_multicast_total",
    "receive_nohandler_total",
    "receive_packets_total",
    "transmit_bytes_total",
    "transmit_carrier_total",
    "transmit_colls_total",
    "transmit_compressed_total",
    "transmit_drop_total",
    "transmit_errs_total",
    "transmit_fifo_total",
    "transmit_packets_total",
    "mtu_bytes",
    "speed_bytes",
    "up",
];
const DISKS: [&str; 4] = ["nvme0n1", "nvme1n1", "nvme2n1", "dm-0"];
const DISK: [&str; 16] = [
    "discard_time_seconds_total",
    "discarded_sectors_total",
    "discards_completed_total",
    "discards_merged_total",
    "flush_requests_time_seconds_total",
    "flush_requests_total",
    "io_now",
    "io_time_seconds_total",
    "io_time_weighted_seconds_total",
    "read_bytes_total",
    "read_time_seconds_total",
    "reads_completed_total",
    "reads_merged_total",
    "write_time_seconds_total",
    "writes_completed_total",
    "written_bytes_total",
];
const CPU_SERIES: u32 = CPUS * MODES.len() as u32;
const FILESYSTEM_SERIES: u32 = (MOUNTS.len() * FILESYSTEM.len()) as u32;
const NETWORK_SERIES: u32 = (DEVICES.len() * NETWORK.len()) as u32;
const DISK_SERIES: u32 = (DISKS.len() * DISK.len()) as u32;

/// The labels of a series, sorted by name; about 250 bytes of names and values.
pub(crate) fn labels(series: u32) -> Vec<(&'static str, String)> {
    let host = series / SERIES_PER_HOST;
    let (a, b, c) = (host >> 14 & 0x3f, host >> 7 & 0x7f, host & 0x7f);
    let (name, own) = own_labels(series % SERIES_PER_HOST);
    let mut labels = vec![
        ("__name__", name),
        ("cluster", "prod-eu-west-1-a".to_owned()),
        ("instance", format!("10.{a}.{b}.{c}:9100")),
        ("job", "node-exporter".to_owned()),
        ("namespace", "monitoring".to_owned()),
        ("node", format!("ip-10-{a}-{b}-{c}.eu-west-1.compute.internal")),
        ("pod", format!("prometheus-node-exporter-{host:05x}")),
    ];
    labels.extend(own);
    labels.sort();
    labels
}

/// One series in three moves: half of these are counters of whole numbers, a quarter counters of seconds, a quarter
/// gauges. The others stay what they are.
pub(crate) fn value(series: u32, scrape: u32) -> f64 {
    let of_host = series % SERIES_PER_HOST;
    let identity = mix(u64::from(series));
    let noise = mix(identity ^ u64::from(scrape).wrapping_mul(0x9e37_79b9)) >> 40;
    if !of_host.is_multiple_of(3) {
        return match of_host % 4 {
            0 => 0.0,
            1 => (identity % 3) as f64,
            2 => (identity % 100_000) as f64,
            _ => (identity % (1 << 36)) as f64,
        };
    }
    let step = 1 + identity % 5_000;
    let count = (identity >> 20) % 10_000_000 + u64::from(scrape) * step + noise % step;
    match of_host / 3 % 4 {
        0 | 1 => count as f64,
        2 => count as f64 / 100.0,
        _ => (identity % 100_000) as f64 / 10.0 + (noise % 2_000) as f64 / 10.0,
    }
}

fn own_labels(of_host: u32) -> (String, Vec<(&'static str, String)>) {
    let mut rest = of_host;
    if rest < CPU_SERIES {
        let mode = MODES[rest as usize % MODES.len()];
        let cpu = rest / MODES.len() as u32;
        return (
            "node_cpu_seconds_total".to_owned(),
            vec![("cpu", cpu.to_string()), ("mode", mode.to_owned())],
        );
    }
    rest -= CPU_SERIES;
    let pick = |rest: u32, of: &[&str]| (rest as usize % of.len(), rest as usize / of.len());
    if rest < FILESYSTEM_SERIES {
        let (mount, metric) = pick(rest, &MOUNTS);
        let own = vec![
            ("device", format!("/dev/nvme{}n1p{}", mount / 4, mount % 4 + 1)),
            ("fstype", "ext4".to_owned()),
            ("mountpoint", MOUNTS[mount].to_owned()),
        ];
        return (format!("node_filesystem_{}", FILESYSTEM[metric]), own);
    }
    rest -= FILESYSTEM_SERIES;
    if rest < NETWORK_SERIES {
        let (device, metric) = pick(rest, &DEVICES);
        return (
            format!("node_network_{}", NETWORK[metric]),
            vec![("device", DEVICES[device].to_owned())],
        );
    }
    rest -= NETWORK_SERIES;
    if rest < DISK_SERIES {
        let (disk, metric) = pick(rest, &DISKS);
        return (
            format!("node_disk_{}", DISK[metric]),
            vec![("device", DISKS[disk].to_owned())],
        );
    }
    rest -= DISK_SERIES;
    (format!("node_vmstat_field_{rest:03}"), Vec::new())
}

/// The finaliser of SplitMix64: a cheap hash without visible order.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn series_are_distinct_and_counters_never_fall() {
        let hosts = 3;
        let all: BTreeSet<_> = (0..hosts * SERIES_PER_HOST).map(labels).collect();
        assert_eq!(all.len(), (hosts * SERIES_PER_HOST) as usize);
        let constant = (0..SERIES_PER_HOST)
            .filter(|s| (1..24).all(|n| value(*s, n) == value(*s, 0)))
            .count();
        assert!(
            (320..350).contains(&constant),
            "{constant} of {SERIES_PER_HOST} are constant"
        );
        for series in (0..SERIES_PER_HOST).filter(|s| s % 3 == 0 && s / 3 % 4 < 3) {
            assert!(
                (1..24).all(|n| value(series, n) >= value(series, n - 1)),
                "series {series}"
            );
        }
    }
}
