//! What many queries come to, in one sentence per group.

use std::collections::BTreeMap;

use vigie_report::RunResult;

/// For each group of queries: the geometric mean, over its queries, of how much faster each other system was than
/// `reference` (medians of all answers), and how many queries that covers.
pub fn query_summary(result: &RunResult, reference: &str) -> Vec<String> {
    // By group and query, then by system.
    let mut medians: BTreeMap<&str, BTreeMap<&str, BTreeMap<&str, f64>>> = BTreeMap::new();
    for run in &result.systems {
        for query in &run.queries {
            let Some((group, name)) = query.name.split_once('/') else {
                continue;
            };
            if let Some(us) = query.latency.quantile_us(0.5) {
                let by_query = medians.entry(group).or_default();
                // Of several rounds the first counts.
                by_query
                    .entry(name)
                    .or_default()
                    .entry(&run.system)
                    .or_insert(us as f64);
            }
        }
    }
    let mut sentences = Vec::new();
    for (group, queries) in medians {
        for system in result.system_names() {
            if system == reference {
                continue;
            }
            let ratios: Vec<f64> = queries
                .values()
                .filter_map(|by_system| Some(by_system.get(reference)? / by_system.get(system)?))
                .collect();
            if ratios.is_empty() {
                continue;
            }
            let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
            let slower = ratios.iter().filter(|ratio| **ratio < 1.0).count();
            sentences.push(format!(
                "{group}: {system} answered {mean:.2} times as fast as {reference} (geometric mean of medians over {} \
                 queries, of which {slower} slower)",
                ratios.len()
            ));
        }
    }
    sentences
}

#[cfg(test)]
mod tests {
    use vigie_report::{LatencyHistogram, QueryResult, SystemRun};

    use super::*;

    fn run(system: &str, medians_us: &[u64]) -> SystemRun {
        let queries = medians_us.iter().enumerate().map(|(number, us)| {
            let mut latency = LatencyHistogram::default();
            latency.record_us(*us);
            QueryResult {
                name: format!("g/{number}"),
                latency,
                ..QueryResult::default()
            }
        });
        SystemRun {
            system: system.to_owned(),
            queries: queries.collect(),
            ..SystemRun::default()
        }
    }

    #[test]
    fn ratios_are_averaged_geometrically() {
        let result = RunResult {
            schema: 1,
            title: String::new(),
            started: String::new(),
            machine: vigie_report::Machine::default(),
            scenario: vigie_report::Scenario::default(),
            systems: vec![run("prometheus", &[1000, 1000]), run("vigie", &[100, 1000])],
            remarks: Vec::new(),
        };
        let expected = "g: vigie answered 3.16 times as fast as prometheus (geometric mean of medians over 2 queries, \
                        of which 0 slower)";
        assert_eq!(query_summary(&result, "prometheus"), [expected]);
    }
}
