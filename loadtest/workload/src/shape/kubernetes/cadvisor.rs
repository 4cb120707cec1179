//! What the cAdvisor of a kubelet shows of the machine, of pods and of containers.

use super::Move::{Bytes, Count, Now, Seconds, Still, Then, Whole, Written};
use super::node::{address, host_name};
use super::{Builder, Move, Pod};
use crate::series::MetricKind::{Counter, Gauge};
use crate::value::Value;

const MIB: f64 = 1_048_576.0;

/// Of every control group: containers, pods, slices.
const GROUP: [(&str, Move); 27] = [
    ("container_cpu_user_seconds_total", Seconds(0.08)),
    ("container_cpu_system_seconds_total", Seconds(0.03)),
    ("container_memory_usage_bytes", Bytes(150.0 * MIB, 400.0 * MIB)),
    (
        "container_memory_working_set_bytes",
        Bytes(120.0 * MIB, 300.0 * MIB),
    ),
    ("container_memory_rss", Bytes(90.0 * MIB, 250.0 * MIB)),
    ("container_memory_cache", Bytes(10.0 * MIB, 90.0 * MIB)),
    ("container_memory_mapped_file", Bytes(2.0 * MIB, 9.0 * MIB)),
    ("container_memory_kernel_usage", Bytes(1.0 * MIB, 3.0 * MIB)),
    ("container_memory_max_usage_bytes", Still(420.0 * MIB)),
    (
        "container_memory_total_active_file_bytes",
        Bytes(4.0 * MIB, 40.0 * MIB),
    ),
    (
        "container_memory_total_inactive_file_bytes",
        Bytes(4.0 * MIB, 40.0 * MIB),
    ),
    ("container_memory_swap", Still(0.0)),
    ("container_memory_failcnt", Count(0.0)),
    ("container_oom_events_total", Count(0.0)),
    ("container_processes", Whole(1, 4)),
    ("container_threads", Whole(8, 40)),
    ("container_threads_max", Still(19_660.0)),
    ("container_file_descriptors", Whole(12, 200)),
    ("container_sockets", Whole(2, 60)),
    ("container_spec_cpu_period", Still(100_000.0)),
    ("container_spec_cpu_quota", Still(100_000.0)),
    ("container_spec_cpu_shares", Still(102.0)),
    ("container_spec_memory_limit_bytes", Still(512.0 * MIB)),
    ("container_spec_memory_reservation_limit_bytes", Still(0.0)),
    ("container_spec_memory_swap_limit_bytes", Still(0.0)),
    ("container_start_time_seconds", Then),
    ("container_last_seen", Now),
];
/// Of control groups with a limit.
const LIMITED: [(&str, Move); 3] = [
    ("container_cpu_cfs_periods_total", Count(9.0)),
    ("container_cpu_cfs_throttled_periods_total", Count(0.2)),
    ("container_cpu_cfs_throttled_seconds_total", Seconds(0.01)),
];
const BLOCK: [(&str, Move); 4] = [
    ("container_fs_reads_bytes_total", Written(900.0)),
    ("container_fs_writes_bytes_total", Written(20_000.0)),
    ("container_fs_reads_total", Count(0.02)),
    ("container_fs_writes_total", Count(2.0)),
];
const NETWORK: [(&str, Move); 8] = [
    ("container_network_receive_bytes_total", Count(40_000.0)),
    ("container_network_receive_errors_total", Count(0.0)),
    ("container_network_receive_packets_dropped_total", Count(0.0)),
    ("container_network_receive_packets_total", Count(60.0)),
    ("container_network_transmit_bytes_total", Count(70_000.0)),
    ("container_network_transmit_errors_total", Count(0.0)),
    ("container_network_transmit_packets_dropped_total", Count(0.0)),
    ("container_network_transmit_packets_total", Count(55.0)),
];
const STATES: [&str; 5] = ["iowaiting", "running", "sleeping", "stopped", "uninterruptible"];

fn target(node: u32, builder: &mut Builder<'_>) {
    let [a, b, c] = address(node);
    builder.target(&[
        ("job", "kubelet"),
        ("instance", &format!("10.{a}.{b}.{c}:10250")),
        ("metrics_path", "/metrics/cadvisor"),
        ("endpoint", "https-metrics"),
        ("service", "kubelet"),
        // Overridden by the pod's own where there is one.
        ("namespace", "kube-system"),
        ("node", &host_name(node)),
    ]);
}

