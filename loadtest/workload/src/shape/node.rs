//! A host as node_exporter shows it: real names and label sets, two thirds of the series constant as on real hosts.

use super::Builder;
use crate::series::MetricKind::{Counter, Gauge};
use crate::spec::TargetStyle;
use crate::value::Value;

const MODES: [(&str, f64); 8] = [
    ("idle", 0.8),
    ("iowait", 0.01),
    ("irq", 0.002),
    ("nice", 0.0005),
    ("softirq", 0.004),
    ("steal", 0.001),
    ("system", 0.05),
    ("user", 0.13),
];
const GIB: f64 = 1_073_741_824.0;
const MOUNTS: [(&str, &str, &str, f64); 8] = [
    ("/dev/nvme0n1p1", "ext4", "/", 100.0),
    ("/dev/nvme0n1p15", "vfat", "/boot/efi", 0.1),
    ("tmpfs", "tmpfs", "/run", 3.0),
    ("tmpfs", "tmpfs", "/run/lock", 0.005),
    ("/dev/nvme1n1", "ext4", "/var/lib/containerd", 400.0),
    ("/dev/nvme2n1", "xfs", "/var/lib/kubelet", 200.0),
    ("/dev/nvme0n1p2", "ext4", "/var/log", 50.0),
    ("/dev/dm-0", "ext4", "/mnt/data", 1_800.0),
];
const DEVICES: [(&str, f64); 6] = [
    ("lo", 4e4),
    ("eth0", 3e6),
    ("eth1", 0.0),
    ("cni0", 8e5),
    ("flannel.1", 5e5),
    ("veth3f1a9c", 1e5),
];
const NETWORK_COUNTERS: [(&str, f64); 17] = [
    ("receive_bytes", 1.0),
    ("receive_packets", 0.001),
    ("transmit_bytes", 0.7),
    ("transmit_packets", 0.0009),
    ("receive_multicast", 0.0),
    ("receive_drop", 1e-9),
    ("receive_errs", 0.0),
    ("transmit_drop", 0.0),
    ("transmit_errs", 0.0),
    ("receive_compressed", 0.0),
    ("receive_fifo", 0.0),
    ("receive_frame", 0.0),
    ("receive_nohandler", 0.0),
    ("transmit_carrier", 0.0),
    ("transmit_colls", 0.0),
    ("transmit_compressed", 0.0),
    ("transmit_fifo", 0.0),
];
const NETWORK_GAUGES: [(&str, f64); 9] = [
    ("up", 1.0),
    ("mtu_bytes", 1_500.0),
    ("speed_bytes", 1.25e9),
    ("carrier", 1.0),
    ("carrier_changes_total", 2.0),
    ("dormant", 0.0),
    ("flags", 4_099.0),
    ("iface_link", 2.0),
    ("transmit_queue_length", 1_000.0),
];
const DISKS: [(&str, f64); 4] = [
    ("nvme0n1", 8.0),
    ("nvme1n1", 40.0),
    ("nvme2n1", 0.0),
    ("dm-0", 15.0),
];
/// Names, growth per write, decimals and the quantum.
const DISK: [(&str, f64, i32, f64); 15] = [
    ("reads_completed_total", 0.2, 0, 1.0),
    ("read_bytes_total", 6_000.0, 0, 512.0),
    ("read_time_seconds_total", 1e-4, 3, 1.0),
    ("writes_completed_total", 1.0, 0, 1.0),
    ("written_bytes_total", 16_000.0, 0, 512.0),
    ("write_time_seconds_total", 8e-4, 3, 1.0),
    ("io_time_seconds_total", 5e-4, 3, 1.0),
    ("io_time_weighted_seconds_total", 9e-4, 3, 1.0),
    ("reads_merged_total", 0.01, 0, 1.0),
    ("writes_merged_total", 0.3, 0, 1.0),
    ("flush_requests_total", 0.0, 0, 1.0),
    ("flush_requests_time_seconds_total", 0.0, 3, 1.0),
    ("discards_completed_total", 0.0, 0, 1.0),
    ("discarded_sectors_total", 0.0, 0, 1.0),
    ("discard_time_seconds_total", 0.0, 3, 1.0),
];
/// Share of memory, and how far it moves.
const MEMORY: [(&str, f64, f64); 38] = [
    ("MemTotal_bytes", 1.0, 0.0),
    ("MemFree_bytes", 0.1, 0.05),
    ("MemAvailable_bytes", 0.55, 0.1),
    ("Buffers_bytes", 0.02, 0.01),
    ("Cached_bytes", 0.4, 0.05),
    ("SwapTotal_bytes", 0.0, 0.0),
    ("SwapFree_bytes", 0.0, 0.0),
    ("SwapCached_bytes", 0.0, 0.0),
    ("Slab_bytes", 0.05, 0.005),
    ("SReclaimable_bytes", 0.03, 0.005),
    ("SUnreclaim_bytes", 0.02, 0.001),
    ("Active_bytes", 0.35, 0.05),
    ("Inactive_bytes", 0.3, 0.05),
    ("Active_anon_bytes", 0.15, 0.05),
    ("Active_file_bytes", 0.2, 0.03),
    ("Inactive_anon_bytes", 0.1, 0.02),
    ("Inactive_file_bytes", 0.2, 0.02),
    ("AnonPages_bytes", 0.25, 0.05),
    ("AnonHugePages_bytes", 0.02, 0.0),
    ("Mapped_bytes", 0.05, 0.005),
    ("Shmem_bytes", 0.01, 0.001),
    ("PageTables_bytes", 0.004, 0.0005),
    ("KernelStack_bytes", 0.001, 0.0001),
    ("Committed_AS_bytes", 0.6, 0.1),
    ("CommitLimit_bytes", 0.5, 0.0),
    ("Dirty_bytes", 0.001, 0.0009),
    ("Writeback_bytes", 0.0, 0.0),
    ("WritebackTmp_bytes", 0.0, 0.0),
    ("Bounce_bytes", 0.0, 0.0),
    ("Mlocked_bytes", 0.0002, 0.0),
    ("Unevictable_bytes", 0.0002, 0.0),
    ("VmallocTotal_bytes", 2_000.0, 0.0),
    ("VmallocUsed_bytes", 0.002, 0.0),
    ("VmallocChunk_bytes", 0.0, 0.0),
    ("HardwareCorrupted_bytes", 0.0, 0.0),
    ("HugePages_Total", 0.0, 0.0),
    ("HugePages_Free", 0.0, 0.0),
    ("Hugepagesize_bytes", 0.000_1, 0.0),
];
/// Counters and gauges without labels, with their rate a second or their bounds.
const COUNTERS: [(&str, f64); 14] = [
    ("node_context_switches_total", 9_000.0),
    ("node_intr_total", 6_000.0),
    ("node_forks_total", 8.0),
    ("node_vmstat_pgfault", 4_000.0),
    ("node_vmstat_pgmajfault", 0.02),
    ("node_vmstat_pgpgin", 120.0),
    ("node_vmstat_pgpgout", 900.0),
    ("node_vmstat_pswpin", 0.0),
    ("node_vmstat_pswpout", 0.0),
    ("node_vmstat_oom_kill", 0.0),
    ("node_netstat_Tcp_InSegs", 3_000.0),
    ("node_netstat_Tcp_OutSegs", 3_200.0),
    ("node_netstat_Tcp_RetransSegs", 0.3),
    ("node_netstat_TcpExt_ListenDrops", 0.0),
];
const GAUGES: [(&str, f64, f64, i32); 17] = [
    ("node_load1", 0.2, 6.0, 2),
    ("node_load5", 0.4, 5.0, 2),
    ("node_load15", 0.5, 4.5, 2),
    ("node_procs_running", 1.0, 9.0, 0),
    ("node_procs_blocked", 0.0, 2.0, 0),
    ("node_filefd_allocated", 3_000.0, 9_000.0, 0),
    ("node_filefd_maximum", 9.2e18, 9.2e18, 0),
    ("node_nf_conntrack_entries", 500.0, 4_000.0, 0),
    ("node_nf_conntrack_entries_limit", 262_144.0, 262_144.0, 0),
    ("node_entropy_available_bits", 256.0, 256.0, 0),
    ("node_sockstat_TCP_alloc", 300.0, 900.0, 0),
    ("node_sockstat_TCP_inuse", 100.0, 400.0, 0),
    ("node_sockstat_sockets_used", 400.0, 1_000.0, 0),
    ("node_netstat_Tcp_CurrEstab", 80.0, 300.0, 0),
    ("node_timex_offset_seconds", 0.0, 0.0004, 9),
    ("node_timex_maxerror_seconds", 0.001, 0.4, 4),
    ("node_timex_sync_status", 1.0, 1.0, 0),
];
const CPUS: u32 = 16;

