//! Pages for scrapers, read back and held against what streams send.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use vigie_workload::{MetricKind, Request, ScrapedPage, SeriesKey, Workload, WorkloadSpec};

/// What scrapers make themselves.
const OF_SCRAPERS: [&str; 2] = ["__name__=\"up\"", "__name__=\"scrape_"];

const EVERYTHING: &str = "shapes:
  - node_exporter: {hosts: 3, series_per_host: 1000}
  - classic_histograms: {targets: 2}
  - k6: {series: 1500}
  - tsbs_cpu: {hosts: 2}
  - kubernetes: {nodes: 2, pods_per_node: 4}
churn: {percent: 30, interval: 30s}
rounds: 9
senders: 2
";

fn workload(yaml: &str) -> Workload {
    Workload::new(&WorkloadSpec::from_yaml(yaml).unwrap(), 7).unwrap()
}

/// Key and bits of all samples of a round, as streams send them.
fn sent(workload: &Workload, round: u64) -> BTreeMap<SeriesKey, u64> {
    let mut samples = BTreeMap::new();
    for sender in 0..2 {
        let mut stream = workload.stream(sender);
        let mut request = Request::default();
        while stream.next_request(&mut request) {
            if request.round == round {
                let visited = request.visit().filter(|sample| {
                    let text = sample.series_text();
                    !OF_SCRAPERS.iter().any(|name| text.contains(name))
                });
                samples.extend(visited.map(|sample| (sample.key, sample.bits)));
            }
        }
    }
    samples
}

#[test]
fn pages_have_what_streams_send() {
    let workload = workload(EVERYTHING);
    let mut expositions: Vec<_> = workload.expositions().collect();
    // Series of k6 and TSBS have no target's labels; each shape is one page.
    assert_eq!(expositions.len(), 3 + 2 + 1 + 1 + 3);
    let mut page = Vec::new();
    // Back and forth, so that replaced targets come back.
    for round in [0, 5, 8, 4] {
        let expected = sent(&workload, round);
        let mut seen = BTreeMap::new();
        for exposition in &mut expositions {
            exposition.render(round, &mut page);
            let text = std::str::from_utf8(&page).unwrap();
            let parsed = ScrapedPage::parse(text).unwrap();
            assert_eq!(parsed.samples.len(), exposition.series());
            for sample in &parsed.samples {
                let own = sample.labels.iter().chain(exposition.target_labels());
                let key = SeriesKey::of_labels(own.map(|(name, value)| (&**name, &**value)));
                seen.insert(key, sample.value.to_bits());
            }
        }
        assert!(
            seen == expected,
            "round {round}: {} and {}",
            seen.len(),
            expected.len()
        );
    }
}

#[test]
fn families_stand_together_behind_their_comments() {
    let workload = workload("shapes: [node_exporter: {hosts: 1}]\nexternal_labels: {cluster: a}");
    let mut exposition = workload.expositions().next().unwrap();
    let mut page = Vec::new();
    exposition.render(3, &mut page);
    let text = std::str::from_utf8(&page).unwrap();
    assert!(text.contains("# TYPE node_cpu_seconds_total counter\nnode_cpu_seconds_total{"));
    assert!(!text.contains("cluster=") && !text.contains("instance=") && !text.contains("job="));
    assert!(!text.contains("\nup "));
    let parsed = ScrapedPage::parse(text).unwrap();
    let mut closed = BTreeSet::new();
    for pair in parsed.samples.windows(2) {
        assert_ne!(pair[0].family.kind, MetricKind::Unknown);
        if pair[0].family != pair[1].family {
            assert!(
                closed.insert(&pair[0].family.name),
                "{} comes twice",
                pair[0].family.name
            );
        }
    }
}

#[test]
fn native_histograms_are_left_out() {
    let workload = workload("shapes: [native_histograms: {targets: 1}]");
    let mut exposition = workload.expositions().next().unwrap();
    let mut page = vec![1];
    exposition.render(0, &mut page);
    assert!(page.is_empty());
}
