//! The ledger finds what is planted, at random places, and nothing else, whatever happened to requests.

mod support;

use proptest::prelude::*;
use proptest::sample::Index;
use support::Store;
use vigie_ledger::{
    Content, Example, Fate, Fault, HaPair, Ledger, Presence, Refusal, Rows, STALE_NAN_BITS, SampleValue,
    SeriesLabels, Verdict, VerifyOptions, verify,
};

/// What the system did with a request that it did not acknowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stored {
    All,
    FirstHalf,
    Nothing,
}

#[derive(Debug, Clone, Copy)]
enum Course {
    Acked,
    /// The first answer is lost, the same body is sent again.
    AckedOnRetry,
    Unknown(Stored),
    NotSent,
    /// 429 and the like.
    RefusedWhole,
    /// A 400 that names its first row; the others are stored.
    RefusedFirstRow,
    /// Two replicas, of which the system takes this one.
    Pair(u8),
}

#[derive(Debug, Clone)]
struct Run {
    hosts: u32,
    metrics: u32,
    courses: Vec<Course>,
    seed: u64,
}

fn course() -> impl Strategy<Value = Course> {
    let stored = prop_oneof![Just(Stored::All), Just(Stored::FirstHalf), Just(Stored::Nothing)];
    prop_oneof![
        6 => Just(Course::Acked),
        1 => Just(Course::AckedOnRetry),
        2 => stored.prop_map(Course::Unknown),
        1 => Just(Course::NotSent),
        1 => Just(Course::RefusedWhole),
        1 => Just(Course::RefusedFirstRow),
        1 => (0..2_u8).prop_map(Course::Pair),
    ]
}

fn run() -> impl Strategy<Value = Run> {
    let courses = prop::collection::vec(course(), 1..12);
    (1..4_u32, 1..4_u32, courses, any::<u64>()).prop_map(|(hosts, metrics, mut courses, seed)| {
        // So that there is always something to plant into.
        courses.push(Course::Acked);
        Run {
            hosts,
            metrics,
            courses,
            seed,
        }
    })
}

fn labels(host: u32, metric: u32) -> SeriesLabels {
    // The last host has no batch label.
    let instance = if host == 0 {
        String::new()
    } else {
        format!("host-{host}")
    };
    SeriesLabels::new([
        ("__name__", format!("metric_{metric}")),
        ("host", host.to_string()),
        ("instance", instance),
    ])
}

/// Ordinary values and those that codecs and texts trip over.
fn value(seed: u64) -> SampleValue {
    let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7;
    match mixed % 8 {
        0 => SampleValue::Float(STALE_NAN_BITS),
        1 => SampleValue::Float(0x7ff8_0000_0000_0000 | mixed & 0xffff),
        2 => SampleValue::float(-0.0),
        3 => SampleValue::float(f64::INFINITY),
        4 => SampleValue::Histogram(mixed),
        _ => SampleValue::float(mixed as f64 / 8.0),
    }
}

type Row = (SeriesLabels, i64, SampleValue);

/// What a run leaves: its journal, the system, and the samples that must be there and were acknowledged alone.
struct Played {
    dir: tempfile::TempDir,
    store: Store,
    certain: Vec<Row>,
}

fn play(run: &Run) -> Played {
    let dir = tempfile::tempdir().expect("make a directory");
    let ledger = Ledger::create(&dir.path().join("journal"), "a test").expect("create the journal");
    let mut played = Played {
        dir,
        store: Store::default(),
        certain: Vec::new(),
    };
    let begin = |samples: &[Row], pair: Option<HaPair>| {
        let mut rows = Rows::default();
        for (labels, time_ms, value) in samples {
            rows.push(ledger.series(labels).expect("record a series"), *time_ms, *value);
        }
        ledger
            .begin(Content::Rows(&rows), pair)
            .expect("record a request")
    };
    let settle = |request, fate| ledger.settle(request, &fate).expect("record a fate");
    for (round, course) in run.courses.iter().enumerate() {
        let samples = |replica: u64| -> Vec<Row> {
            (0..run.hosts * run.metrics)
                .map(|index| {
                    let time_ms = 1_000_000 + 15_000 * round as i64 + 7 * replica as i64;
                    let seed = run.seed ^ (round as u64) << 32 ^ u64::from(index) << 8 ^ replica;
                    (
                        labels(index / run.metrics, index % run.metrics),
                        time_ms,
                        value(seed),
                    )
                })
                .collect()
        };
        let own = samples(0);
        let half = own.len() / 2;
        let mut store = |rows: &[Row]| {
            for (labels, time_ms, value) in rows {
                played.store.put(labels, *time_ms, *value);
            }
        };
        match course {
            Course::Acked => {
                settle(begin(&own, None), Fate::Acked);
                store(&own);
                played.certain.extend(own);
            }
            Course::AckedOnRetry => {
                let request = begin(&own, None);
                settle(request, Fate::Unknown);
                settle(request, Fate::Acked);
                settle(request, Fate::from_status(Some(503)));
                // And once more as a request of its own.
                settle(begin(&own, None), Fate::Unknown);
                store(&own);
                played.certain.extend(own);
            }
            Course::Unknown(stored) => {
                let request = begin(&own, None);
                // No fate at all means the same.
                if run.seed.is_multiple_of(2) {
                    settle(request, Fate::from_status(None));
                }
                match stored {
                    Stored::All => store(&own),
                    Stored::FirstHalf => store(&own[..half]),
                    Stored::Nothing => {}
                }
            }
            Course::NotSent => settle(begin(&own, None), Fate::NotSent),
            Course::RefusedWhole => settle(begin(&own, None), Fate::from_status(Some(413))),
            Course::RefusedFirstRow => {
                let refusal = Refusal {
                    rows: vec![0],
                    named: Presence::MustNot,
                    rest: Presence::Must,
                };
                settle(begin(&own, None), Fate::Refused(refusal));
                store(&own[1..]);
                played.certain.extend_from_slice(&own[1..]);
            }
            Course::Pair(elected) => {
                for replica in 0..2_u8 {
                    let pair = HaPair {
                        id: round as u64,
                        replica,
                    };
                    let rows = samples(u64::from(replica));
                    settle(begin(&rows, Some(pair)), Fate::Acked);
                    if replica == *elected {
                        store(&rows);
                    }
                }
            }
        }
    }
    ledger.close().expect("close the journal");
    played
}

