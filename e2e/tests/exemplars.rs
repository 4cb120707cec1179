//! A real Prometheus and the system under test scrape the same pages in the same formats: OpenMetrics with exemplars,
//! protobuf, with and without its native histograms, and a real node_exporter asked for protobuf. Series and exemplars
//! must be the same.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use vigie_e2e::{
    Api, PageTarget, Peer, QueryData, StartOptions, System, SystemKind, differences, node_exporter, now_ms,
    percent_encode, wait_until,
};

const DEADLINE: Duration = Duration::from_secs(120);

const OPEN_METRICS: &str = "# TYPE requests counter\n\
    requests_total{path=\"/a\"} 7 # {trace_id=\"abc\",span=\"é\"} 0.5 1700000000.125\n\
    requests_total{path=\"/b\"} 3 # {trace_id=\"no time\"} 1\n\
    requests_total{path=\"/c\"} 3 # {} 1 1700000001\n\
    # TYPE latency_seconds histogram\n\
    latency_seconds_bucket{le=\"0.1\"} 3 # {trace_id=\"x1\"} 0.05 1700000000\n\
    latency_seconds_bucket{le=\"1.0\"} 5 # {trace_id=\"x2\"} 0.5 1700000060\n\
    latency_seconds_bucket{le=\"+Inf\"} 6\n\
    latency_seconds_count 6\nlatency_seconds_sum 3.5\n\
    latency_seconds_created 1699999999\n\
    # EOF\n";

/// What is asked of both, and whether times can be compared.
const QUERIES: [(&str, &str); 9] = [
    ("requests_total{path!=\"/b\"}", ""),
    ("rate(latency_seconds_bucket[5m])", ""),
    (
        "histogram_quantile(0.9, sum by (le) (rate(latency_seconds_bucket{job=\"om\"}[1m] offset 1h)))",
        "",
    ),
    (
        "requests_total{path=\"/a\"} / latency_seconds_bucket{le=\"1.0\"}",
        "",
    ),
    ("latency_seconds_bucket", "&start=1700000030&end=1700000100"),
    ("latency_seconds_bucket", "&start=1600000000&end=1600000001"),
    ("wire_total", ""),
    ("wire_seconds_bucket or wire_total", ""),
    ("nothing_of_the_kind", ""),
];

/// Asked wrongly.
const ERRORS: [&str; 4] = ["query=a(", "query=a&start=2&end=1", "query=a&start=x", ""];

#[test]
fn exemplars_and_series_are_those_of_prometheus() {
    if let Err(error) = compare() {
        panic!("{error:?}");
    }
}

fn compare() -> Result<()> {
    let dir = tempfile::tempdir().context("make a folder")?;
    let open_metrics = PageTarget::start(
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
        OPEN_METRICS.as_bytes(),
    )?;
    let wire = PageTarget::start(
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
        &protobuf_page(),
    )?;
    let node = node_exporter(dir.path())?;
    let config = scrape_config(&open_metrics, &wire, &node);
    let prometheus = start(SystemKind::Prometheus, "prometheus", dir.path(), &config)?;
    let vigie = start(SystemKind::Vigie, "vigie", dir.path(), &config)?;
    let (expected, actual) = (Api::new(prometheus.base_url())?, Api::new(vigie.base_url())?);
    for api in [&expected, &actual] {
        wait_until("three scrapes of each target", DEADLINE, || {
            let scrapes = api.instant("count_over_time(up[10m]) >= 3", now_ms()?)?;
            let up = api.instant("up == 1", now_ms()?)?;
            Ok(scrapes.series.len() == 4 && up.series.len() == 4)
        })?;
    }
    compare_series(&expected, &actual)?;
    compare_exemplars(&expected, &actual)
}

fn compare_series(expected: &Api, actual: &Api) -> Result<()> {
    let now_ms = now_ms()?;
    let pages = "last_over_time({job=~\"om|wire|native\", __name__!~\"scrape_.*|up|wire_seconds\"}[5m])";
    let names = "count by (__name__) (last_over_time({job=\"node\", __name__!~\"scrape_.*|up\"}[5m]))";
    let native = [
        "histogram_count(H)",
        "histogram_sum(H)",
        "histogram_quantile(0.7, H)",
    ]
    .map(|query| query.replace('H', "last_over_time(wire_seconds{job=\"native\"}[5m])"));
    let native = native.iter().map(|query| (&**query, 1));
    for (query, least) in [(pages, 11), (names, 11)].into_iter().chain(native) {
        let answer = |api: &Api| -> Result<QueryData> { api.instant(query, now_ms) };
        let (expected, actual) = (answer(expected)?, answer(actual)?);
        ensure!(expected.series.len() >= least, "{query} shows hardly anything");
        let found = differences(&expected, &actual, 0.0);
        ensure!(found.is_empty(), "{query}:\n  {}", found.join("\n  "));
    }
    Ok(())
}