pub(super) fn machine(node: u32, builder: &mut Builder<'_>) {
    target(node, builder);
    builder
        .family("up", Gauge, "Whether the target could be scraped.")
        .push(&[], Value::Constant(1.0));
    for (name, value) in [
        ("machine_cpu_cores", 16.0),
        ("machine_cpu_physical_cores", 8.0),
        ("machine_cpu_sockets", 1.0),
        ("machine_memory_bytes", 65_536.0 * MIB),
        ("machine_nvm_capacity", 0.0),
        ("machine_scrape_error", 0.0),
    ] {
        builder
            .family(name, Gauge, "A figure of the machine.")
            .push(&[], Value::Constant(value));
    }
    for id in [
        "/",
        "/kubepods.slice",
        "/kubepods.slice/kubepods-besteffort.slice",
        "/kubepods.slice/kubepods-burstable.slice",
        "/system.slice",
        "/system.slice/containerd.service",
        "/system.slice/kubelet.service",
    ] {
        group(&[("id", id)], builder);
    }
    for interface in ["eth0", "cni0"] {
        network(&[("id", "/"), ("interface", interface)], builder);
    }
}

pub(super) fn pod(pod: &Pod, builder: &mut Builder<'_>) {
    target(pod.node, builder);
    let slice = format!(
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{}.slice",
        pod.uid.replace('-', "_")
    );
    let of_pod = [
        ("namespace", &*pod.deployment.namespace),
        ("pod", &*pod.name),
        ("id", &*slice),
    ];
    group(&of_pod, builder);
    limited(&of_pod, builder);
    let mut of_interface = of_pod.to_vec();
    of_interface.push(("interface", "eth0"));
    network(&of_interface, builder);
    for container in &pod.containers {
        let id = format!("{slice}/cri-containerd-{}.scope", container.id);
        let own = [
            ("namespace", &*pod.deployment.namespace),
            ("pod", &*pod.name),
            ("container", container.name),
            ("id", &*id),
            ("image", &*container.image),
            ("name", &*container.id),
        ];
        group(&own, builder);
        limited(&own, builder);
        for (name, moves) in BLOCK {
            let mut own = own.to_vec();
            own.push(("device", "/dev/nvme1n1"));
            push(name, moves, &own, builder);
        }
        for (failure_type, scope, rate) in [
            ("pgfault", "container", 30.0),
            ("pgfault", "hierarchy", 30.0),
            ("pgmajfault", "container", 0.0),
            ("pgmajfault", "hierarchy", 0.0),
        ] {
            let mut own = own.to_vec();
            own.extend([("failure_type", failure_type), ("scope", scope)]);
            push("container_memory_failures_total", Count(rate), &own, builder);
        }
        for state in STATES {
            let mut own = own.to_vec();
            own.push(("state", state));
            push("container_tasks_state", Still(0.0), &own, builder);
        }
        let mut own = own.to_vec();
        own.push(("ulimit", "max_open_files"));
        push("container_ulimits_soft", Still(1_048_576.0), &own, builder);
    }
}

fn group(own: &[(&'static str, &str)], builder: &mut Builder<'_>) {
    let mut of_all_cpus = own.to_vec();
    of_all_cpus.push(("cpu", "total"));
    push(
        "container_cpu_usage_seconds_total",
        Seconds(0.11),
        &of_all_cpus,
        builder,
    );
    for (name, moves) in GROUP {
        push(name, moves, own, builder);
    }
}

fn limited(own: &[(&'static str, &str)], builder: &mut Builder<'_>) {
    for (name, moves) in LIMITED {
        push(name, moves, own, builder);
    }
}

fn network(own: &[(&'static str, &str)], builder: &mut Builder<'_>) {
    for (name, moves) in NETWORK {
        push(name, moves, own, builder);
    }
}

fn push(name: &str, moves: Move, own: &[(&'static str, &str)], builder: &mut Builder<'_>) {
    let kind = if name.ends_with("_total") { Counter } else { Gauge };
    let value = moves.draw(builder);
    builder
        .family(name, kind, "A figure of a control group.")
        .push(own, value);
}
