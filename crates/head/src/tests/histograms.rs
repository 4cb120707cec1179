//! Histograms beside floats: what is acknowledged is read back, whatever came between.

use vigie_chunk::{AnyHistogram, FlatHistogram, SeriesSamples, read_series};
use vigie_model::{CounterResetHint, FloatHistogram, Histogram, Span, is_stale_nan, stale_nan};

use super::*;
use crate::batch::HistogramRecord;

/// A float, or a histogram that counts so many.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Value {
    Float(u64),
    Integer(u64),
    Decimal(u64),
}

impl Value {
    fn histogram(self) -> Option<FlatHistogram> {
        let count = match self {
            Value::Float(_) => return None,
            Value::Integer(count) | Value::Decimal(count) => count,
        };
        let histogram = Histogram {
            schema: 2,
            zero_threshold: f64::exp2(-128.0),
            zero_count: 1,
            count: count + 1,
            sum: count as f64 * 1.5,
            // Some have another layout.
            positive_spans: vec![Span {
                offset: (count % 3) as i32,
                length: 1,
            }],
            positive_deltas: vec![count as i64],
            ..Histogram::default()
        };
        match self {
            Value::Decimal(_) => FlatHistogram::from_float(&histogram.to_float()),
            _ => FlatHistogram::from_integer(&histogram),
        }
    }
}

fn record_of(record: &[u8]) -> HistogramRecord<'_> {
    HistogramRecord { start_ms: 7, record }
}

type MixedRow = (u8, i64, Value);

fn encode_mixed(rows: &[MixedRow], stamped: Stamp) -> Vec<u8> {
    let mut encoder = BatchEncoder::new();
    let owner = encoder.tenant(&tenant(0));
    for &(series, time_ms, value) in rows {
        let declared = encoder.declare(owner, series_labels(series).as_packed());
        match (value, value.histogram()) {
            (Value::Float(bits), _) => encoder.push_declared(declared, time_ms, f64::from_bits(bits)),
            (_, Some(histogram)) => {
                let mut record = Vec::new();
                histogram.write(&mut record);
                encoder.push_declared_histogram(declared, time_ms, record_of(&record));
            }
            (_, None) => {}
        }
    }
    let mut entry = encoder.finish();
    stamp(&mut entry, stamped).unwrap();
    assert_eq!(batch::verify(&entry), Ok(rows.len()));
    entry
}

/// From head and store.
fn read(head: &Head, store: &Store, number: u8) -> SeriesSamples {
    let matchers =
        [vigie_model::Matcher::new(vigie_model::MatchOp::Equal, "series", number.to_string()).unwrap()];
    let ids = head.select(&tenant(0), &matchers);
    let Some(&id) = ids.first() else {
        return SeriesSamples::default();
    };
    let mut chunks: Vec<Vec<u8>> = Vec::new();
    for (key, chunk) in store.chunks.iter().filter(|(key, _)| key.1 == id) {
        let (oldest, newest) = head
            .has_persisted(id)
            .expect("the head knows that the store has chunks");
        assert!(key.3 <= newest && key.3 >= oldest);
        chunks.push(chunk.clone());
    }
    let mut in_head = Vec::new();
    head.chunks(id, i64::MIN, i64::MAX, &mut in_head);
    assert_eq!(head.has_samples(id, i64::MIN, i64::MAX), !in_head.is_empty());
    chunks.extend(in_head.iter().map(|chunk| chunk.to_vec()));
    read_series(&chunks).unwrap()
}

const STAMP: Stamp = Stamp {
    proposed_at_ms: 10_000_000,
    out_of_order_window_ms: 0,
    max_exemplars: 0,
    flags: 0,
};

fn outcomes(head: &mut Head, rows: &[MixedRow], stamped: Stamp) -> (u32, u32, Vec<RowError>) {
    let outcome = head.apply(&encode_mixed(rows, stamped)).unwrap();
    let errors = outcome.rejected.iter().map(|(_, error)| *error).collect();
    (outcome.appended, outcome.duplicates, errors)
}