/// What follows 10 in the address of a host.
pub(super) fn address(host: u32) -> [u32; 3] {
    [host >> 14 & 0x3f, host >> 7 & 0x7f, host & 0x7f]
}

/// The name of a host, the same to all who see it.
pub(super) fn host_name(host: u32) -> String {
    let [a, b, c] = address(host);
    format!("ip-10-{a}-{b}-{c}.eu-west-1.compute.internal")
}

pub(super) fn build(host: u32, series: u32, style: TargetStyle, builder: &mut Builder<'_>) {
    let [a, b, c] = address(host);
    let node = host_name(host);
    let pod = format!(
        "prometheus-node-exporter-{}",
        crate::random::kube_suffix(builder.name_seed(1), 5)
    );
    match style {
        TargetStyle::Kubernetes => {
            let instance = format!("10.{a}.{b}.{c}:9100");
            // The daemon set of the node exporter is replaced as a whole: the pod's name changes.
            builder.target(&[
                ("instance", &instance),
                ("job", "node-exporter"),
                ("namespace", "monitoring"),
                ("pod", &format!("{pod}{}", builder.generation)),
                ("container", "node-exporter"),
                ("endpoint", "metrics"),
                ("node", &node),
            ]);
        }
        TargetStyle::Benchmark => builder.target(&[
            ("instance", &format!("instance-{host}")),
            ("job", "node_exporter"),
            ("replica", "0"),
            ("revision", &format!("r{}", builder.generation)),
        ]),
    }
    scrape_report(builder);
    basics(&node, builder);
    cpus(builder);
    filesystems(builder);
    network(builder);
    disks(builder);
    if builder.series.len() < series as usize {
        rest(series as usize - builder.series.len(), builder);
    }
    builder.series.truncate(series as usize);
}