fn compare_exemplars(expected: &Api, actual: &Api) -> Result<()> {
    for (query, range) in QUERIES {
        let path = format!("/api/v1/query_exemplars?query={}{range}", percent_encode(query));
        let (expected, actual) = (expected.get(&path)?, actual.get(&path)?);
        ensure!(
            (expected.status, &expected.body.trim()) == (actual.status, &actual.body.trim()),
            "{query} {range}:\n  {expected:?}\n  {actual:?}"
        );
    }
    // Without a time of its own an exemplar has that of the first scrape it was seen in.
    let path = "/api/v1/query_exemplars?query=requests_total%7Bpath%3D%22%2Fb%22%7D";
    let untimed = |api: &Api| -> Result<Value> {
        let mut data = api.get(path)?.data()?;
        let exemplar = &mut data[0]["exemplars"][0];
        ensure!(exemplar["timestamp"].as_f64().is_some(), "no time in {exemplar}");
        exemplar["timestamp"] = Value::Null;
        Ok(data)
    };
    let (wanted, got) = (untimed(expected)?, untimed(actual)?);
    ensure!(wanted == got, "{wanted}\n{got}");
    for parameters in ERRORS {
        let path = format!("/api/v1/query_exemplars?{parameters}");
        let (expected, actual) = (expected.get(&path)?, actual.get(&path)?);
        ensure!(
            expected.status == actual.status && kind(&expected) == kind(&actual),
            "{parameters}:\n  {expected:?}\n  {actual:?}"
        );
    }
    Ok(())
}

fn kind(answer: &vigie_e2e::Answer) -> Option<String> {
    answer.api_error().map(|(kind, _)| kind)
}

fn start(kind: SystemKind, name: &str, dir: &Path, config: &str) -> Result<System> {
    let dir = dir.join(name);
    std::fs::create_dir(&dir).context("make a folder")?;
    let options = StartOptions {
        scrape_config: config.to_owned(),
        extra_args: vec!["--enable-feature=exemplar-storage".to_owned()],
        ..StartOptions::new(dir)
    };
    System::start(kind, &options)
}

fn scrape_config(open_metrics: &PageTarget, wire: &PageTarget, node: &Peer) -> String {
    let mut config = "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n".to_owned();
    for (job, address, protocol) in [
        ("om", open_metrics.address(), "OpenMetricsText1.0.0"),
        ("wire", wire.address(), "PrometheusProto"),
        ("native", wire.address(), "PrometheusProto"),
        ("node", node.address(), "PrometheusProto"),
    ] {
        let native = job == "native";
        config += &format!(
            "  - job_name: {job}\n    scrape_protocols: [{protocol}]\n    scrape_native_histograms: {native}\n    \
             static_configs: [{{targets: ['{address}'], labels: {{instance: host-1}}}}]\n"
        );
    }
    config
}

/// A counter, a summary, and a histogram with classic and native buckets, as `MetricFamily` messages.
fn protobuf_page() -> Vec<u8> {
    let time = |seconds| varint(1, seconds);
    let exemplar = |id: &str, value, seconds| {
        [label("trace_id", id), double(2, value), bytes(3, &time(seconds))].concat()
    };
    let counter = [
        double(1, 7.0),
        bytes(2, &exemplar("w1", 0.5, 1_700_000_000)),
        bytes(3, &time(1_699_999_999)),
    ]
    .concat();
    let quantile = |of, value| bytes(3, &[double(1, of), double(2, value)].concat());
    let summary = [
        varint(1, 3),
        double(2, 4.5),
        quantile(0.5, 1.0),
        quantile(0.99, 2.0),
    ]
    .concat();
    let bucket = |count, bound, exemplar: Option<Vec<u8>>| {
        let exemplar = exemplar.map_or_else(Vec::new, |exemplar| bytes(3, &exemplar));
        bytes(3, &[varint(1, count), double(2, bound), exemplar].concat())
    };
    let histogram = [
        varint(1, 6),
        double(2, 9.0),
        bucket(2, 1.0, Some(exemplar("w2", 0.25, 1_700_000_001))),
        bucket(5, 2.5, Some(exemplar("w3", 2.0, 1_700_000_002))),
        // Schema 0, a zero bucket, and one span of two buckets with two and three observations.
        varint(5, 0),
        double(6, 0.001),
        varint(7, 1),
        bytes(12, &[varint(1, 0), varint(2, 2)].concat()),
        bytes(13, &[4, 2]),
    ]
    .concat();
    [
        family("wire_total", 0, &metric(3, &counter)),
        family("wire_summary", 2, &metric(4, &summary)),
        family("wire_seconds", 4, &metric(7, &histogram)),
    ]
    .concat()
}

fn family(name: &str, kind: u64, metric: &[u8]) -> Vec<u8> {
    let message = [
        bytes(1, name.as_bytes()),
        bytes(2, b"Help."),
        varint(3, kind),
        bytes(4, metric),
    ]
    .concat();
    [number(message.len() as u64), message].concat()
}

fn metric(field: u64, value: &[u8]) -> Vec<u8> {
    [label("path", "/\"é\""), bytes(field, value)].concat()
}

fn label(name: &str, value: &str) -> Vec<u8> {
    bytes(
        1,
        &[bytes(1, name.as_bytes()), bytes(2, value.as_bytes())].concat(),
    )
}

fn bytes(field: u64, content: &[u8]) -> Vec<u8> {
    [
        number(field << 3 | 2),
        number(content.len() as u64),
        content.to_vec(),
    ]
    .concat()
}

fn varint(field: u64, value: u64) -> Vec<u8> {
    [number(field << 3), number(value)].concat()
}

fn double(field: u64, value: f64) -> Vec<u8> {
    [number(field << 3 | 1), value.to_le_bytes().to_vec()].concat()
}

fn number(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}