#[test]
fn the_rules_of_floats_hold_for_histograms() {
    use RowError::{DuplicateTimestamp, OutOfBounds, OutOfOrder, TooOld};
    use Value::{Decimal, Float, Integer};
    let one = 1.0f64.to_bits();
    let late = Stamp {
        out_of_order_window_ms: 5_000,
        ..STAMP
    };
    let mut head = new_head();
    for (row, stamped, expected) in [
        ((0, 1_000, Integer(1)), STAMP, Ok(true)),
        ((0, 1_000, Integer(1)), STAMP, Ok(false)),
        ((0, 1_000, Integer(2)), STAMP, Err(DuplicateTimestamp)),
        ((0, 1_000, Decimal(1)), STAMP, Err(DuplicateTimestamp)),
        ((0, 1_000, Float(one)), STAMP, Err(DuplicateTimestamp)),
        ((0, 2_000, Integer(2)), STAMP, Ok(true)),
        ((0, 1_000, Integer(1)), STAMP, Ok(false)),
        ((0, 1_500, Integer(1)), STAMP, Err(OutOfOrder)),
        ((0, 1_500, Float(one)), STAMP, Err(OutOfOrder)),
        ((0, 99_000_000, Integer(1)), STAMP, Err(OutOfBounds)),
        // Late ones.
        ((0, 1_500, Integer(1)), late, Ok(true)),
        ((0, 1_500, Integer(1)), late, Ok(false)),
        ((0, 1_500, Integer(2)), late, Err(DuplicateTimestamp)),
        ((0, 1_500, Float(one)), late, Err(DuplicateTimestamp)),
        ((0, 1_600, Float(one)), late, Ok(true)),
        ((0, 1_600, Integer(1)), late, Err(DuplicateTimestamp)),
        ((0, 1_000, Float(one)), late, Err(DuplicateTimestamp)),
        // The kind changes, and back.
        ((0, 3_000, Float(one)), STAMP, Ok(true)),
        ((0, 3_000, Integer(9)), STAMP, Err(DuplicateTimestamp)),
        ((0, 2_900, Integer(9)), STAMP, Err(OutOfOrder)),
        ((0, 4_000, Decimal(9)), STAMP, Ok(true)),
        ((0, 9_500, Decimal(9)), STAMP, Ok(true)),
        ((0, 1_700, Decimal(9)), late, Err(TooOld)),
    ] {
        let expected = match expected {
            Ok(true) => (1, 0, Vec::new()),
            Ok(false) => (0, 1, Vec::new()),
            Err(error) => (0, 0, vec![error]),
        };
        assert_eq!(outcomes(&mut head, &[row], stamped), expected, "{row:?}");
    }
    let samples = read(&head, &Store::default(), 0);
    assert_eq!(samples.times_ms, [1_600, 3_000]);
    let times: Vec<i64> = samples.histograms.iter().map(|sample| sample.time_ms).collect();
    assert_eq!(times, [1_000, 1_500, 2_000, 4_000, 9_500]);
    assert_eq!(
        Some(&samples.histograms[3].histogram),
        Decimal(9).histogram().as_ref()
    );
    assert_eq!(head.stats(&tenant(0), 5).chunk_count, 5);
}

#[test]
fn a_hint_is_kept_and_does_not_make_a_sample_another() {
    let mut head = new_head();
    let push = |head: &mut Head, hint| {
        let histogram = AnyHistogram::Float(FloatHistogram {
            counter_reset_hint: hint,
            count: 3.0,
            sum: 2.5,
            ..FloatHistogram::default()
        });
        let mut record = Vec::new();
        histogram.flatten().unwrap().write(&mut record);
        let mut encoder = BatchEncoder::new();
        let owner = encoder.tenant(&tenant(0));
        let declared = encoder.declare(owner, series_labels(0).as_packed());
        encoder.push_declared_histogram(declared, 1_000, record_of(&record));
        let mut entry = encoder.finish();
        stamp(&mut entry, STAMP).unwrap();
        head.apply(&entry).unwrap().appended
    };
    assert_eq!(push(&mut head, CounterResetHint::Gauge), 1);
    assert_eq!(push(&mut head, CounterResetHint::Unknown), 0);
    let samples = read(&head, &Store::default(), 0);
    let hint = samples.histograms[0].histogram.layout().hint;
    assert_eq!(hint, CounterResetHint::Gauge);
}

#[test]
fn a_stale_marker_after_histograms_becomes_one() {
    let mut head = new_head();
    let stale = Value::Float(stale_nan().to_bits());
    let rows = [
        (0, 1_000, Value::Integer(1)),
        (0, 2_000, stale),
        (0, 2_000, stale),
    ];
    assert_eq!(outcomes(&mut head, &rows, STAMP), (2, 1, Vec::new()));
    let samples = read(&head, &Store::default(), 0);
    assert!(samples.times_ms.is_empty());
    assert!(is_stale_nan(samples.histograms[1].histogram.to_float().sum));
    // After floats it stays one.
    let rows = [(1, 1_000, Value::Float(0)), (1, 2_000, stale)];
    assert_eq!(outcomes(&mut head, &rows, STAMP), (2, 0, Vec::new()));
    assert_eq!(read(&head, &Store::default(), 1).times_ms, [1_000, 2_000]);
}