fn scrape_report(builder: &mut Builder<'_>) {
    builder
        .family("up", Gauge, "Whether the target could be scraped.")
        .push(&[], Value::Constant(1.0));
    let duration = builder.gauge(0.008, 0.03, 9);
    builder
        .family("scrape_duration_seconds", Gauge, "Duration of the scrape.")
        .push(&[], duration);
}

fn basics(node: &str, builder: &mut Builder<'_>) {
    builder
        .family("node_uname_info", Gauge, "System information of uname.")
        .push(
            &[
                ("nodename", node),
                ("sysname", "Linux"),
                ("release", "6.12.46-71.aws"),
                ("machine", "x86_64"),
                ("domainname", "(none)"),
                ("version", "#1 SMP PREEMPT_DYNAMIC"),
            ],
            Value::Constant(1.0),
        );
    builder
        .family("node_exporter_build_info", Gauge, "The version of the exporter.")
        .push(
            &[
                ("version", "1.10.2"),
                ("goversion", "go1.25.3"),
                ("goos", "linux"),
                ("goarch", "amd64"),
            ],
            Value::Constant(1.0),
        );
    builder
        .family("node_time_seconds", Gauge, "System time since the epoch.")
        .push(&[], Value::Time);
    let boot = builder.fixed(1.759e9, 1.767e9);
    builder
        .family("node_boot_time_seconds", Gauge, "Time of the last boot.")
        .push(&[], boot);
    for (name, low, high, decimals) in GAUGES {
        let value = if low < high {
            builder.gauge(low, high, decimals)
        } else {
            Value::Constant(low)
        };
        builder
            .family(name, Gauge, "A figure of the kernel.")
            .push(&[], value);
    }
    let total = 4096.0 * builder.below(48 << 18).max(8 << 18) as f64;
    for (name, share, moves) in MEMORY {
        let name = format!("node_memory_{name}");
        let page = |bytes: f64| (bytes / 4096.0).floor() * 4096.0;
        let value = if moves > 0.0 {
            builder.multiples(
                page(total * (share - moves)).max(0.0),
                page(total * (share + moves)),
                4096.0,
            )
        } else {
            Value::Constant(page(total * share))
        };
        builder
            .family(&name, Gauge, "A field of /proc/meminfo.")
            .push(&[], value);
    }
    for (name, rate) in COUNTERS {
        let value = if rate > 0.0 {
            builder.counter(rate)
        } else {
            Value::Constant(0.0)
        };
        builder
            .family(name, Counter, "A count of the kernel.")
            .push(&[], value);
    }
    for resource in ["cpu", "io", "memory"] {
        let value = builder.seconds(0.004, 6);
        builder
            .family(
                &format!("node_pressure_{resource}_waiting_seconds_total"),
                Counter,
                "Time tasks waited.",
            )
            .push(&[], value);
    }
}

