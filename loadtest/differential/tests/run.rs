//! Whole runs against two systems that are made up: whether planted differences are found, reduced and
//! told apart from questions without a sharp answer.

use std::cell::Cell;
use std::collections::BTreeMap;

use anyhow::{Result, bail};
use vigie_differential::{
    Answer, DifferenceKind, DifferentialReport, Labels, Options, Query, Queryable, RunSpec, Schema,
    Tolerance, run,
};

/// Answers one sample that follows from the text alone, unless the text holds what it gets wrong.
struct System {
    wrong_about: &'static str,
    asked: Cell<u64>,
}

impl System {
    fn new(wrong_about: &'static str) -> Self {
        Self {
            wrong_about,
            asked: Cell::new(0),
        }
    }
}

impl Queryable for System {
    fn name(&self) -> &str {
        "made up"
    }

    fn ask(&self, query: &Query) -> Result<Answer> {
        self.asked.set(self.asked.get() + 1);
        let wrong = !self.wrong_about.is_empty() && query.text().contains(self.wrong_about);
        let value = if wrong { 2 } else { 1 };
        let body = format!(
            r#"{{"status":"success","data":{{"resultType":"vector","result":[{{"metric":{{}},"value":[1,"{value}"]}}]}}}}"#
        );
        Answer::parse(200, &body)
    }
}

/// Never answers.
struct Gone;

impl Queryable for Gone {
    fn name(&self) -> &str {
        "gone"
    }

    fn ask(&self, _query: &Query) -> Result<Answer> {
        bail!("connection refused")
    }
}

fn schema() -> Schema {
    let labels = |name: &str| -> Labels {
        [("__name__", name), ("job", "web")]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    };
    Schema::new(vec![labels("a_total"), labels("b")], &BTreeMap::new())
}

fn check(a: &dyn Queryable, b: &dyn Queryable) -> DifferentialReport {
    let mut options = Options::new(1_700_000_000_000, 1_700_010_000_000);
    options.wrong_percent = 0;
    options.damaged_percent = 0;
    let spec = RunSpec {
        seeds: vec![1, 2],
        queries_per_seed: 200,
        options,
        tolerance: Tolerance::default(),
        max_differences: 5,
        minimise_budget: 500,
    };
    let mut told = 0;
    let report = run(&spec, &schema(), a, b, &mut |progress| {
        told += 1;
        assert_eq!(progress.done, told);
    });
    assert_eq!(report.queries, told);
    // A reader of the report must get back what was written.
    let json = serde_json::to_string(&report).expect("a report is plain data");
    let read: DifferentialReport = serde_json::from_str(&json).expect("what was written can be read");
    assert_eq!(read, report);
    report
}

#[test]
fn equal_systems_are_clean() {
    let report = check(&System::new(""), &System::new(""));
    assert!(report.is_clean());
    assert_eq!((report.queries, report.valid, report.different), (400, 400, 0));
    assert!(report.coverage.contains_key("rate()") && report.coverage.contains_key("subquery"));
}

#[test]
fn a_planted_fault_is_found_and_reduced_to_its_cause() {
    let report = check(&System::new(""), &System::new("rate("));
    assert!(report.different > 5, "{}", report.different);
    assert_eq!(report.differences.len(), 5);
    for found in &report.differences {
        assert_eq!(found.kind, DifferenceKind::Value);
        assert!(!found.ill_conditioned);
        assert!(
            found.minimal_query.len() <= "irate(a_total[1s])".len() && found.minimal_query.contains("rate("),
            "{} from {}",
            found.minimal_query,
            found.query
        );
    }
    assert!(!report.is_clean());
}

#[test]
fn a_system_that_is_gone_ends_the_run() {
    let report = check(&System::new(""), &Gone);
    assert_eq!(report.queries, 10);
    assert_eq!(
        report.ended_early.as_deref(),
        Some("gone gave no answer: connection refused")
    );
    assert!(!report.is_clean());
}
