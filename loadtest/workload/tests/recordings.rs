//! From an exporter's pages to the requests of many hosts.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use vigie_workload::{Recorder, Recording, Request, ScrapedPage, Workload, WorkloadSpec};

/// Records twenty pages and returns the file's path.
fn record(name: &str) -> String {
    let target = BTreeMap::from([
        ("instance".to_owned(), "10.0.0.1:9100".to_owned()),
        ("job".to_owned(), "node".to_owned()),
    ]);
    let mut recorder = Recorder::new("a page of a test", target, 1_000);
    for scrape in 0..20u64 {
        let page = format!(
            "# HELP cpu_seconds_total Time.\n# TYPE cpu_seconds_total counter\ncpu_seconds_total{{cpu=\"0\"}} {}\n\
             # TYPE free_bytes gauge\nfree_bytes {}\ninfo{{version=\"1\"}} 1\n",
            1_000.25 + 0.13 * (scrape * scrape % 37 + scrape * 40) as f64,
            4_096 * (100 + scrape * 7 % 11),
        );
        let page = ScrapedPage::parse(&page).unwrap();
        recorder
            .add(1_700_000_000_000 + scrape as i64 * 15_000, &page)
            .unwrap();
    }
    let bytes = recorder.finish().to_bytes();
    assert_eq!(Recording::from_bytes(&bytes).unwrap().series.len(), 3);
    let path = format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&path, bytes).unwrap();
    path
}

fn spec(path: &str, rest: &str) -> WorkloadSpec {
    let yaml = format!("shapes: [recording: {{file: '{path}', hosts: 4}}]\nsenders: 1\n{rest}");
    WorkloadSpec::from_yaml(&yaml).unwrap()
}

#[test]
fn hosts_have_names_and_courses_of_their_own() {
    let path = record("courses.vgltrec");
    let workload = Workload::new(&spec(&path, "rounds: 100"), 1).unwrap();
    let mut stream = workload.stream(0);
    let mut rows = workload.stream(0).rows_only();
    let (mut request, mut beside) = (Request::default(), Request::default());
    let mut courses: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    while stream.next_request(&mut request) {
        assert!(rows.next_request(&mut beside));
        for (sample, again) in request.visit().zip(beside.visit()) {
            assert_eq!(
                (sample.key, sample.bits, sample.time_ms),
                (again.key, again.bits, again.time_ms)
            );
            courses.entry(sample.series_text()).or_default().push(sample.bits);
        }
    }
    assert_eq!(courses.len(), 12);
    assert!(
        courses.contains_key(r#"{__name__="cpu_seconds_total",cpu="0",instance="host-3:9100",job="node"}"#)
    );
    let counters = courses.iter().filter(|(text, _)| text.contains("cpu_seconds"));
    let different: BTreeSet<_> = counters.map(|(_, course)| course).collect();
    assert_eq!(different.len(), 4);
    for (text, course) in &courses {
        assert_eq!(course.len(), 100);
        let values: Vec<_> = course.iter().map(|bits| f64::from_bits(*bits)).collect();
        if text.contains("cpu_seconds") {
            assert!(values.is_sorted());
            assert!(
                values
                    .iter()
                    .all(|value| (value * 100.0).round() / 100.0 == *value)
            );
        }
        if text.contains("info") {
            assert!(values.iter().all(|value| *value == 1.0));
        }
    }
}

#[test]
fn replaced_hosts_have_other_names() {
    let path = record("churn.vgltrec");
    let churn = "rounds: 90\nchurn: {percent: 50}";
    let mut stream = Workload::new(&spec(&path, churn), 1).unwrap().stream(0);
    let mut names = BTreeSet::new();
    let mut request = Request::default();
    while stream.next_request(&mut request) {
        names.extend(request.visit().map(|sample| sample.series_text()));
    }
    assert!(
        names
            .iter()
            .any(|text| text.contains("-1:9100\"") && text.contains("instance=\"host-")),
        "{names:?}"
    );
}

#[test]
fn what_cannot_be_used_is_named() {
    let path = record("unusable.vgltrec");
    let error = |path: &str, rest: &str| Workload::new(&spec(path, rest), 1).unwrap_err().to_string();
    assert!(error("/nowhere/file", "").contains("read /nowhere/file"));
    let other = error(&path, "interval: 30s");
    assert!(
        other.contains("was recorded every 15s, but `interval` is 30s"),
        "{other}"
    );
    let text = format!("{}/text", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&text, "up 1\n").unwrap();
    assert!(error(&text, "").contains("not a recording"));
}

#[test]
fn workloads_of_other_recordings_have_other_names() {
    let path = record("named.vgltrec");
    let name = || Workload::new(&spec(&path, ""), 1).unwrap().fingerprint();
    let before = name();
    assert_eq!(name(), before);
    let mut recording = Recording::from_bytes(&std::fs::read(&path).unwrap()).unwrap();
    recording.source.push('2');
    std::fs::write(&path, recording.to_bytes()).unwrap();
    assert_ne!(name(), before);
}
