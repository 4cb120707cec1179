//! What streams send, read back by decoders that know nothing of the encoders.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use vigie_workload::{Protocol, Request, SeriesKey, Workload, WorkloadSpec};

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
    #[prost(int64, tag = "3")]
    start_timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct ExemplarV1 {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(double, tag = "2")]
    value: f64,
    #[prost(int64, tag = "3")]
    timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct ExemplarV2 {
    #[prost(uint32, repeated, tag = "1")]
    labels_refs: Vec<u32>,
    #[prost(double, tag = "2")]
    value: f64,
    #[prost(int64, tag = "3")]
    timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(sint32, tag = "1")]
    offset: i32,
    #[prost(uint32, tag = "2")]
    length: u32,
}

#[derive(Clone, PartialEq, Message)]
struct Histogram {
    #[prost(uint64, tag = "1")]
    count: u64,
    #[prost(double, tag = "3")]
    sum: f64,
    #[prost(sint32, tag = "4")]
    schema: i32,
    #[prost(double, tag = "5")]
    zero_threshold: f64,
    #[prost(uint64, tag = "6")]
    zero_count: u64,
    #[prost(message, repeated, tag = "11")]
    spans: Vec<Span>,
    #[prost(sint64, repeated, tag = "12")]
    deltas: Vec<i64>,
    #[prost(int64, tag = "15")]
    timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct SeriesV1 {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    exemplars: Vec<ExemplarV1>,
    #[prost(message, repeated, tag = "4")]
    histograms: Vec<Histogram>,
}

#[derive(Clone, PartialEq, Message)]
struct MetadataV1 {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "4")]
    help: String,
}

#[derive(Clone, PartialEq, Message)]
struct RequestV1 {
    #[prost(message, repeated, tag = "1")]
    series: Vec<SeriesV1>,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<MetadataV1>,
}

#[derive(Clone, PartialEq, Message)]
struct MetadataV2 {
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(uint32, tag = "3")]
    help_ref: u32,
    #[prost(uint32, tag = "4")]
    unit_ref: u32,
}

#[derive(Clone, PartialEq, Message)]
struct SeriesV2 {
    #[prost(uint32, repeated, tag = "1")]
    labels_refs: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    histograms: Vec<Histogram>,
    #[prost(message, repeated, tag = "4")]
    exemplars: Vec<ExemplarV2>,
    #[prost(message, optional, tag = "5")]
    metadata: Option<MetadataV2>,
}

#[derive(Clone, PartialEq, Message)]
struct RequestV2 {
    #[prost(string, repeated, tag = "4")]
    symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    series: Vec<SeriesV2>,
}

/// A series of either version, symbols resolved.
struct Decoded {
    labels: Vec<(String, String)>,
    samples: Vec<Sample>,
    histograms: Vec<Histogram>,
    exemplars: usize,
}

fn decode(request: &Request) -> Vec<Decoded> {
    let raw = snap::raw::Decoder::new().decompress_vec(&request.body).unwrap();
    match request.protocol {
        Protocol::V1 => {
            let decoded = RequestV1::decode(&*raw).unwrap();
            // The decoder leaves zeros out when it writes again, and unknown fields, of which there must be none.
            let samples = decoded.series.iter().flat_map(|one| &one.samples);
            let zeros = samples.filter(|sample| sample.value.to_bits() == 0).count();
            assert!(
                decoded.encoded_len() + 9 * zeros >= raw.len(),
                "something is left over"
            );
            let series = decoded.series.into_iter().map(|one| Decoded {
                labels: one
                    .labels
                    .into_iter()
                    .map(|label| (label.name, label.value))
                    .collect(),
                samples: one.samples,
                histograms: one.histograms,
                exemplars: one
                    .exemplars
                    .iter()
                    .filter(|e| e.labels[0].value.len() == 32)
                    .count(),
            });
            series.collect()
        }
        Protocol::V2 => {
            let RequestV2 { symbols, series } = RequestV2::decode(&*raw).unwrap();
            assert_eq!(symbols[0], "");
            let series = series.into_iter().map(|one| {
                let metadata = one.metadata.unwrap();
                assert!(metadata.kind > 0 && !symbols[metadata.help_ref as usize].is_empty());
                let texts: Vec<_> = one
                    .labels_refs
                    .iter()
                    .map(|r| symbols[*r as usize].clone())
                    .collect();
                let trace = |e: &ExemplarV2| {
                    symbols[e.labels_refs[0] as usize] == "trace_id"
                        && symbols[e.labels_refs[1] as usize].len() == 32
                };
                Decoded {
                    labels: texts
                        .chunks_exact(2)
                        .map(|pair| (pair[0].clone(), pair[1].clone()))
                        .collect(),
                    samples: one.samples,
                    histograms: one.histograms,
                    exemplars: one.exemplars.iter().filter(|e| trace(e)).count(),
                }
            });
            series.collect()
        }
    }
}

