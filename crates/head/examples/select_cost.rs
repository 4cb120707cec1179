//! What finding series costs: a Kubernetes-like million of them in one shard, one line per query.
//!
//!     cargo run --release -p vigie-head --example select_cost [series] [batches] [part of a query's text]
//!
//! Times are the processor's, of the fastest batch of runs. For instruction counts, run one query under `perf stat`.

#![expect(clippy::print_stdout, reason = "prints its measurements")]

use std::hint::black_box;

use vigie_head::batch::{BatchEncoder, Stamp, stamp};
use vigie_head::{DistinctTexts, Head, HeadOptions};
use vigie_model::{Labels, MatchOp, Matcher, ShardId, TenantId};

const START_MS: i64 = 1_700_000_000_000;
const SERIES_PER_POD: u32 = 50;

/// The kernel's accounts are brought up to date every few milliseconds.
const MEASURED_US: f64 = 100_000.0;
const APPS: [&str; 8] = [
    "checkout",
    "catalogue",
    "search",
    "accounts",
    "billing",
    "gateway",
    "mailer",
    "images",
];

/// A label and how it is matched; several are joined.
const QUERIES: [&str; 18] = [
    "pod=~.*-7f.*",
    "pod=~checkout-1.*",
    "pod=~(?i)CHECKOUT-1.*",
    "pod=~.*-7f.*|.*-8c.*|.*zz.*",
    "pod=~[a-z]+-[0-9]+-[0-9a-f]+-0.*",
    "pod!~.*-7f.*",
    "pod=~.+",
    "pod!~.+",
    "uid=~.*7f7f.*",
    "uid=~7f.*",
    "uid=~[0-9a-f]+7f7f",
    "uid!~.*7f7f.*",
    "namespace=~team-1|team-2|team-3",
    "namespace!~team-1|team-2|team-3",
    "__name__=metric_7 pod=~.*-7f.*",
    "__name__=metric_7 namespace=team-1 pod!~.*-7f.*",
    "__name__=~metric_1.* uid!=",
    "namespace=team-1 uid=~.*7f7f.*",
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u32| {
        arguments
            .get(at)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let (series, batches) = (number(0, 1_000_000), number(1, 3));
    let wanted = arguments.get(2).map_or("", String::as_str);
    let tenant = TenantId::anonymous();
    let head = head_with(series, &tenant);
    println!("{series} series");
    for text in QUERIES.iter().filter(|text| text.contains(wanted)) {
        let parse = || -> Vec<Matcher> { text.split(' ').map(matcher).collect() };
        let mut found = 0;
        let best_us = fastest_us(batches, || {
            found = black_box(head.select(&tenant, &parse())).len()
        });
        println!("{text:50} {found:8} series  {best_us:10.0} us");
    }
    for name in ["pod", "uid", "namespace"]
        .iter()
        .filter(|name| name.contains(wanted))
    {
        let matchers = [Matcher::equal("__name__", "metric_7")];
        let values = |matchers: &[Matcher], limit| {
            let mut found = DistinctTexts::default();
            head.label_values(&tenant, name, matchers, limit, &mut found);
            found.into_sorted()
        };
        let all_us = fastest_us(batches, || {
            black_box(values(&[], usize::MAX));
        });
        let limited_us = fastest_us(batches, || {
            black_box(values(&[], 100));
        });
        let matched_us = fastest_us(batches, || {
            black_box(values(&matchers, usize::MAX));
        });
        println!(
            "values of {name:12} all {all_us:10.0} us, any 100 {limited_us:10.0} us, of a metric {matched_us:10.0} us"
        );
    }
}

/// Microseconds a run, of the fastest of several batches that are each long enough to be measured.
fn fastest_us(batches: u32, mut run: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..batches {
        let (before, mut count) = (processor_us(), 0);
        let mut taken_us = 0.0;
        while taken_us < MEASURED_US {
            run();
            count += 1;
            taken_us = processor_us() - before;
        }
        best = best.min(taken_us / f64::from(count));
    }
    best
}

/// The thread's processor time, from the kernel's accounts in nanoseconds.
fn processor_us() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|text| text.parse::<f64>().ok());
    nanoseconds.expect("the kernel keeps accounts of threads") / 1e3
}

fn matcher(text: &str) -> Matcher {
    let operators = [
        ("=~", MatchOp::Regex),
        ("!~", MatchOp::NotRegex),
        ("!=", MatchOp::NotEqual),
        ("=", MatchOp::Equal),
    ];
    let parsed = operators.into_iter().find_map(|(sign, op)| {
        let (name, value) = text.split_once(sign)?;
        Matcher::new(op, name, value).ok()
    });
    parsed.expect("a query of the list is a matcher")
}

fn head_with(series: u32, tenant: &TenantId) -> Head {
    let mut head = Head::new(HeadOptions::new(ShardId(0)));
    for from in (0..series).step_by(2000) {
        let mut encoder = BatchEncoder::new();
        let owner = encoder.tenant(tenant);
        for number in from..series.min(from + 2000) {
            let index = encoder.declare(owner, labels(number).as_packed());
            encoder.push_declared(index, START_MS, f64::from(number));
        }
        let mut entry = encoder.finish();
        let stamped = Stamp {
            proposed_at_ms: START_MS,
            ..Stamp::default()
        };
        stamp(&mut entry, stamped).expect("a batch of our own making is stamped");
        head.apply(&entry).expect("a batch of our own making is applied");
    }
    head
}

/// Twelve labels, of which the pod is shared by 50 series and the uid by none.
fn labels(number: u32) -> Labels {
    let pod = number / SERIES_PER_POD;
    let deployment = pod / 5;
    let app = APPS[deployment as usize % APPS.len()];
    let mixed = |seed: u64| {
        (u64::from(number) + 1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29)
            ^ seed
    };
    let of_pod = (u64::from(pod) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let pairs = [
        ("__name__", format!("metric_{}", number % SERIES_PER_POD)),
        ("app", app.to_owned()),
        ("cluster", "eu-west-1".to_owned()),
        ("container", format!("c{}", number % 3)),
        ("endpoint", "http-metrics".to_owned()),
        ("instance", format!("10.{}.{}.7:8080", pod >> 8 & 255, pod & 255)),
        ("job", "kubelet".to_owned()),
        ("namespace", format!("team-{}", deployment % 12)),
        (
            "node",
            format!("ip-10-0-{}.eu-west-1.compute.internal", pod % 165),
        ),
        (
            "pod",
            format!(
                "{app}-{deployment}-{:08x}-{:05x}",
                of_pod >> 40,
                of_pod >> 20 & 0xf_ffff
            ),
        ),
        ("service", "kubelet".to_owned()),
        (
            "uid",
            format!(
                "{:016x}{:016x}",
                mixed(1),
                mixed(2).wrapping_mul(0xbf58_476d_1ce4_e5b9)
            ),
        ),
    ];
    Labels::from_pairs(pairs).expect("the labels are sorted and complete")
}
