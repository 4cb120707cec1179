//! The kinds of series: each shape deals in *units*, the smallest thing that churns and is scraped at one time.

mod builder;
mod kubernetes;
mod node;
mod synthetic;

pub(crate) use builder::Builder;

use crate::shape::kubernetes::Cluster;
use crate::spec::ShapeSpec;

/// A shape ready to be built.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    spec: ShapeSpec,
}

/// Series of one unit of k6.
const SYNTHETIC_UNIT: u32 = 1_000;

impl Shape {
    pub(crate) fn new(spec: &ShapeSpec) -> Self {
        Self { spec: spec.clone() }
    }

    fn cluster(&self) -> Option<Cluster> {
        match self.spec {
            ShapeSpec::Kubernetes {
                nodes,
                pods_per_node,
                containers_per_pod,
            } => Some(Cluster {
                nodes,
                pods_per_node,
                containers_per_pod,
            }),
            _ => None,
        }
    }

    /// Whether churn may replace a unit.
    pub(crate) fn churns(&self, unit: u32) -> bool {
        self.cluster().is_none_or(|cluster| cluster.churns(unit))
    }

    /// Hash of the files whose content decides what the shape sends, 0 for a shape that follows from the specification
    /// alone.
    pub(crate) fn inputs_hash(&self) -> u64 {
        // No shape reads a file yet; one that does must not answer 0 here, or a corpus made from an older content
        // would be replayed for the new one.
        match &self.spec {
            ShapeSpec::NodeExporter { .. }
            | ShapeSpec::Kubernetes { .. }
            | ShapeSpec::ClassicHistograms { .. }
            | ShapeSpec::NativeHistograms { .. }
            | ShapeSpec::K6 { .. }
            | ShapeSpec::Avalanche { .. }
            | ShapeSpec::TsbsCpu { .. } => 0,
        }
    }

    /// How many units there are.
    pub(crate) fn units(&self) -> u32 {
        match &self.spec {
            ShapeSpec::NodeExporter { hosts, .. } | ShapeSpec::TsbsCpu { hosts } => *hosts,
            ShapeSpec::ClassicHistograms { targets, .. } | ShapeSpec::NativeHistograms { targets, .. } => {
                *targets
            }
            ShapeSpec::K6 { series } => series.div_ceil(SYNTHETIC_UNIT),
            ShapeSpec::Avalanche { metrics, .. } => *metrics,
            ShapeSpec::Kubernetes { .. } => self.cluster().map_or(0, |cluster| cluster.units()),
        }
    }

    pub(crate) fn build(&self, unit: u32, builder: &mut Builder<'_>) {
        match &self.spec {
            ShapeSpec::NodeExporter {
                series_per_host,
                style,
                ..
            } => {
                node::build(unit, *series_per_host, *style, builder);
            }
            ShapeSpec::ClassicHistograms {
                histograms_per_target,
                ..
            } => {
                synthetic::classic(unit, *histograms_per_target, builder);
            }
            ShapeSpec::NativeHistograms {
                histograms_per_target,
                buckets,
                ..
            } => {
                synthetic::native(unit, *histograms_per_target, *buckets, builder);
            }
            ShapeSpec::K6 { series } => {
                let first = unit * SYNTHETIC_UNIT;
                synthetic::k6(first, (first + SYNTHETIC_UNIT).min(*series), builder);
            }
            ShapeSpec::Avalanche {
                series_per_metric,
                labels,
                ..
            } => {
                synthetic::avalanche(unit, *series_per_metric, *labels, builder);
            }
            ShapeSpec::TsbsCpu { .. } => synthetic::tsbs_cpu(unit, builder),
            ShapeSpec::Kubernetes { .. } => {
                if let Some(cluster) = self.cluster() {
                    cluster.build(unit, builder);
                }
            }
        }
    }
}
