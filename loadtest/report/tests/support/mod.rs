//! A comparison as a load test leaves it: three systems, one of them in two rounds, one with faults, one that fails.

use std::collections::BTreeMap;

use vigie_report::{
    Answers, Event, Figure, Generator, Interval, LatencyHistogram, Machine, Outcome, QueryResult, RunResult,
    SCHEMA_VERSION, Scenario, Setting, SystemRun, Totals, Verdict,
};

pub(crate) fn comparison() -> RunResult {
    RunResult {
        schema: SCHEMA_VERSION,
        title: "200 k series <steady> & a restart".to_owned(),
        started: "2026-11-25T10:00:00Z".to_owned(),
        machine: Machine {
            cpu_model: "Example CPU 9000".to_owned(),
            cores: 2,
            memory_bytes: 24 << 30,
            kernel: "6.12.0".to_owned(),
            disk: "ext4 on a virtual disk".to_owned(),
            load_before: [0.25, 0.5, 1.0],
        },
        scenario: Scenario {
            name: "steady-200k".to_owned(),
            text: "series: 200000\ninterval: 15s # \"</pre><script>alert(1)</script>\"\n".to_owned(),
            seed: 42,
        },
        systems: vec![
            system("Vigie", 1, 1.0),
            system("Prometheus", 1, 5.0),
            system("Victoria|Metrics", 1, 2.5),
            system("Vigie", 2, 1.1),
            failing(),
        ],
        remarks: vec!["The machine was <not> quiet: load 6 to 8.".to_owned()],
    }
}

pub(crate) fn single() -> RunResult {
    let mut result = comparison();
    result.systems.truncate(1);
    result
}

/// `cost` scales everything that is better when lower.
fn system(name: &str, round: u32, cost: f64) -> SystemRun {
    let samples = 24_000_000;
    let is_lossy = name.starts_with("Victoria");
    SystemRun {
        system: name.to_owned(),
        version: "3.14.0".to_owned(),
        round,
        outcome: Outcome::Finished,
        durability: if name == "Vigie" {
            "fsynced"
        } else {
            "in the page cache"
        }
        .to_owned(),
        settings: vec![Setting {
            name: "--storage.tsdb.retention.time".to_owned(),
            value: "30d".to_owned(),
            reason: "so that nothing is deleted while it is measured".to_owned(),
        }],
        totals: Totals {
            elapsed_seconds: 40.0 * cost,
            active_series: 200_000,
            samples_sent: samples,
            samples_acked: samples,
            requests_acked: 12_000,
            requests_refused: 0,
            requests_failed: u64::from(is_lossy) * 3,
            requests_missed: 0,
            bytes_sent: samples * 9,
            cpu_seconds: Figure::Value(21.0 * cost),
            cpu_seconds_settled: Figure::Value(22.0 * cost),
            resident_bytes_settled: Figure::Value(190e6 * cost),
            resident_bytes_peak: Figure::Value(230e6 * cost),
            disk_bytes_settled: if is_lossy {
                Figure::Failed("the compaction did not end".to_owned())
            } else {
                Figure::Value(24e6 * cost)
            },
            resident_bytes_after_restart: Figure::NotMeasured,
        },
        intervals: (0..120).map(|index| interval(index, cost)).collect(),
        ack_latency: histogram(1_500.0 * cost, 12_000),
        queries: vec![
            query("CPU busy", 900.0 * cost, Answers::NotChecked),
            query(
                "a name so long that it has no place beside the plot",
                60_000.0 * cost,
                if is_lossy {
                    Answers::Differ {
                        to: "Prometheus".to_owned(),
                        checked: 40,
                        differing: 40,
                        examples: vec!["{job=\"a\"} at 10: 1.5 and 1.25 <".to_owned()],
                    }
                } else {
                    Answers::Equal {
                        to: "Prometheus".to_owned(),
                        checked: 40,
                    }
                },
            ),
        ],
        query_cpu_seconds: Figure::Value(0.4 * cost),
        restart_seconds: if is_lossy {
            Figure::NotSupported
        } else {
            Figure::Value(2.5 * cost)
        },
        verdict: Some(verdict(is_lossy)),
        generator: Generator {
            cpu_seconds: Figure::Value(4.0),
            resident_bytes_peak: Figure::Value(80e6),
        },
        events: vec![Event {
            at_seconds: 60.0,
            what: "kill -9".to_owned(),
        }],
        remarks: Vec::new(),
    }
}

fn failing() -> SystemRun {
    SystemRun {
        system: "Mimir".to_owned(),
        version: "3.0".to_owned(),
        round: 1,
        outcome: Outcome::Failed("it ended by itself: out of memory".to_owned()),
        durability: "in the page cache".to_owned(),
        ..SystemRun::default()
    }
}

fn interval(index: u32, cost: f64) -> Interval {
    let wave = 1.0 + 0.15 * f64::from(index % 17) / 17.0;
    let is_down = (60..64).contains(&index);
    let latency = |us: f64| (!is_down).then_some((us * cost * wave) as u64);
    Interval {
        end_seconds: f64::from(index + 1),
        length_seconds: 1.0,
        samples_acked: if is_down {
            0
        } else {
            (200_000.0 * wave / cost.sqrt()) as u64
        },
        errors: if is_down { 50 } else { 0 },
        ack_p50_us: latency(1_500.0),
        ack_p99_us: latency(9_000.0),
        ack_p999_us: latency(30_000.0),
        queries: 10,
        query_p99_us: latency(40_000.0),
        cpu_seconds: (!is_down).then_some((0.2 * cost * wave).min(2.0)),
        resident_bytes: (!is_down).then_some((1e8 * cost * wave) as u64 + 1_000_000 * u64::from(index)),
        disk_bytes: Some((2e5 * cost) as u64 * u64::from(index + 1)),
        generator_cpu_seconds: Some(0.04),
    }
}

fn histogram(typical_us: f64, count: u32) -> LatencyHistogram {
    let mut histogram = LatencyHistogram::default();
    for index in 0..count {
        let spread = 0.5 + f64::from(index % 1000) / 1000.0 + f64::from(index % 97) / 20.0;
        histogram.record_us((typical_us * spread) as u64);
    }
    histogram
}

fn query(name: &str, typical_us: f64, answers: Answers) -> QueryResult {
    QueryResult {
        name: name.to_owned(),
        expr: "sum by (mode) (rate(node_cpu_seconds_total{mode!=\"idle\"}[5m])) < 1".to_owned(),
        latency: histogram(typical_us, 400),
        failed: 0,
        cpu_seconds: Figure::Value(typical_us * 2.9e-4),
        answers,
    }
}

fn verdict(is_lossy: bool) -> Verdict {
    let mut verdict = Verdict {
        samples_expected: 24_000_000,
        samples_read: 24_000_000,
        samples_exact: 23_999_000,
        samples_only_nan: 1_000,
        ..Verdict::default()
    };
    verdict.requests.acked = 12_000;
    if is_lossy {
        verdict.faults = BTreeMap::from([(vigie_ledger::Fault::WrongValue, 840_000)]);
    }
    verdict
}
