//! A Kubernetes cluster as kube-state-metrics and the cAdvisor of each kubelet show it, under the labels that the
//! Prometheus operator's service monitors give.
//!
//! Units are nodes, pods and deployments; only pods churn, and a new one has a new name, as after a rollout.

mod cadvisor;
mod state;

use super::{Builder, node};
use crate::random::{hex, kube_suffix, mix2};
use crate::value::Value;

/// Pods of one deployment.
const REPLICAS: u32 = 5;
const NAMESPACES: u32 = 12;
const APPS: [&str; 8] = [
    "checkout",
    "catalogue",
    "search",
    "accounts",
    "billing",
    "gateway",
    "mailer",
    "images",
];
const CONTAINERS: [&str; 4] = ["app", "proxy", "log-shipper", "config-reloader"];

/// How many there are of everything.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cluster {
    pub(super) nodes: u32,
    pub(super) pods_per_node: u32,
    pub(super) containers_per_pod: u32,
}

impl Cluster {
    fn pods(&self) -> u32 {
        self.nodes * self.pods_per_node
    }

    pub(super) fn units(&self) -> u32 {
        self.nodes + self.pods() + self.pods().div_ceil(REPLICAS)
    }

    /// Whether a unit is a pod; nodes and deployments outlive a run.
    pub(super) fn churns(&self, unit: u32) -> bool {
        (self.nodes..self.nodes + self.pods()).contains(&unit)
    }

    pub(super) fn build(&self, unit: u32, builder: &mut Builder<'_>) {
        if unit < self.nodes {
            state::node(unit, self.pods_per_node, builder);
            cadvisor::machine(unit, builder);
            return;
        }
        let pod = unit - self.nodes;
        if pod < self.pods() {
            let pod = Pod::new(pod, self, builder);
            state::pod(&pod, builder);
            cadvisor::pod(&pod, builder);
        } else {
            state::deployment(&Deployment::new(pod - self.pods()), builder);
        }
    }
}

/// The names of a deployment; they follow from its number alone, as its pods bear them too.
struct Deployment {
    namespace: String,
    name: String,
    /// The one with pods.
    replica_set: String,
    number: u32,
}

impl Deployment {
    fn new(number: u32) -> Self {
        let name = format!("{}-{number}", APPS[number as usize % APPS.len()]);
        Self {
            namespace: format!("team-{}", number % NAMESPACES),
            replica_set: format!("{name}-{}", kube_suffix(mix2(u64::from(number), 7), 10)),
            name,
            number,
        }
    }

    fn image(&self, container: &str) -> String {
        let app = APPS[self.number as usize % APPS.len()];
        let version = self.number % 17;
        match container {
            "app" => format!("registry.example.com/shop/{app}:1.{version}.0"),
            other => format!("registry.example.com/platform/{other}:2.{version}.1"),
        }
    }
}

/// The names of a pod in its present generation.
struct Pod {
    deployment: Deployment,
    name: String,
    uid: String,
    ip: String,
    node: u32,
    containers: Vec<Container>,
}

struct Container {
    name: &'static str,
    image: String,
    /// 64 hexadecimal digits.
    id: String,
}

impl Pod {
    fn new(number: u32, cluster: &Cluster, builder: &Builder<'_>) -> Self {
        let deployment = Deployment::new(number / REPLICAS);
        let seed = builder.name_seed(u64::from(builder.generation) + 1);
        let digits = hex(seed, 32);
        let parts = [
            &digits[..8],
            &digits[8..12],
            &digits[12..16],
            &digits[16..20],
            &digits[20..],
        ];
        let containers = CONTAINERS
            .into_iter()
            .take(cluster.containers_per_pod as usize)
            .zip(1..)
            .map(|(name, salt)| Container {
                name,
                image: deployment.image(name),
                id: hex(mix2(seed, salt), 64),
            })
            .collect();
        Self {
            name: format!("{}-{}", deployment.replica_set, kube_suffix(seed, 5)),
            uid: parts.join("-"),
            ip: format!(
                "10.{}.{}.{}",
                128 + (seed >> 16 & 63),
                seed >> 8 & 255,
                seed & 255
            ),
            // One after the other, so that the pods of a deployment are spread.
            node: number % cluster.nodes,
            deployment,
            containers,
        }
    }
}

/// How a value moves, as the tables say it.
#[derive(Clone, Copy)]
enum Move {
    Still(f64),
    /// Events a second.
    Count(f64),
    /// Seconds a second, nine decimals.
    Seconds(f64),
    /// Bytes a second, in pages.
    Written(f64),
    /// Between two numbers of bytes, in pages.
    Bytes(f64, f64),
    /// A whole number from a range, another one each minute.
    Whole(u32, u32),
    /// The time of the scrape.
    Now,
    /// A time in seconds before any workload.
    Then,
}

impl Move {
    fn draw(self, builder: &mut Builder<'_>) -> Value {
        match self {
            Self::Count(0.0) | Self::Seconds(0.0) | Self::Written(0.0) => Value::Constant(0.0),
            Self::Still(value) => Value::Constant(value),
            Self::Count(rate) => builder.counter(rate),
            Self::Seconds(rate) => builder.seconds(rate, 9),
            Self::Written(rate) => builder.pieces(rate, 4096.0),
            Self::Bytes(low, high) => builder.multiples(low, high, 4096.0),
            Self::Whole(low, high) => builder.step(low, high, 60.0),
            Self::Now => Value::Time,
            Self::Then => builder.fixed(1.759e9, 1.767e9),
        }
    }
}