/// What a whole workload came to.
#[derive(Debug, Default, PartialEq)]
struct Totals {
    series: BTreeSet<String>,
    samples: u64,
    histograms: u64,
    exemplars: u64,
    late: u64,
    tenants: BTreeMap<String, u64>,
}

/// Runs every stream of a specification to its end: what is decoded must be what the request says of itself, nothing
/// may come twice, labels must be sorted, and rows alone must be the same as rows with bodies.
fn check(yaml: &str) -> Totals {
    let spec = WorkloadSpec::from_yaml(yaml).unwrap();
    let workload = Workload::new(&spec, 7).unwrap();
    let mut totals = Totals::default();
    let mut seen = BTreeSet::new();
    for sender in 0..spec.senders {
        let mut stream = workload.stream(sender);
        let mut rows_only = workload.stream(sender).rows_only();
        let mut newest: BTreeMap<SeriesKey, i64> = BTreeMap::new();
        let (mut request, mut rows) = (Request::default(), Request::default());
        while stream.next_request(&mut request) {
            assert!(rows_only.next_request(&mut rows));
            let bare = |r: &Request| r.visit().map(|s| (s.key, s.time_ms, s.bits)).collect::<Vec<_>>();
            assert_eq!(bare(&request), bare(&rows));
            assert!(rows.body.is_empty());
            assert!(request.samples <= spec.max_samples_per_request);
            let decoded = decode(&request);
            assert_eq!(decoded.len(), request.samples as usize);
            let mut exemplars = 0;
            for (one, sample) in decoded.iter().zip(request.visit()) {
                let labels = one.labels.iter().map(|(name, value)| (&**name, &**value));
                assert!(one.labels.is_sorted_by(|a, b| a.0 < b.0), "{:?}", one.labels);
                assert_eq!(SeriesKey::of_labels(labels), sample.key);
                assert_eq!(SeriesKey::of_text(&sample.series_text()), sample.key);
                match (&*one.samples, &*one.histograms) {
                    ([float], []) => {
                        assert!(!sample.is_native);
                        assert_eq!(
                            (float.timestamp, float.value.to_bits()),
                            (sample.time_ms, sample.bits)
                        );
                        assert!(float.start_timestamp < float.timestamp);
                    }
                    ([], [histogram]) => {
                        assert!(sample.is_native);
                        assert_eq!(histogram.timestamp, sample.time_ms);
                        let mut count = 0;
                        let mut all = histogram.zero_count;
                        for delta in &histogram.deltas {
                            count += delta;
                            all += u64::try_from(count).unwrap();
                        }
                        assert_eq!(all, histogram.count);
                        assert_eq!(histogram.spans[0].length as usize, histogram.deltas.len());
                    }
                    _ => panic!("not one sample a series"),
                }
                let last = newest.entry(sample.key).or_insert(i64::MIN);
                totals.late += u64::from(sample.time_ms < *last);
                *last = sample.time_ms.max(*last);
                assert!(
                    seen.insert((sample.key, sample.time_ms)),
                    "sent twice: {}",
                    sample.series_text()
                );
                totals.series.insert(sample.series_text());
                exemplars += one.exemplars;
            }
            assert_eq!(exemplars, request.exemplars as usize);
            totals.samples += u64::from(request.samples);
            totals.histograms += u64::from(request.histograms);
            totals.exemplars += u64::from(request.exemplars);
            let tenant = request.tenant.as_deref().unwrap_or_default().to_owned();
            *totals.tenants.entry(tenant).or_default() += u64::from(request.samples);
        }
        assert!(!rows_only.next_request(&mut rows));
    }
    totals
}

fn check_both(yaml: &str) -> Totals {
    let first = check(&format!("{yaml}\nprotocol: v1"));
    assert_eq!(
        first,
        check(&format!("{yaml}\nprotocol: v2")),
        "the protocols carry the same data"
    );
    first
}