fn judge(played: &Played, store: &Store) -> Verdict {
    let options = VerifyOptions {
        // Several partitions and windows even for the smallest ledger.
        memory_bytes: 200,
        window_ms: 40_000,
        ..VerifyOptions::default()
    };
    let journal = played.dir.path().join("journal");
    verify(&journal, &options, None, &mut store.clone(), &mut |_| {}).expect("verify")
}

/// Exactly one fault, with one example at the place.
#[track_caller]
fn expect_one(verdict: &Verdict, fault: Fault, series: &SeriesLabels, time_ms: i64) {
    let places: Vec<(Fault, &str, Option<i64>)> = verdict
        .examples
        .iter()
        .map(
            |Example {
                 fault,
                 series,
                 time_ms,
                 ..
             }| (*fault, series.as_str(), *time_ms),
        )
        .collect();
    assert_eq!(
        places,
        [(fault, series.to_string().as_str(), Some(time_ms))],
        "{verdict}"
    );
    assert_eq!(verdict.faults.values().sum::<u64>(), 1, "{verdict}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_false_alarm(run in run()) {
        let played = play(&run);
        let exact = judge(&played, &played.store);
        prop_assert!(exact.is_clean(), "{exact}");
        prop_assert_eq!(exact.samples_exact, exact.samples_read);
        prop_assert_eq!(exact.samples_expected, played.certain.len() as u64);
        let json = judge(&played, &played.store.as_json_shows_it());
        prop_assert!(json.is_clean(), "{json}");
        prop_assert_eq!(json.samples_exact + json.samples_only_nan, json.samples_read);
    }

    #[test]
    fn a_planted_loss(run in run(), at in any::<Index>()) {
        let played = play(&run);
        let (labels, time_ms, _) = at.get(&played.certain);
        let mut store = played.store.clone();
        let samples = store.series.get_mut(labels).expect("the series is there");
        samples.retain(|(own, _)| own != time_ms);
        expect_one(&judge(&played, &store), Fault::Missing, labels, *time_ms);
    }

    #[test]
    fn a_planted_duplicate(run in run(), at in any::<Index>(), is_other_value: bool) {
        let played = play(&run);
        let (labels, time_ms, value) = at.get(&played.certain);
        let mut store = played.store.clone();
        store.put(labels, *time_ms, if is_other_value { SampleValue::float(0.125) } else { *value });
        expect_one(&judge(&played, &store), Fault::Duplicated, labels, *time_ms);
    }

    #[test]
    fn a_planted_wrong_value(run in run(), at in any::<Index>(), bit in 0..64_u32) {
        let played = play(&run);
        let (labels, time_ms, _) = at.get(&played.certain);
        let mut store = played.store.clone();
        for (own, value) in store.series.get_mut(labels).expect("the series is there") {
            if own == time_ms {
                *value = match *value {
                    SampleValue::Float(bits) => SampleValue::Float(bits ^ 1 << bit),
                    SampleValue::Histogram(bits) => SampleValue::Histogram(bits ^ 1 << bit),
                };
            }
        }
        expect_one(&judge(&played, &store), Fault::WrongValue, labels, *time_ms);
    }

    #[test]
    fn a_planted_series(run in run(), host in 0..5_u32) {
        let played = play(&run);
        let mut store = played.store.clone();
        let stranger = labels(host, 99);
        store.put(&stranger, 1_000_003, SampleValue::float(1.0));
        store.put(&stranger, 1_050_003, SampleValue::float(1.0));
        expect_one(&judge(&played, &store), Fault::UnexpectedSeries, &stranger, 1_000_003);
    }

    #[test]
    fn a_planted_sample(run in run(), at in any::<Index>(), offset_ms in 8..14_000_i64) {
        let played = play(&run);
        let (labels, time_ms, value) = at.get(&played.certain);
        let mut store = played.store.clone();
        store.put(labels, time_ms + offset_ms, *value);
        expect_one(&judge(&played, &store), Fault::UnexpectedSample, labels, time_ms + offset_ms);
    }
}
