//! What is asked while a workload of hosts or of a cluster is written: sets of queries, each query with a name.

use crate::duration::Millis;

/// An expression in PromQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query {
    /// Unique in its set; of a recording rule the name of its result.
    pub name: &'static str,
    pub expr: &'static str,
}

const SETS: &[(&str, &str)] = &[
    (
        "node-dashboards",
        include_str!("../queries/node-dashboards.promql"),
    ),
    (
        "kubernetes-dashboards",
        include_str!("../queries/kubernetes-dashboards.promql"),
    ),
    ("rules-200", include_str!("../queries/rules-200.promql")),
    ("heavy", include_str!("../queries/heavy.promql")),
];

/// Names of all sets.
pub fn names() -> impl Iterator<Item = &'static str> {
    SETS.iter().map(|(name, _)| *name)
}

/// Queries as a rule file of Prometheus: groups of `per_group`, each evaluated every `interval`. A name with a small first
/// letter is that of a recording rule, one with a large one that of an alert.
pub fn rule_file(queries: &[Query], per_group: usize, interval: Millis) -> String {
    let mut text = String::from("groups:\n");
    for (index, group) in queries.chunks(per_group.max(1)).enumerate() {
        text.push_str(&format!(
            "  - name: group-{index}\n    interval: {interval}\n    rules:\n"
        ));
        for query in group {
            let alerts = query.name.starts_with(|letter: char| letter.is_ascii_uppercase());
            let kind = if alerts { "alert" } else { "record" };
            // Between single quotes only they themselves need to be doubled.
            let expr = query.expr.replace('\'', "''");
            text.push_str(&format!(
                "      - {kind}: {}\n        expr: '{expr}'\n",
                query.name
            ));
        }
    }
    text
}

/// The queries of a set, in their order; empty if there is no such set.
///
/// `node-dashboards` is what dashboards refresh, `rules-200` 200 recording rules and alerts that have an answer each,
/// `heavy` what is asked once. They use metrics that a node_exporter host of at least 700 series has.
/// `kubernetes-dashboards` is for the `kubernetes` shape.
pub fn named(name: &str) -> Vec<Query> {
    SETS.iter()
        .filter(|(known, _)| *known == name)
        .flat_map(|(_, text)| text.lines())
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, expr)| Query { name, expr })
        .collect()
}
