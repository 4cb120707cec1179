//! Recording rules: the vector of a query under another name.

use std::collections::{BTreeMap, BTreeSet};

use vigie_model::{Labels, METRIC_NAME};
use vigie_promql::Vector;

/// Labels with others set over them; an empty value removes a label.
pub(crate) fn label_set(base: &Labels, over: &BTreeMap<String, String>) -> Labels {
    let mut builder = base.to_builder();
    for (name, value) in over {
        builder.set(name, value.as_str());
    }
    builder.build()
}

/// The samples that a recording rule gives for the answer to its query.
pub(crate) fn record(
    name: &str,
    labels: &BTreeMap<String, String>,
    mut vector: Vector,
    limit: usize,
) -> Result<Vector, String> {
    let mut seen = BTreeSet::new();
    for sample in &mut vector {
        let mut builder = sample.labels.to_builder();
        builder.set(METRIC_NAME, name);
        for (name, value) in labels {
            builder.set(name, value.as_str());
        }
        sample.labels = builder.build();
        if !seen.insert(sample.labels.clone()) {
            return Err(
                "vector contains metrics with the same labelset after applying rule labels".to_owned(),
            );
        }
    }
    if limit > 0 && vector.len() > limit {
        return Err(format!("exceeded limit of {limit} with {} series", vector.len()));
    }
    Ok(vector)
}
