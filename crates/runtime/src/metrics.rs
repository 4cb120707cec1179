//! The process's own metrics.

use std::fmt::Debug;
use std::sync::Arc;

use parking_lot::RwLock;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::{Metric, Registry};

use crate::process::ProcessCollector;

/// The registry every role registers with at start; passed down, never global. Clones share it.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<RwLock<Registry>>,
}

impl Metrics {
    /// An empty registry but for the `process_*` metrics.
    pub fn new() -> Metrics {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(ProcessCollector));
        Metrics {
            registry: Arc::new(RwLock::new(registry)),
        }
    }

    /// Registers a metric and gives it back. Names follow OpenMetrics: counters without `_total`,
    /// which the encoder adds.
    pub fn register<M: Metric + Clone>(&self, name: &str, help: &str, metric: M) -> M {
        self.registry.write().register(name, help, metric.clone());
        metric
    }

    /// Registers figures that are read when someone scrapes.
    pub fn register_collector(&self, collector: Box<dyn Collector>) {
        self.registry.write().register_collector(collector);
    }

    /// Gives the registry to a component that registers by itself.
    pub fn with_registry<T>(&self, register: impl FnOnce(&mut Registry) -> T) -> T {
        register(&mut self.registry.write())
    }

    /// All metrics in OpenMetrics text 1.0.
    pub fn encode_openmetrics(&self) -> String {
        let mut text = String::with_capacity(64 << 10);
        // Writing to a string fails only if an encoder of ours does, and then what is there is valid.
        let _ = encode(&mut text, &self.registry.read());
        text
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

/// Histogram bounds in seconds, from 100 µs to 10 s, for anything a request waits for.
pub fn duration_buckets() -> impl Iterator<Item = f64> {
    [
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    ]
    .into_iter()
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    #[test]
    fn registered_metrics_are_encoded() {
        let metrics = Metrics::new();
        let counter: Counter = metrics.register("vigie_test", "Things tested", Counter::default());
        counter.inc_by(3);
        let text = metrics.encode_openmetrics();
        assert!(text.contains("vigie_test_total 3\n"), "{text}");
        assert!(text.contains("process_resident_memory_bytes "), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }
}
