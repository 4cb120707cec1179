//! What other load generators send, and services with histograms.

use std::sync::Arc;

use super::Builder;
use crate::native::NativeModel;
use crate::series::MetricKind::{Gauge, Histogram};
use crate::series::Text;
use crate::value::Value;

pub(super) fn classic(target: u32, histograms: u32, builder: &mut Builder<'_>) {
    service(target, builder);
    builder.family(
        "http_request_duration_seconds",
        Histogram,
        "How long requests took.",
    );
    for index in 0..histograms {
        let (handler, method, code) = request(index);
        let (rate, mean) = (
            5.0 / f64::from(index + 1) + 0.05,
            0.004 * f64::from(index % 7 + 1),
        );
        builder.classic_histogram(
            &[("handler", &handler), ("method", method), ("code", code)],
            rate,
            mean,
        );
    }
}

pub(super) fn native(target: u32, histograms: u32, buckets: u32, builder: &mut Builder<'_>) {
    service(target, builder);
    builder.family("rpc_request_duration_seconds", Histogram, "How long calls took.");
    for index in 0..histograms {
        let (handler, method, code) = request(index);
        let mut counters = Vec::new();
        for bucket in 0..buckets {
            let from_middle = f64::from(bucket) - f64::from(buckets) / 3.0;
            counters.push(builder.native_bucket(2.0 / (1.0 + from_middle * from_middle / 8.0)));
        }
        let model = NativeModel {
            schema: 3,
            first: -50 + (index % 10) as i32,
            buckets: counters,
        };
        let labels = [("handler", &*handler), ("method", method), ("code", code)];
        builder.push(&labels, Value::Native(Arc::new(model)));
    }
}

fn service(target: u32, builder: &mut Builder<'_>) {
    let name = format!("service-{}", target / 10);
    let pod = format!(
        "{name}-{}",
        crate::random::kube_suffix(builder.name_seed(u64::from(builder.generation)), 5)
    );
    let (b, c) = (target >> 8 & 0xff, target & 0xff);
    builder.target(&[
        ("instance", &format!("10.200.{b}.{c}:8080")),
        ("job", &name),
        ("namespace", "services"),
        ("pod", &pod),
        ("container", "app"),
    ]);
}

fn request(index: u32) -> (String, &'static str, &'static str) {
    let method = if index % 4 == 3 { "POST" } else { "GET" };
    let code = if index % 10 == 9 { "500" } else { "200" };
    (format!("/api/v1/resource-{index}"), method, code)
}

/// The labels and value of Mimir's k6 test: series i counts as one of 10^n series by the label `cardinality_1eN`.
pub(super) fn k6(first: u32, end: u32, builder: &mut Builder<'_>) {
    for series in first..end {
        let name = format!("k6_generated_metric_{}", series / 1_000);
        builder.family(&name, Gauge, "A generated metric.");
        let mut labels: Vec<(Text, Text)> = vec![("series_id".into(), series.to_string().into())];
        let mut group = series;
        for label in [
            "cardinality_1e1",
            "cardinality_1e2",
            "cardinality_1e3",
            "cardinality_1e4",
            "cardinality_1e5",
            "cardinality_1e6",
            "cardinality_1e7",
            "cardinality_1e8",
            "cardinality_1e9",
        ] {
            group /= 10;
            labels.push((label.into(), group.to_string().into()));
        }
        builder.push_labels(name, labels.into_iter(), Value::Time);
    }
}

pub(super) fn avalanche(metric: u32, series: u32, labels: u32, builder: &mut Builder<'_>) {
    let name = format!("avalanche_gauge_metric_mmmmm_0_{metric}");
    builder.target(&[("instance", "avalanche:9001"), ("job", "avalanche")]);
    builder.family(&name, Gauge, "A tasty metric morsel.");
    for id in 0..series {
        let mut own: Vec<(Text, Text)> = vec![
            ("series_id".into(), id.to_string().into()),
            ("cycle_id".into(), builder.generation.to_string().into()),
        ];
        for label in 0..labels {
            own.push((
                format!("label_key_kkkkk_{label}").into(),
                format!("label_val_vvvvv_{label}").into(),
            ));
        }
        let value = builder.step(0, 99, 30.0);
        builder.push_labels(name.clone(), own.into_iter(), value);
    }
}

pub(super) fn tsbs_cpu(host: u32, builder: &mut Builder<'_>) {
    const REGIONS: [&str; 9] = [
        "us-east-1",
        "us-west-1",
        "us-west-2",
        "eu-west-1",
        "eu-central-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-northeast-1",
        "sa-east-1",
    ];
    let region = REGIONS[builder.below(9) as usize];
    let zone = format!("{region}{}", ["a", "b", "c"][builder.below(3) as usize]);
    let rack = builder.below(100).to_string();
    let os = ["Ubuntu16.10", "Ubuntu16.04LTS", "Ubuntu15.10"][builder.below(3) as usize];
    let arch = ["x64", "x86"][builder.below(2) as usize];
    let team = ["SF", "NYC", "LON", "CHI"][builder.below(4) as usize];
    let service = builder.below(20).to_string();
    let version = builder.below(2).to_string();
    let environment = ["production", "staging", "test"][builder.below(3) as usize];
    builder.target(&[
        ("hostname", &format!("host_{host}")),
        ("region", region),
        ("datacenter", &zone),
        ("rack", &rack),
        ("os", os),
        ("arch", arch),
        ("team", team),
        ("service", &service),
        ("service_version", &version),
        ("service_environment", environment),
    ]);
    for field in [
        "user",
        "system",
        "idle",
        "nice",
        "iowait",
        "irq",
        "softirq",
        "steal",
        "guest",
        "guest_nice",
    ] {
        let value = builder.gauge(0.0, 100.0, 0);
        builder
            .family(&format!("cpu_usage_{field}"), Gauge, "Percent of CPU time.")
            .push(&[], value);
    }
}
