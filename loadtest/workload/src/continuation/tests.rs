//! Properties of what goes on, for recordings of any course.

use proptest::prelude::*;

use super::*;

const SCRAPES: usize = 40;

/// One recorded interval: observations in three buckets, an event, and levels of gauges in hundredths.
type Move = ([u8; 3], u8, u16, u8);

fn series(name: &str, le: &str, family: &str, kind: MetricKind, values: Vec<f64>) -> RecordedSeries {
    let mut labels = vec![
        ("__name__".to_owned(), name.to_owned()),
        ("instance".to_owned(), "host:9100".to_owned()),
    ];
    if !le.is_empty() {
        labels.push(("le".to_owned(), le.to_owned()));
    }
    RecordedSeries {
        labels,
        family: Arc::new(Family {
            name: family.to_owned(),
            kind,
            help: String::new(),
            unit: String::new(),
        }),
        bits: values.into_iter().map(f64::to_bits).collect(),
    }
}

/// Columns in this order; a histogram falls back to 0 after the scrapes in `resets`.
const BUCKET: usize = 0;
const COUNT: usize = 3;
const SUM: usize = 4;
const COUNTER: usize = 5;
const WALK: usize = 6;
const LEVEL: usize = 7;
const CONSTANT: usize = 8;
const NAN: usize = 9;
const CLOCK: usize = 10;
const PAGES: usize = 11;

fn recording(moves: &[Move], resets: &[usize]) -> Recording {
    let mut columns = vec![Vec::new(); 12];
    let mut buckets = [0u64; 3];
    let (mut events, mut sum) = (1_000u64, 0u64);
    for (scrape, (observed, happened, walk, level)) in moves.iter().enumerate() {
        if resets.contains(&scrape) {
            buckets = [0; 3];
            sum = 0;
        }
        let mut below = 0;
        for (bucket, new) in buckets.iter_mut().zip(observed) {
            // Most intervals see nothing.
            below += u64::from(new.saturating_sub(200));
            *bucket += below;
        }
        sum += below * 3;
        events += u64::from(happened.saturating_sub(128));
        for (column, bucket) in buckets.iter().enumerate() {
            columns[column].push(*bucket as f64);
        }
        columns[COUNT].push(buckets[2] as f64);
        columns[SUM].push(sum as f64 / 1_000.0);
        columns[COUNTER].push(events as f64 / 100.0);
        columns[WALK].push((f64::from(*walk) - 70_000.0) / 100.0);
        columns[LEVEL].push(f64::from(level.saturating_sub(128)) / 10.0);
        columns[CONSTANT].push(0.1);
        columns[NAN].push(if *level > 100 { f64::NAN } else { f64::INFINITY });
        columns[CLOCK].push(1.7e9 + scrape as f64 * 15.0 + f64::from(*level) / 1_000.0);
        columns[PAGES].push(f64::from(*walk + 1) * 4_096.0);
    }
    let histogram = |name, le| (name, le, "h", MetricKind::Histogram);
    let names = [
        histogram("h_bucket", "1"),
        histogram("h_bucket", "2"),
        histogram("h_bucket", "+Inf"),
        histogram("h_count", ""),
        histogram("h_sum", ""),
        ("c_total", "", "c_total", MetricKind::Counter),
        ("walk", "", "walk", MetricKind::Gauge),
        ("level", "", "level", MetricKind::Gauge),
        ("constant", "", "constant", MetricKind::Gauge),
        ("nan", "", "nan", MetricKind::Gauge),
        ("clock", "", "clock", MetricKind::Gauge),
        ("pages", "", "pages", MetricKind::Gauge),
    ];
    Recording {
        source: "test".into(),
        times_ms: (0..moves.len() as i64)
            .map(|i| 1_700_000_000_000 + i * 15_000)
            .collect(),
        series: names
            .into_iter()
            .zip(columns)
            .map(|((name, le, family, kind), values)| series(name, le, family, kind, values))
            .collect(),
    }
}

fn any_moves() -> impl Strategy<Value = Vec<Move>> {
    prop::collection::vec(
        (any::<[u8; 3]>(), any::<u8>(), 0..60_000u16, any::<u8>()),
        SCRAPES,
    )
}

fn host(recording: &Recording, seed: u64) -> RecordedHost {
    RecordedHost::new(&Arc::new(Continuation::new(recording).unwrap()), seed, 5)
}

