//! Start times of floats, from a batch to the chunks of head and store.

use vigie_chunk::{SeriesSamples, read_series};

use super::*;

/// Series, time, start, value.
type Started = (u8, i64, i64, f64);

fn batch(rows: &[Started]) -> Vec<u8> {
    let mut encoder = BatchEncoder::new();
    let owner = encoder.tenant(&tenant(0));
    for &(series, time_ms, start_ms, value) in rows {
        let declared = encoder.declare(owner, series_labels(series).as_packed());
        encoder.next_began_at(start_ms);
        encoder.push_declared(declared, time_ms, value);
    }
    let mut entry = encoder.finish();
    let stamped = Stamp {
        proposed_at_ms: 1_000_000,
        out_of_order_window_ms: 1_000_000,
        flags: 0,
        max_exemplars: 0,
    };
    stamp(&mut entry, stamped).unwrap();
    entry
}

fn read(head: &Head, store: &Store, number: u32) -> SeriesSamples {
    let mut chunks = Vec::new();
    head.chunks(SeriesId(number), i64::MIN, i64::MAX, &mut chunks);
    let stored = store.chunks.iter().filter(|(key, _)| key.1 == SeriesId(number));
    chunks.extend(stored.map(|(_, chunk)| chunk.clone().into()));
    read_series(&chunks).unwrap()
}

/// Applies batches, with a checkpoint and a restart after each or without any; both ways series 0 has these
/// times and start times.
#[track_caller]
fn check(batches: &[&[Started]], times_ms: &[i64], starts_ms: &[i64]) {
    let (mut plain, mut head, mut store) = (new_head(), new_head(), Store::default());
    for rows in batches {
        let entry = batch(rows);
        assert_eq!(head.apply(&entry).unwrap(), plain.apply(&entry).unwrap());
        let image = head.begin_checkpoint();
        store.write(&image, 0);
        head = store.restore();
        assert_eq!(head.digest(), plain.digest());
    }
    for samples in [read(&head, &store, 0), read(&plain, &Store::default(), 0)] {
        assert_eq!(
            (&samples.times_ms[..], &samples.starts_ms[..]),
            (times_ms, starts_ms)
        );
    }
}

#[test]
fn each_float_keeps_its_start() {
    check(
        &[
            &[(0, 1000, 500, 1.0), (1, 1000, 0, 1.0), (0, 2000, 500, 2.0)],
            &[(0, 3000, 0, 3.0), (0, 4000, 3500, 1.0)],
        ],
        &[1000, 2000, 3000, 4000],
        &[500, 500, 0, 3500],
    );
}

#[test]
fn without_start_times_there_is_no_column() {
    check(&[&[(0, 1000, 0, 1.0), (1, 1000, 5, 1.0)]], &[1000], &[]);
}

#[test]
fn sealed_and_late_samples_keep_their_starts() {
    let in_order: Vec<Started> = (20..40).map(|at| (0, at * 1000, at, at as f64)).collect();
    let late: Vec<Started> = (0..19).map(|at| (0, at * 1000 + 5, -at, at as f64)).collect();
    let next_window = [(0, WINDOW_MS + 1, 77, 1.0), (0, WINDOW_MS - 1, 76, 1.0)];
    let mut times_ms: Vec<i64> = late.iter().chain(&in_order).map(|row| row.1).collect();
    let mut starts_ms: Vec<i64> = late.iter().chain(&in_order).map(|row| row.2).collect();
    times_ms.extend([WINDOW_MS - 1, WINDOW_MS + 1]);
    starts_ms.extend([76, 77]);
    check(&[&in_order, &late, &next_window], &times_ms, &starts_ms);
}

#[test]
fn the_first_word_on_a_sample_stays() {
    let mut head = new_head();
    head.apply(&batch(&[(0, 1000, 500, 1.0), (0, 2000, 500, 2.0)]))
        .unwrap();
    let again = head
        .apply(&batch(&[(0, 1000, 600, 1.0), (0, 2000, 0, 2.0)]))
        .unwrap();
    assert_eq!((again.appended, again.duplicates), (0, 2));
    assert_eq!(read(&head, &Store::default(), 0).starts_ms, [500, 500]);
}

#[test]
fn start_times_go_with_their_samples() {
    let mut head = new_head();
    let memory = |head: &Head| head.starts.len();
    head.apply(&batch(&[
        (0, 90_000, 500, 1.0),
        (0, 80_000, 500, 2.0),
        (1, 1000, 5, 1.0),
    ]))
    .unwrap();
    assert_eq!(memory(&head), 2);
    head.apply(&encode_retain(85_000)).unwrap();
    assert_eq!(memory(&head), 1);
    assert_eq!(read(&head, &Store::default(), 0).starts_ms, [500]);
    assert!(head.starts.values().all(|starts| starts.late().is_none()));
    // Sealed, and followed by one without.
    head.apply(&batch(&[(0, WINDOW_MS + 5, 0, 1.0)])).unwrap();
    assert_eq!(memory(&head), 0);
    assert_eq!(read(&head, &Store::default(), 0).starts_ms, [500, 0]);
}

/// What a checkpoint said before there were start times, and still says without them.
#[test]
fn records_of_series_without_start_times_are_as_they_were() {
    let record = |start_ms| {
        let mut head = new_head();
        head.apply(&batch(&[(0, 1000, start_ms, 1.0)])).unwrap();
        let image = head.begin_checkpoint();
        let (_, record) = image.heads.iter().next().unwrap();
        record
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    assert_eq!(record(0), GOLDEN_RECORD);
    assert_eq!(record(500), GOLDEN_RECORD_WITH_START);
}

const GOLDEN_RECORD: &str = "01ffffffff0000000101000001d00f00000000000000f03fd00f0905c3a34f";
const GOLDEN_RECORD_WITH_START: &str =
    "03ffffffff0000000000050105010001e807000001d00f00000000000000f03fd00f098b8efb63";
