//! What kube-state-metrics shows of nodes, pods and deployments.

use super::Move::{Count, Still, Then, Whole};
use super::node::{address, host_name};
use super::{Builder, Deployment, Move, Pod, REPLICAS};
use crate::random::{hex, kube_suffix, mix2};
use crate::series::MetricKind::{Counter, Gauge};

type Labels<'a> = Vec<(&'static str, &'a str)>;

fn target(builder: &mut Builder<'_>) {
    builder.target(&[("job", "kube-state-metrics"), ("instance", "10.128.0.17:8080")]);
}

fn push(
    name: &str,
    own: &[(&'static str, &str)],
    more: &[(&'static str, &str)],
    moves: Move,
    builder: &mut Builder<'_>,
) {
    let kind = if name.ends_with("_total") { Counter } else { Gauge };
    let labels: Labels<'_> = own.iter().chain(more).copied().collect();
    let value = moves.draw(builder);
    builder
        .family(name, kind, "A fact about an object of the cluster.")
        .push(&labels, value);
}

/// A series per possible value of `label`; 1 for the one that it has.
fn one_of(
    name: &str,
    own: &[(&'static str, &str)],
    label: &'static str,
    values: &[&str],
    is: &str,
    builder: &mut Builder<'_>,
) {
    for value in values {
        let set = Still(f64::from(u8::from(*value == is)));
        push(name, own, &[(label, value)], set, builder);
    }
}

const TRUTH: [&str; 3] = ["true", "false", "unknown"];

pub(super) fn node(node: u32, pods: u32, builder: &mut Builder<'_>) {
    target(builder);
    if node == 0 {
        push("up", &[], &[], Still(1.0), builder);
    }
    let name = host_name(node);
    let own = [("node", &*name)];
    let [a, b, c] = address(node);
    let zone = ["eu-west-1a", "eu-west-1b", "eu-west-1c"][node as usize % 3];
    push(
        "kube_node_info",
        &own,
        &[
            ("container_runtime_version", "containerd://2.1.4"),
            ("internal_ip", &format!("10.{a}.{b}.{c}")),
            ("kernel_version", "6.12.46-71.aws"),
            ("kubelet_version", "v1.34.1"),
            ("os_image", "Linux 2025.9"),
            (
                "provider_id",
                &format!("aws:///{zone}/i-{}", hex(builder.name_seed(2), 17)),
            ),
            ("system_uuid", &hex(builder.name_seed(3), 32)),
        ],
        Still(1.0),
        builder,
    );
    push(
        "kube_node_labels",
        &own,
        &[
            ("label_kubernetes_io_arch", "amd64"),
            ("label_kubernetes_io_hostname", &name),
            ("label_node_kubernetes_io_instance_type", "m7i.4xlarge"),
            ("label_topology_kubernetes_io_region", "eu-west-1"),
            ("label_topology_kubernetes_io_zone", zone),
        ],
        Still(1.0),
        builder,
    );
    push("kube_node_created", &own, &[], Then, builder);
    push("kube_node_role", &own, &[("role", "worker")], Still(1.0), builder);
    push("kube_node_spec_unschedulable", &own, &[], Still(0.0), builder);
    for condition in [
        "Ready",
        "MemoryPressure",
        "DiskPressure",
        "PIDPressure",
        "NetworkUnavailable",
    ] {
        let of_condition = [("node", &*name), ("condition", condition)];
        let is = if condition == "Ready" { "true" } else { "false" };
        one_of(
            "kube_node_status_condition",
            &of_condition,
            "status",
            &TRUTH,
            is,
            builder,
        );
    }
    for metric in ["kube_node_status_capacity", "kube_node_status_allocatable"] {
        for (resource, unit, amount) in [
            ("cpu", "core", 16.0),
            ("memory", "byte", 68_719_476_736.0),
            ("pods", "integer", f64::from(pods.max(110))),
            ("ephemeral_storage", "byte", 429_496_729_600.0),
            ("hugepages_1Gi", "byte", 0.0),
            ("hugepages_2Mi", "byte", 0.0),
        ] {
            let more = [("resource", resource), ("unit", unit)];
            push(metric, &own, &more, Still(amount), builder);
        }
    }
}

pub(super) fn pod(pod: &Pod, builder: &mut Builder<'_>) {
    target(builder);
    let node = host_name(pod.node);
    let [a, b, c] = address(pod.node);
    let own = [
        ("namespace", &*pod.deployment.namespace),
        ("pod", &*pod.name),
        ("uid", &*pod.uid),
    ];
    push(
        "kube_pod_info",
        &own,
        &[
            ("created_by_kind", "ReplicaSet"),
            ("created_by_name", &pod.deployment.replica_set),
            ("host_ip", &format!("10.{a}.{b}.{c}")),
            ("host_network", "false"),
            ("node", &node),
            ("pod_ip", &pod.ip),
        ],
        Still(1.0),
        builder,
    );
    push(
        "kube_pod_owner",
        &own,
        &[
            ("owner_is_controller", "true"),
            ("owner_kind", "ReplicaSet"),
            ("owner_name", &pod.deployment.replica_set),
        ],
        Still(1.0),
        builder,
    );
    push(
        "kube_pod_labels",
        &own,
        &[
            ("label_app_kubernetes_io_name", &pod.deployment.name),
            ("label_app_kubernetes_io_part_of", "shop"),
        ],
        Still(1.0),
        builder,
    );
    let phases = ["Pending", "Succeeded", "Failed", "Unknown", "Running"];
    one_of(
        "kube_pod_status_phase",
        &own,
        "phase",
        &phases,
        "Running",
        builder,
    );
    one_of(
        "kube_pod_status_ready",
        &own,
        "condition",
        &TRUTH,
        "true",
        builder,
    );
    one_of(
        "kube_pod_status_scheduled",
        &own,
        "condition",
        &TRUTH,
        "true",
        builder,
    );
    let classes = ["BestEffort", "Burstable", "Guaranteed"];
    one_of(
        "kube_pod_status_qos_class",
        &own,
        "qos_class",
        &classes,
        "Burstable",
        builder,
    );
    let reasons = [
        "Evicted",
        "NodeAffinity",
        "NodeLost",
        "Shutdown",
        "UnexpectedAdmissionError",
    ];
    one_of("kube_pod_status_reason", &own, "reason", &reasons, "", builder);
    push(
        "kube_pod_restart_policy",
        &own,
        &[("type", "Always")],
        Still(1.0),
        builder,
    );
    push(
        "kube_pod_ips",
        &own,
        &[("ip", &pod.ip), ("ip_family", "4")],
        Still(1.0),
        builder,
    );
    push(
        "kube_pod_service_account",
        &own,
        &[("service_account", "default")],
        Still(1.0),
        builder,
    );
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let more = [
            ("key", key),
            ("operator", "Exists"),
            ("effect", "NoExecute"),
            ("toleration_seconds", "300"),
        ];
        push("kube_pod_tolerations", &own, &more, Still(1.0), builder);
    }
    for name in [
        "kube_pod_created",
        "kube_pod_start_time",
        "kube_pod_status_container_ready_time",
        "kube_pod_status_initialized_time",
        "kube_pod_status_ready_time",
        "kube_pod_status_scheduled_time",
    ] {
        push(name, &own, &[], Then, builder);
    }
    for container in &pod.containers {
        let mut own = own.to_vec();
        own.push(("container", container.name));
        let digest = hex(
            mix2(u64::from(pod.deployment.number), container.name.len() as u64),
            64,
        );
        push(
            "kube_pod_container_info",
            &own,
            &[
                ("container_id", &format!("containerd://{}", container.id)),
                ("image", &container.image),
                ("image_id", &format!("registry.example.com@sha256:{digest}")),
                ("image_spec", &container.image),
            ],
            Still(1.0),
            builder,
        );
        for (name, moves) in [
            ("kube_pod_container_status_ready", Still(1.0)),
            ("kube_pod_container_status_running", Still(1.0)),
            ("kube_pod_container_status_terminated", Still(0.0)),
            ("kube_pod_container_status_waiting", Still(0.0)),
            ("kube_pod_container_status_restarts_total", Count(1e-6)),
            ("kube_pod_container_state_started", Then),
        ] {
            push(name, &own, &[], moves, builder);
        }
        for (name, share) in [
            ("kube_pod_container_resource_requests", 0.25),
            ("kube_pod_container_resource_limits", 1.0),
        ] {
            for (resource, unit, amount) in [("cpu", "core", 1.0), ("memory", "byte", 536_870_912.0)] {
                let more = [("node", &*node), ("resource", resource), ("unit", unit)];
                push(name, &own, &more, Still(amount * share), builder);
            }
        }
    }
}

pub(super) fn deployment(deployment: &Deployment, builder: &mut Builder<'_>) {
    target(builder);
    let own = [
        ("namespace", &*deployment.namespace),
        ("deployment", &*deployment.name),
    ];
    let replicas = f64::from(REPLICAS);
    for (name, moves) in [
        ("kube_deployment_created", Then),
        ("kube_deployment_metadata_generation", Still(7.0)),
        ("kube_deployment_status_observed_generation", Still(7.0)),
        ("kube_deployment_spec_paused", Still(0.0)),
        ("kube_deployment_spec_replicas", Still(replicas)),
        (
            "kube_deployment_spec_strategy_rollingupdate_max_surge",
            Still(2.0),
        ),
        (
            "kube_deployment_spec_strategy_rollingupdate_max_unavailable",
            Still(1.0),
        ),
        ("kube_deployment_status_replicas", Still(replicas)),
        (
            "kube_deployment_status_replicas_available",
            Whole(REPLICAS - 1, REPLICAS),
        ),
        ("kube_deployment_status_replicas_ready", Still(replicas)),
        ("kube_deployment_status_replicas_unavailable", Whole(0, 1)),
        ("kube_deployment_status_replicas_updated", Still(replicas)),
    ] {
        push(name, &own, &[], moves, builder);
    }
    let label = [("label_app_kubernetes_io_name", &*deployment.name)];
    push("kube_deployment_labels", &own, &label, Still(1.0), builder);
    for (condition, reason) in [
        ("Available", "MinimumReplicasAvailable"),
        ("Progressing", "NewReplicaSetAvailable"),
    ] {
        let mut of_condition = own.to_vec();
        of_condition.extend([("condition", condition), ("reason", reason)]);
        one_of(
            "kube_deployment_status_condition",
            &of_condition,
            "status",
            &TRUTH,
            "true",
            builder,
        );
    }
    // The present one and two that were rolled out before.
    for revision in 0..3u64 {
        let set = match revision {
            0 => deployment.replica_set.clone(),
            old => format!(
                "{}-{}",
                deployment.name,
                kube_suffix(mix2(u64::from(deployment.number), 7 + old), 10)
            ),
        };
        let count = if revision == 0 { replicas } else { 0.0 };
        let own = [("namespace", &*deployment.namespace), ("replicaset", &*set)];
        let owner = [
            ("owner_is_controller", "true"),
            ("owner_kind", "Deployment"),
            ("owner_name", &*deployment.name),
        ];
        push("kube_replicaset_owner", &own, &owner, Still(1.0), builder);
        for (name, moves) in [
            ("kube_replicaset_created", Then),
            ("kube_replicaset_metadata_generation", Still(1.0)),
            ("kube_replicaset_spec_replicas", Still(count)),
            ("kube_replicaset_status_fully_labeled_replicas", Still(count)),
            ("kube_replicaset_status_observed_generation", Still(1.0)),
            ("kube_replicaset_status_ready_replicas", Still(count)),
            ("kube_replicaset_status_replicas", Still(count)),
        ] {
            push(name, &own, &[], moves, builder);
        }
    }
    let own = [
        ("namespace", &*deployment.namespace),
        ("service", &*deployment.name),
    ];
    let ip = format!(
        "172.20.{}.{}",
        deployment.number >> 8 & 255,
        deployment.number & 255
    );
    push(
        "kube_service_info",
        &own,
        &[("cluster_ip", &ip)],
        Still(1.0),
        builder,
    );
    push(
        "kube_service_spec_type",
        &own,
        &[("type", "ClusterIP")],
        Still(1.0),
        builder,
    );
    push("kube_service_created", &own, &[], Then, builder);
}