fn recorded(recording: &Recording, column: usize) -> Vec<f64> {
    (0..SCRAPES)
        .filter_map(|scrape| recording.series[column].at(scrape))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_series_keeps_to_its_law(
        moves in any_moves(),
        resets in prop::collection::vec(1..SCRAPES, 0..3),
        seed: u64,
    ) {
        let recording = recording(&moves, &resets);
        let host = host(&recording, seed);
        let columns: Vec<_> = (0..12).map(|column| recorded(&recording, column)).collect();
        let mut last: Vec<f64> = (0..12).map(|column| host.value(column, 0)).collect();
        let offset = (0..SCRAPES).find(|at| columns.iter().zip(&last).all(|(c, v)| c[*at].to_bits() == v.to_bits()));
        prop_assert!(offset.is_some(), "the first values are recorded ones, to the bit");
        let decimal_places: Vec<_> =
            columns.iter().map(|c| c.iter().map(|v| decimals(*v)).max().unwrap()).collect();
        for round in 6..600 {
            let now: Vec<_> = (0..12).map(|column| host.value(column, round)).collect();
            prop_assert!(now[BUCKET] <= now[BUCKET + 1] && now[BUCKET + 1] <= now[BUCKET + 2], "{now:?}");
            prop_assert_eq!(now[BUCKET + 2], now[COUNT]);
            for column in [BUCKET, BUCKET + 1, BUCKET + 2, COUNT, SUM] {
                if now[column] < last[column] {
                    prop_assert!(resets.iter().any(|at| columns[column][*at] == now[column]));
                }
            }
            prop_assert!(now[COUNTER] >= last[COUNTER]);
            prop_assert!(now[CLOCK] > last[CLOCK]);
            for column in [WALK, LEVEL, PAGES] {
                let low = columns[column].iter().copied().fold(f64::INFINITY, f64::min);
                let high = columns[column].iter().copied().fold(f64::NEG_INFINITY, f64::max);
                prop_assert!((low..=high).contains(&now[column]), "{} of {low} to {high}", now[column]);
            }
            prop_assert_eq!(now[PAGES] % 4_096.0, 0.0);
            prop_assert_eq!(now[CONSTANT], 0.1);
            prop_assert!(!now[NAN].is_finite());
            for (column, places) in decimal_places.iter().enumerate() {
                prop_assert!(column == NAN || decimals(now[column]) <= *places, "{column}: {}", now[column]);
            }
            last = now;
        }
    }

    #[test]
    fn zeros_stay_as_frequent(moves in any_moves(), seed: u64) {
        const ROUNDS: u64 = 8_000;
        let recording = recording(&moves, &[]);
        let host = host(&recording, seed);
        for column in [BUCKET, COUNTER] {
            let values = recorded(&recording, column);
            let still = values.windows(2).filter(|pair| pair[0] == pair[1]).count() as f64 / (SCRAPES - 1) as f64;
            let course: Vec<_> = (5..ROUNDS).map(|round| host.value(column, round)).collect();
            let seen = course.windows(2).filter(|pair| pair[0] == pair[1]).count() as f64 / course.len() as f64;
            prop_assert!((seen - still).abs() < 0.1, "column {column}: {seen} instead of {still}");
        }
        let zeros = recorded(&recording, LEVEL)[1..].iter().filter(|value| **value == 0.0).count() as f64;
        let seen = (5..ROUNDS).filter(|round| host.value(LEVEL, *round) == 0.0).count() as f64;
        prop_assert!((seen / ROUNDS as f64 - zeros / (SCRAPES - 1) as f64).abs() < 0.1);
    }

    #[test]
    fn hosts_differ_and_come_back(moves in any_moves(), seed: u64) {
        let recording = recording(&moves, &[]);
        let continuation = Arc::new(Continuation::new(&recording).unwrap());
        let course = |host: &RecordedHost| -> Vec<u64> {
            (5..100).map(|round| host.value(WALK, round).to_bits()).collect()
        };
        let one = RecordedHost::new(&continuation, seed, 5);
        let first = course(&one);
        prop_assert_eq!(&course(&one), &first, "an earlier round is the same again");
        prop_assert_eq!(course(&RecordedHost::new(&continuation, seed, 5)).len(), first.len());
        let other = RecordedHost::new(&continuation, seed.wrapping_add(1), 5);
        prop_assert_ne!(course(&other), first);
    }
}

#[test]
fn decimals_are_those_of_the_shortest_text() {
    for (value, expected) in [
        (0.0, 0),
        (1.0, 0),
        (1.5, 1),
        (-0.001, 3),
        (1e-7, 7),
        (1.6e9, 0),
        (123.456, 3),
        (1e300, 0),
    ] {
        assert_eq!(decimals(value), expected, "{value}");
    }
}

#[test]
fn series_that_are_rarely_there_are_left_out_and_short_recordings_refused() {
    let mut recording = recording(&[([0; 3], 0, 0, 0); 12], &[]);
    recording.series[COUNTER].bits[..7].fill(crate::recording::ABSENT);
    assert_eq!(Continuation::new(&recording).unwrap().series.len(), 11);
    recording.times_ms.truncate(9);
    let error = Continuation::new(&recording).unwrap_err().to_string();
    assert!(error.contains("9 scrapes, too few"), "{error}");
}
