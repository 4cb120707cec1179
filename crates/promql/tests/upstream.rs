//! The scripts that Prometheus tests its own engine with, from the folder `VIGIE_PROMQLTEST_DATA`; run by
//! `make conformance-scripts`.
#![allow(clippy::print_stdout, reason = "says which evaluations fail")]

mod script;

use std::path::Path;

/// Every script and how many evaluations it has, all of which pass.
const SCRIPTS: [(&str, usize); 21] = [
    ("aggregators.test", 160),
    ("at_modifier.test", 71),
    ("collision.test", 2),
    ("duration_expression.test", 59),
    ("extended_vectors.test", 169),
    ("fill-modifier.test", 46),
    ("functions.test", 431),
    ("histograms.test", 185),
    ("info.test", 42),
    ("limit.test", 37),
    ("literals.test", 25),
    ("name_label_dropping.test", 30),
    ("native_histograms.test", 522),
    ("operators.test", 213),
    ("range_queries.test", 18),
    ("selectors.test", 31),
    ("staleness.test", 17),
    ("start_timestamps.test", 26),
    ("subquery.test", 34),
    ("trig_functions.test", 19),
    ("type_and_unit.test", 58),
];

#[test]
fn scripts_of_prometheus_pass() {
    let folder = std::env::var("VIGIE_PROMQLTEST_DATA").expect("VIGIE_PROMQLTEST_DATA is set");
    let folder = Path::new(&folder);
    let mut found: Vec<String> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".test"))
        .collect();
    found.sort();
    let known: Vec<&str> = SCRIPTS.iter().map(|(name, _)| *name).collect();
    assert_eq!(found, known);
    let mut failed = false;
    for (name, evaluations) in SCRIPTS {
        let report = script::run_file(&folder.join(name));
        println!(
            "{name}: {} of {} pass",
            report.evaluations - report.failures.len(),
            report.evaluations
        );
        for failure in &report.failures {
            println!(
                "{name}:{}: {}\n    {}",
                failure.line, failure.query, failure.reason
            );
        }
        failed |= report.evaluations != evaluations || !report.failures.is_empty();
    }
    assert!(!failed, "see above");
}