#[test]
fn retention_knows_when_the_newest_is_a_histogram() {
    let mut head = new_head();
    let rows = [
        (0, 1_000, Value::Float(0)),
        (0, 2_000, Value::Integer(1)),
        (1, 1_000, Value::Integer(1)),
    ];
    assert_eq!(outcomes(&mut head, &rows, STAMP).0, 3);
    head.apply(&encode_retain(1_500)).unwrap();
    assert_eq!(head.series_count(), 1);
    assert_eq!(read(&head, &Store::default(), 0).histograms.len(), 1);
    assert!(read(&head, &Store::default(), 1).histograms.is_empty());
}

#[test]
fn nothing_is_left_of_histograms_of_series_that_are_gone() {
    let mut head = new_head();
    let late = Stamp {
        out_of_order_window_ms: 5_000,
        ..STAMP
    };
    let rows = [
        (0, 4_000, Value::Integer(1)),
        (0, 5_000, Value::Integer(2)),
        (1, 4_500, Value::Integer(1)),
    ];
    assert_eq!(outcomes(&mut head, &rows, STAMP).0, 3);
    let rows = [(0, 1_000, Value::Integer(1)), (0, 3_000, Value::Decimal(1))];
    assert_eq!(outcomes(&mut head, &rows, late).0, 2);
    head.apply(&encode_retain(2_000)).unwrap();
    assert_eq!(read(&head, &Store::default(), 0).histograms.len(), 3);
    head.apply(&encode_retain(4_800)).unwrap();
    assert_eq!((head.series_count(), head.histograms.len()), (1, 1));
    head.apply(&encode_retain(6_000)).unwrap();
    assert_eq!((head.series_count(), head.histograms.len()), (0, 0));
    assert_eq!(head.memory().open_chunks_bytes, 0);
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0u64..4).prop_map(|value| Value::Float((value as f64).to_bits())),
        (0u64..6).prop_map(Value::Integer),
        (0u64..6).prop_map(Value::Decimal),
    ]
}

proptest! {
    /// Batches of rows with steps in time, late ones among them, and checkpoints in between.
    #[test]
    fn what_is_acknowledged_is_read_back(
        batches in prop::collection::vec(
            (
                prop::collection::vec((0u8..3, -40_000i64..60_000, any_value()), 1..12),
                any::<bool>(),
                any::<bool>(),
            ),
            1..24,
        ),
    ) {
        let (mut head, mut replica) = (new_head(), new_head());
        let mut store = Store::default();
        let mut accepted: BTreeMap<(u8, i64), Vec<Value>> = BTreeMap::new();
        let mut now_ms = 100_000;
        for (at, (steps, takes_late, checkpoints)) in batches.into_iter().enumerate() {
            let stamped = Stamp {
                out_of_order_window_ms: if takes_late { 1_000_000 } else { 0 },
                ..STAMP
            };
            let rows: Vec<MixedRow> = steps
                .into_iter()
                .map(|(series, step_ms, value)| {
                    let time_ms = now_ms + step_ms;
                    now_ms = now_ms.max(time_ms - 20_000);
                    (series, time_ms, value)
                })
                .collect();
            let entry = encode_mixed(&rows, stamped);
            let outcome = head.apply(&entry).unwrap();
            prop_assert_eq!(&replica.apply(&entry).unwrap(), &outcome);
            for (row, &(series, time_ms, value)) in rows.iter().enumerate() {
                if !outcome.rejected.iter().any(|(rejected, _)| *rejected == row as u32) {
                    accepted.entry((series, time_ms)).or_default().push(value);
                }
            }
            if checkpoints {
                let image = replica.begin_checkpoint();
                store.write(&image, at);
                replica.checkpoint_done(image.token);
                replica = store.restore();
            }
            prop_assert_eq!(head.digest(), replica.digest());
        }
        for number in 0..3 {
            // The first has everything in memory, the other part of it in the store.
            let samples = read(&head, &Store::default(), number);
            prop_assert_eq!(&read(&replica, &store, number), &samples);
            let times = accepted.keys().filter(|key| key.0 == number).map(|key| key.1);
            let mut found: Vec<i64> = samples.times_ms.clone();
            found.extend(samples.histograms.iter().map(|sample| sample.time_ms));
            found.sort_unstable();
            prop_assert_eq!(found, times.collect::<Vec<_>>());
            for (time_ms, value) in samples.times_ms.iter().zip(&samples.values) {
                prop_assert!(accepted[&(number, *time_ms)].contains(&Value::Float(value.to_bits())));
            }
            for sample in &samples.histograms {
                let mut values = accepted[&(number, sample.time_ms)].iter();
                prop_assert!(values.any(|value| value.histogram().as_ref() == Some(&sample.histogram)));
            }
        }
    }
}
