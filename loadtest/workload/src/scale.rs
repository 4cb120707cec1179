//! The same workload at another size.

use crate::spec::{ShapeSpec, WorkloadSpec};

impl WorkloadSpec {
    /// Multiplies how many targets each shape has, or series where there are no targets; at least one of each stays.
    pub fn scale(&mut self, factor: f64) {
        for shape in &mut self.shapes {
            let count = match shape {
                ShapeSpec::NodeExporter { hosts, .. }
                | ShapeSpec::TsbsCpu { hosts }
                | ShapeSpec::Recording { hosts, .. } => hosts,
                ShapeSpec::Kubernetes { nodes, .. } => nodes,
                ShapeSpec::ClassicHistograms { targets, .. }
                | ShapeSpec::NativeHistograms { targets, .. } => targets,
                ShapeSpec::K6 { series } => series,
                ShapeSpec::Avalanche {
                    series_per_metric, ..
                } => series_per_metric,
            };
            *count = (f64::from(*count) * factor).round().max(1.0) as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_keeps_one_target() {
        let mut spec = WorkloadSpec::from_yaml("shapes: [tsbs_cpu: {hosts: 400}, k6: {series: 3}]").unwrap();
        spec.scale(0.1);
        let expected = [ShapeSpec::TsbsCpu { hosts: 40 }, ShapeSpec::K6 { series: 1 }];
        assert_eq!(spec.shapes, expected);
    }
}