fn cpus(builder: &mut Builder<'_>) {
    builder.family(
        "node_cpu_seconds_total",
        Counter,
        "Seconds the CPUs spent in each mode.",
    );
    for cpu in 0..CPUS {
        for (mode, share) in MODES {
            let value = if share > 0.0 {
                builder.seconds(share, 2)
            } else {
                Value::Constant(0.0)
            };
            builder.push(&[("cpu", &cpu.to_string()), ("mode", mode)], value);
        }
    }
    builder.family(
        "node_cpu_guest_seconds_total",
        Counter,
        "Seconds the CPUs spent in guests.",
    );
    for cpu in 0..CPUS {
        for mode in ["nice", "user"] {
            builder.push(&[("cpu", &cpu.to_string()), ("mode", mode)], Value::Constant(0.0));
        }
    }
}

fn filesystems(builder: &mut Builder<'_>) {
    let mut sizes = Vec::new();
    for (_, _, _, gib) in MOUNTS {
        sizes.push((gib * GIB / 4096.0).floor() * 4096.0);
    }
    for (field, help) in [
        ("size_bytes", "Size of the file system."),
        ("avail_bytes", "Space available to users without privileges."),
        ("free_bytes", "Free space."),
        ("files", "File nodes."),
        ("files_free", "Free file nodes."),
        ("readonly", "Whether it is read-only."),
        ("device_error", "Whether statistics could not be read."),
    ] {
        for ((device, fstype, mountpoint, _), size) in MOUNTS.into_iter().zip(&sizes) {
            let quiet = fstype == "tmpfs" || fstype == "vfat";
            let value = match field {
                "size_bytes" => Value::Constant(*size),
                "avail_bytes" | "free_bytes" if !quiet => builder.multiples(size * 0.4, size * 0.45, 4096.0),
                "avail_bytes" | "free_bytes" => Value::Constant((size / 8192.0).floor() * 4096.0),
                "files" => Value::Constant((size / 16_384.0).floor()),
                "files_free" if !quiet => builder.gauge(size / 20_000.0, size / 19_000.0, 0),
                "files_free" => Value::Constant((size / 20_000.0).floor()),
                _ => Value::Constant(0.0),
            };
            builder
                .family(&format!("node_filesystem_{field}"), Gauge, help)
                .push(
                    &[("device", device), ("fstype", fstype), ("mountpoint", mountpoint)],
                    value,
                );
        }
    }
}