#[test]
fn hosts_have_the_series_asked_for() {
    for size in [100, 500, 1230] {
        let totals = check_both(&format!(
            "shapes: [{{node_exporter: {{hosts: 3, series_per_host: {size}}}}}]\nrounds: 3"
        ));
        assert_eq!(totals.series.len(), 3 * size);
        assert_eq!(totals.samples, 9 * size as u64);
        assert_eq!(totals.late, 0);
    }
}

#[test]
fn histograms_classic_and_native_come_with_exemplars() {
    let totals = check_both(
        "shapes: [classic_histograms: {targets: 2}, native_histograms: {targets: 2}]\nrounds: 4\nexemplars: 0.2",
    );
    assert_eq!(totals.histograms, 2 * 20 * 4);
    assert!(totals.exemplars > 100, "{}", totals.exemplars);
}

#[test]
fn synthetic_workloads_have_their_sizes() {
    let totals = check_both(
        "shapes: [k6: {series: 2500}, tsbs_cpu: {hosts: 5}, avalanche: {metrics: 3, series_per_metric: 7}]\nrounds: 2",
    );
    assert_eq!(totals.series.len(), 2500 + 50 + 21);
}

#[test]
fn pods_of_a_cluster_are_replaced_and_nothing_else() {
    let shape = "shapes: [kubernetes: {nodes: 3, pods_per_node: 5}]\nrounds: 3";
    let quiet = check_both(shape).series;
    let totals = check_both(&format!("{shape}\nchurn: {{percent: 100, interval: 15s}}"));
    let of_pods = quiet.iter().filter(|series| series.contains("pod=\"")).count();
    assert_eq!(totals.series.len(), quiet.len() + 2 * of_pods);
    assert_eq!(of_pods, 15 * 184);
    assert_eq!(quiet.len() - of_pods, 3 * 251 + 1 + 3 * 46);
}

#[test]
fn late_samples_are_all_sent_once() {
    let totals = check_both(
        "shapes: [node_exporter: {hosts: 2, series_per_host: 200}]\nrounds: 20\nout_of_order: {share: 0.1, depth: 1m}",
    );
    assert_eq!(totals.samples, 2 * 200 * 20);
    assert!((400..1200).contains(&totals.late), "{}", totals.late);
}

#[test]
fn churn_replaces_series_and_pairs_double_them() {
    let shape = "shapes: [node_exporter: {hosts: 4, series_per_host: 100}]\nrounds: 9";
    let churn = check_both(&format!("{shape}\nchurn: {{percent: 100, interval: 45s}}"));
    assert_eq!(churn.series.len(), 3 * 400);
    let some = check_both(&format!("{shape}\nchurn: {{percent: 40, interval: 15s}}"));
    assert!((500..4_000).contains(&some.series.len()));
    let pair = check_both(&format!("{shape}\nha: {{}}\nexternal_labels: {{cluster: other}}"));
    assert_eq!(pair.series.len(), 800);
    assert!(
        pair.series
            .iter()
            .all(|series| series.contains("cluster=\"ha-cluster\""))
    );
}

#[test]
fn tenants_follow_the_power_law() {
    let totals = check_both(
        "shapes: [node_exporter: {hosts: 60, series_per_host: 100}]\nrounds: 2\ntenants: {count: 4, noisy_share: 0.5}",
    );
    let sizes: Vec<_> = totals.tenants.values().collect();
    assert_eq!(totals.tenants["noisy"], 30 * 200);
    assert!(
        totals.tenants["tenant-0"] > totals.tenants["tenant-3"],
        "{sizes:?}"
    );
    assert_eq!(sizes.into_iter().sum::<u64>(), 60 * 200);
}

#[test]
fn two_thirds_of_a_host_are_constant() {
    let spec =
        WorkloadSpec::from_yaml("shapes: [node_exporter: {hosts: 2}]\nsenders: 1\nrounds: 40").unwrap();
    let mut stream = Workload::new(&spec, 3).unwrap().stream(0).rows_only();
    let mut values: BTreeMap<SeriesKey, BTreeSet<u64>> = BTreeMap::new();
    let mut request = Request::default();
    while stream.next_request(&mut request) {
        request.visit().for_each(|sample| {
            values.entry(sample.key).or_default().insert(sample.bits);
        });
    }
    let constant = values.values().filter(|bits| bits.len() == 1).count();
    assert!(
        (60..72).contains(&(100 * constant / values.len())),
        "{constant} of {}",
        values.len()
    );
}