fn network(builder: &mut Builder<'_>) {
    for (name, share) in NETWORK_COUNTERS {
        for (device, bytes) in DEVICES {
            let rate = bytes * share;
            let value = if rate > 0.0 {
                builder.counter(rate)
            } else {
                Value::Constant(0.0)
            };
            builder
                .family(
                    &format!("node_network_{name}_total"),
                    Counter,
                    "Statistic of a network device.",
                )
                .push(&[("device", device)], value);
        }
    }
    for (name, value) in NETWORK_GAUGES {
        let kind = if name.ends_with("_total") { Counter } else { Gauge };
        for (device, _) in DEVICES {
            builder
                .family(
                    &format!("node_network_{name}"),
                    kind,
                    "Property of a network device.",
                )
                .push(&[("device", device)], Value::Constant(value));
        }
    }
}

fn disks(builder: &mut Builder<'_>) {
    for (name, per_write, decimals, quantum) in DISK {
        for (device, writes) in DISKS {
            let rate = per_write * writes;
            let value = match decimals {
                _ if rate == 0.0 => Value::Constant(0.0),
                0 => builder.pieces(rate, quantum),
                _ => builder.seconds(rate, decimals),
            };
            builder
                .family(&format!("node_disk_{name}"), Counter, "Statistic of a disk.")
                .push(&[("device", device)], value);
        }
    }
    for (device, writes) in DISKS {
        let value = if writes > 0.0 {
            builder.step(0, 3, 15.0)
        } else {
            Value::Constant(0.0)
        };
        builder
            .family("node_disk_io_now", Gauge, "I/Os in progress.")
            .push(&[("device", device)], value);
    }
}

/// Fills a host up with families nobody draws, one third of them moving.
fn rest(count: usize, builder: &mut Builder<'_>) {
    let mut left = count;
    for (name, per_cpu) in [
        ("node_schedstat_running_seconds_total", 0.2),
        ("node_schedstat_waiting_seconds_total", 0.01),
        ("node_schedstat_timeslices_total", 300.0),
        ("node_softnet_processed_total", 200.0),
        ("node_softnet_dropped_total", 0.0),
        ("node_softnet_times_squeezed_total", 0.0),
        ("node_cpu_frequency_max_hertz", 0.0),
        ("node_cpu_frequency_min_hertz", 0.0),
    ] {
        let kind = if name.ends_with("_total") { Counter } else { Gauge };
        builder.family(name, kind, "A figure of a CPU.");
        for cpu in 0..CPUS.min(left as u32) {
            let value = match name {
                _ if per_cpu == 0.0 => Value::Constant(if kind == Gauge { 3.5e9 } else { 0.0 }),
                _ if name.contains("seconds") => builder.seconds(per_cpu, 9),
                _ => builder.counter(per_cpu),
            };
            builder.push(&[("cpu", &cpu.to_string())], value);
        }
        left -= CPUS.min(left as u32) as usize;
    }
    builder.family("node_systemd_unit_state", Gauge, "State of a systemd unit.");
    let mut service = 0;
    while left > 0 {
        for state in ["activating", "active", "deactivating", "failed", "inactive"] {
            if left == 0 {
                break;
            }
            let value = Value::Constant(f64::from(u8::from(state == "active")));
            builder.push(
                &[
                    ("name", &format!("unit-{service:03}.service")),
                    ("state", state),
                    ("type", "simple"),
                ],
                value,
            );
            left -= 1;
        }
        service += 1;
    }
}