#[test]
fn counters_never_fall_and_buckets_are_cumulative() {
    let yaml =
        "shapes: [node_exporter: {hosts: 2}, classic_histograms: {targets: 2}]\nsenders: 1\nrounds: 100";
    let mut stream = Workload::new(&WorkloadSpec::from_yaml(yaml).unwrap(), 11)
        .unwrap()
        .stream(0)
        .rows_only();
    let mut last: BTreeMap<SeriesKey, (String, f64)> = BTreeMap::new();
    let mut request = Request::default();
    while stream.next_request(&mut request) {
        let mut bucket = 0.0;
        for sample in request.visit() {
            let value = f64::from_bits(sample.bits);
            let (text, before) = last
                .entry(sample.key)
                .or_insert_with(|| (sample.series_text(), value));
            if ["_total\"", "_bucket\"", "_sum\"", "_count\""]
                .iter()
                .any(|end| text.contains(end))
            {
                assert!(value >= *before, "{text} fell from {before} to {value}");
            }
            *before = value;
            if text.contains("_bucket\"") {
                assert!(
                    text.contains("le=\"0.005\"") || value >= bucket,
                    "{text} is below the bucket before it"
                );
                bucket = value;
            }
        }
    }
}

#[test]
fn a_backfill_is_due_at_once_and_the_rest_in_time() {
    let yaml = "shapes: [tsbs_cpu: {hosts: 4}]\nsenders: 1\nrounds: 8\nbackfill: {history: 1m}";
    let mut stream = Workload::new(&WorkloadSpec::from_yaml(yaml).unwrap(), 1)
        .unwrap()
        .stream(0);
    let mut request = Request::default();
    while stream.next_request(&mut request) {
        match request.round {
            0..4 => assert_eq!(request.due_ms, 0),
            round => assert!((round as i64 * 15_000 - 60_000..75_000).contains(&request.due_ms)),
        }
    }
}

#[test]
fn metadata_of_the_first_version_comes_beside_the_samples() {
    let spec = WorkloadSpec::from_yaml("shapes: [tsbs_cpu: {hosts: 4}]\nsenders: 1").unwrap();
    let mut stream = Workload::new(&spec, 1).unwrap().stream(0);
    let body = stream.metadata_request(0).unwrap();
    let raw = snap::raw::Decoder::new().decompress_vec(&body).unwrap();
    let decoded = RequestV1::decode(&*raw).unwrap();
    assert_eq!((decoded.series.len(), decoded.metadata.len()), (0, 10));
    assert_eq!(
        (decoded.metadata[0].kind, &*decoded.metadata[0].name),
        (2, "cpu_usage_guest")
    );
    assert!(!decoded.metadata[0].help.is_empty());
    assert_eq!(stream.metadata_request(59_999), None);
    assert!(stream.metadata_request(60_000).is_some());
}

#[test]
fn specifications_are_read_strictly() {
    for (yaml, expected) in [
        ("shapes: []", "`shapes` is empty"),
        ("shapes: [k6: {series: 1}]\nintervall: 5s", "intervall"),
        ("shapes: [k6: {serie: 1}]", "serie"),
        ("shapes: [k6: {series: 1}]\ninterval: 5", "no duration"),
        (
            "shapes: [k6: {series: 1}]\nchurn: {percent: 101}",
            "`churn.percent` is 101",
        ),
        (
            "shapes: [k6: {series: 1}]\nchurn: {percent: 1, interval: 20s}",
            "a multiple of `interval`, 15s",
        ),
        (
            "shapes: [node_exporter: {hosts: 0}]",
            "`hosts` is 0; it must be between 1 and",
        ),
    ] {
        let error = WorkloadSpec::from_yaml(yaml).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let spec = WorkloadSpec::from_yaml("shapes: [k6: {series: 1}]\ntenants: {count: 2}").unwrap();
    let error = Workload::new(&spec, 1).unwrap_err().to_string();
    assert!(error.contains("only 1 targets"), "{error}");
    for name in ["prometheus-benchmark", "k6", "tsbs-cpu", "avalanche"] {
        WorkloadSpec::named(name).unwrap();
    }
    assert!(
        WorkloadSpec::named("nothing")
            .unwrap_err()
            .to_string()
            .contains("tsbs-cpu")
    );
}
