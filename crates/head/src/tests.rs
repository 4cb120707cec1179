//! The head against a naive model, replicas against each other, and restarts.

mod churn;
mod histograms;
mod model;
mod selecting;
mod starts;

use std::collections::BTreeMap;

use proptest::prelude::*;
use vigie_model::{Labels, Matcher, SeriesId, ShardId, TenantId};

use crate::batch::{BatchEncoder, Stamp, encode_retain, stamp};
use crate::*;
use model::Model;

pub(super) const WINDOW_MS: i64 = 100_000;
pub(super) const SAMPLES_PER_CHUNK: usize = 8;
pub(super) const BYTES_PER_CHUNK: usize = 24;

pub(super) fn new_head() -> Head {
    Head::new(HeadOptions {
        shard: ShardId(3),
        window_ms: WINDOW_MS,
        samples_per_chunk: SAMPLES_PER_CHUNK,
        bytes_per_chunk: BYTES_PER_CHUNK,
    })
}

pub(super) fn tenant(number: u8) -> TenantId {
    TenantId::new(&format!("tenant-{number}")).unwrap()
}

pub(super) fn series_labels(number: u8) -> Labels {
    let number = number.to_string();
    Labels::from_pairs([("__name__", "metric"), ("series", &number), ("shared", "yes")]).unwrap()
}

pub(super) fn texts(found: DistinctTexts) -> Vec<String> {
    let texts = found.into_sorted();
    texts
        .iter()
        .map(|text| String::from_utf8(text.to_vec()).unwrap())
        .collect()
}

pub(super) fn label_values(head: &Head, name: &str, matchers: &[Matcher], limit: usize) -> Vec<String> {
    let mut found = DistinctTexts::default();
    head.label_values(&tenant(0), name, matchers, limit, &mut found);
    texts(found)
}

/// A row: tenant, series, time, value bits. Every series is declared in every batch, which is harmless.
pub(super) type Row = (u8, u8, i64, u64);

/// When a row's value began to count: some do not say, some say the same for long, some each another time.
pub(super) fn start_ms(time_ms: i64, bits: u64) -> i64 {
    match bits {
        1 => 7,
        2 => time_ms.wrapping_sub(500),
        _ => 0,
    }
}

pub(super) fn encode(rows: &[Row], stamped: Stamp) -> Vec<u8> {
    let mut encoder = BatchEncoder::new();
    for &(owner, series, time_ms, bits) in rows {
        let owner = encoder.tenant(&tenant(owner));
        let declared = encoder.declare(owner, series_labels(series).as_packed());
        encoder.next_began_at(start_ms(time_ms, bits));
        encoder.push_declared(declared, time_ms, f64::from_bits(bits));
    }
    let mut entry = encoder.finish();
    stamp(&mut entry, stamped).unwrap();
    entry
}

/// What a store keeps of the images it was given.
#[derive(Debug, Clone, Default)]
struct Store {
    meta: Vec<u8>,
    series: BTreeMap<SeriesId, Vec<u8>>,
    heads: BTreeMap<SeriesId, Vec<u8>>,
    chunks: BTreeMap<(u32, SeriesId, u32, i64, u32), Vec<u8>>,
    /// How many entries the newest image covers.
    applied: usize,
}

impl Store {
    fn write(&mut self, image: &CheckpointImage, applied: usize) {
        self.meta.clone_from(&image.meta);
        let owned = |(id, bytes): (SeriesId, &[u8])| (id, bytes.to_vec());
        self.series.extend(image.new_series.iter().map(owned));
        self.heads.extend(image.heads.iter().map(owned));
        for id in &image.removed_series {
            self.series.remove(id);
            self.heads.remove(id);
        }
        for chunk in &image.sealed {
            let key = (
                chunk.tenant,
                chunk.series,
                chunk.window,
                chunk.start_ms,
                chunk.ordinal,
            );
            let sealed = vigie_chunk::reseal(&chunk.bytes).unwrap();
            if let Some(before) = self.chunks.insert(key, sealed.clone()) {
                assert_eq!(before, sealed, "a chunk is never replaced by another");
            }
        }
        self.applied = applied;
    }

    fn restore(&self) -> Head {
        if self.meta.is_empty() {
            return new_head();
        }
        let record = |(id, bytes): (&SeriesId, &Vec<u8>)| (*id, bytes.clone());
        Head::restore(
            &self.meta,
            self.series.iter().map(record),
            self.heads.iter().map(record),
        )
        .unwrap()
    }
}

/// All samples of a series, from head and store, sorted, without repetitions. Each has its start time.
fn samples(head: &Head, store: &Store, id: SeriesId) -> Vec<(i64, u64)> {
    let mut chunks = Vec::new();
    head.chunks(id, i64::MIN, i64::MAX, &mut chunks);
    let (mut times, mut values, mut starts) = (Vec::new(), Vec::new(), Vec::new());
    for chunk in &chunks {
        vigie_chunk::decode_with_starts_into(chunk, &mut times, &mut values, &mut starts).unwrap();
    }
    let stored = store.chunks.iter().filter(|(key, _)| key.1 == id);
    let range = head.has_persisted(id);
    for (key, chunk) in stored {
        let before = times.len();
        vigie_chunk::decode_with_starts_into(chunk, &mut times, &mut values, &mut starts).unwrap();
        let (oldest, newest) = range.expect("the head knows that the store has chunks");
        assert!(times[before..].iter().all(|&time| time <= newest), "{range:?}");
        assert!(key.3 >= oldest || times[before..].iter().all(|&time| time < oldest));
        assert!(times[before..].iter().all(|&time| head.window_of(time) == key.2));
    }
    starts.resize(times.len(), 0);
    for ((time_ms, value), start) in times.iter().zip(&values).zip(starts) {
        assert_eq!(
            start,
            start_ms(*time_ms, value.to_bits()),
            "of {value} at {time_ms}"
        );
    }
    let mut samples: Vec<(i64, u64)> = times
        .into_iter()
        .zip(values.iter().map(|v| v.to_bits()))
        .collect();
    samples.sort_unstable();
    samples.dedup();
    samples
}

#[derive(Debug, Clone)]
enum Step {
    Batch {
        rows: Vec<Row>,
        now_ms: i64,
        late_window_ms: i64,
    },
    Retain {
        cutoff_ms: i64,
    },
    Begin,
    /// The newest image, or the one before it, becomes durable.
    Done {
        skip: bool,
    },
    Restart,
}

fn any_step() -> impl Strategy<Value = Step> {
    let row = (0u8..2, 0u8..5, 0i64..600, 0u64..3);
    let batch = (prop::collection::vec(row, 0..30), 0i64..60, any::<bool>()).prop_map(|(rows, at, late)| {
        let now_ms = at * 20_000;
        let rows = rows
            .into_iter()
            .map(|(owner, series, offset, bits)| (owner, series, now_ms + (offset - 300) * 1_000, bits))
            .collect();
        Step::Batch {
            rows,
            now_ms,
            late_window_ms: if late { 400_000 } else { 0 },
        }
    });
    prop_oneof![
        8 => batch,
        1 => (0i64..900_000).prop_map(|cutoff_ms| Step::Retain { cutoff_ms }),
        2 => Just(Step::Begin),
        2 => any::<bool>().prop_map(|skip| Step::Done { skip }),
        1 => Just(Step::Restart),
    ]
}

/// Runs the steps on the model, on a head that never takes a checkpoint, and on one that does; after
/// every step the heads must be equal, at the end both must hold what the model holds.
fn check(steps: &[Step]) {
    let mut model = Model::default();
    let mut plain = new_head();
    let mut head = new_head();
    let mut store = Store::default();
    let mut entries: Vec<Vec<u8>> = Vec::new();
    let mut images: Vec<(CheckpointImage, usize)> = Vec::new();
    for step in steps {
        match step {
            Step::Batch {
                rows,
                now_ms,
                late_window_ms,
            } => {
                let stamped = Stamp {
                    proposed_at_ms: *now_ms,
                    out_of_order_window_ms: *late_window_ms,
                    flags: 0,
                    max_exemplars: 0,
                };
                let entry = encode(rows, stamped);
                let outcome = plain.apply(&entry).unwrap();
                assert_eq!(head.apply(&entry).unwrap(), outcome);
                let expected = model.apply(rows, &stamped);
                assert_eq!((outcome.rejected, outcome.appended, outcome.duplicates), expected);
                entries.push(entry);
            }
            Step::Retain { cutoff_ms } => {
                let entry = encode_retain(*cutoff_ms);
                plain.apply(&entry).unwrap();
                head.apply(&entry).unwrap();
                model.retain(*cutoff_ms);
                entries.push(entry);
            }
            Step::Begin => images.push((head.begin_checkpoint(), entries.len())),
            Step::Done { skip } => {
                if *skip && images.len() > 1 {
                    images.pop();
                }
                if let Some((image, applied)) = images.pop() {
                    images.clear();
                    store.write(&image, applied);
                    head.checkpoint_done(image.token);
                }
            }
            Step::Restart => {
                images.clear();
                head = store.restore();
                for entry in &entries[store.applied..] {
                    head.apply(entry).unwrap();
                }
            }
        }
        assert_eq!(head.digest(), plain.digest(), "after {step:?}");
    }
    for (head, store) in [(&head, &store), (&plain, &Store::default())] {
        let mut found = BTreeMap::new();
        for owner in 0..2 {
            for id in head.select(&tenant(owner), &[]) {
                let mut samples = samples(head, store, id);
                samples.retain(|sample| sample.0 >= model.cutoff_ms);
                found.insert((owner, head.labels(id).to_string()), samples);
            }
        }
        assert_eq!(found, model.content());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn heads_follow_the_model_whatever_the_checkpoints(steps in prop::collection::vec(any_step(), 1..40)) {
        check(&steps);
    }

    #[test]
    fn damaged_checkpoints_are_errors_or_heads(
        rows in prop::collection::vec((0u8..2, 0u8..5, 0i64..500_000, 0u64..3), 1..40),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..3),
    ) {
        let mut head = new_head();
        let stamped = Stamp { proposed_at_ms: 0, out_of_order_window_ms: 500_000, flags: 0, max_exemplars: 0 };
        head.apply(&encode(&rows, stamped)).unwrap();
        let image = head.begin_checkpoint();
        let spoil = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            for (index, value) in &damage {
                let at = index.index(bytes.len());
                bytes[at] = *value;
            }
            bytes
        };
        let series = || image.new_series.iter();
        let heads = || image.heads.iter();
        let _ = Head::restore(&spoil(&image.meta), series(), heads());
        let spoiled = series().map(|(id, bytes)| (id, spoil(bytes)));
        let _ = Head::restore(&image.meta, spoiled, heads());
        let spoiled = heads().map(|(id, bytes)| (id, spoil(bytes)));
        if let Ok(mut restored) = Head::restore(&image.meta, series(), spoiled) {
            restored.apply(&encode(&rows, stamped)).unwrap();
        }
        let doubled = series().chain(series());
        prop_assert!(Head::restore(&image.meta, doubled, heads()).is_err());
    }
}

/// One verdict per line of the admission rules.
#[test]
fn verdicts_are_prometheuss() {
    use RowError::*;
    const HOUR: i64 = 3_600_000;
    let now = 10 * HOUR;
    // The late window, then rows of series 0 with the expected verdict, one batch each.
    type Verdict = (i64, u64, Result<bool, RowError>);
    let table: [(i64, &[Verdict]); 3] = [
        (
            0,
            &[
                (now, 1, Ok(true)),
                (now, 1, Ok(false)),
                (now, 2, Err(DuplicateTimestamp)),
                (now - 1, 1, Err(OutOfOrder)),
                (now - HOUR, 1, Err(OutOfOrder)),
                (now - HOUR - 1, 1, Err(OutOfBounds)),
                (-1, 1, Err(OutOfBounds)),
                (i64::MIN, 1, Err(OutOfBounds)),
                (now + 600_001, 1, Err(OutOfBounds)),
                (i64::MAX, 1, Err(OutOfBounds)),
                (now + 600_000, 1, Ok(true)),
                // Repeated after the series went on, still in the open chunk.
                (now, 1, Ok(false)),
                (now, 2, Err(OutOfOrder)),
            ],
        ),
        (
            HOUR / 2,
            &[
                (now, 1, Ok(true)),
                (now - HOUR / 2 - 1, 1, Err(TooOld)),
                (now - HOUR / 2, 1, Ok(true)),
                (now - HOUR / 2, 1, Ok(false)),
                (now - HOUR / 2, 2, Err(DuplicateTimestamp)),
                (now + 1, 1, Ok(true)),
                (now, 1, Ok(false)),
                (now, 2, Err(DuplicateTimestamp)),
            ],
        ),
        // The first sample of a tenant may be of any age.
        (
            0,
            &[(5, 1, Ok(true)), (now, 1, Ok(true)), (6, 1, Err(OutOfBounds))],
        ),
    ];
    for (late_window_ms, rows) in table {
        let mut head = Head::new(HeadOptions::new(ShardId(0)));
        for &(time_ms, bits, expected) in rows {
            let stamped = Stamp {
                proposed_at_ms: now,
                out_of_order_window_ms: late_window_ms,
                flags: 0,
                max_exemplars: 0,
            };
            // Each row is to be judged by the series, not known as a batch that came before.
            head.recent.forget();
            let outcome = head.apply(&encode(&[(0, 0, time_ms, bits)], stamped)).unwrap();
            let verdict = match (outcome.appended, outcome.duplicates, &outcome.rejected[..]) {
                (1, 0, []) => Ok(true),
                (0, 1, []) => Ok(false),
                (0, 0, [(0, error)]) => Err(*error),
                other => panic!("{other:?}"),
            };
            assert_eq!(verdict, expected, "{time_ms} {bits} with window {late_window_ms}");
        }
    }
}

#[test]
fn an_id_that_is_gone_is_unknown_and_never_given_again() {
    let mut head = new_head();
    let stamped = Stamp::default();
    let first = head
        .apply(&encode(&[(0, 0, 5, 1), (0, 1, 500_000, 1)], stamped))
        .unwrap();
    assert_eq!(first.declared, [SeriesId(0), SeriesId(1)]);
    head.apply(&encode_retain(100_000)).unwrap();
    assert_eq!(
        (head.series_count(), head.labels(SeriesId(0))),
        (1, Labels::empty())
    );
    let mut encoder = BatchEncoder::new();
    encoder.push_known(SeriesId(0), 500_000, 1.0);
    encoder.push_known(SeriesId(77), 500_000, 1.0);
    let mut entry = encoder.finish();
    stamp(&mut entry, stamped).unwrap();
    let outcome = head.apply(&entry).unwrap();
    assert_eq!(
        outcome.rejected,
        [(0, RowError::UnknownSeries), (1, RowError::UnknownSeries)]
    );
    let again = head.apply(&encode(&[(0, 0, 500_000, 1)], stamped)).unwrap();
    assert_eq!(again.declared, [SeriesId(2)]);
    let image = head.begin_checkpoint();
    assert_eq!(image.removed_series, [SeriesId(0)]);
    let restored = Head::restore(&image.meta, image.new_series.iter(), image.heads.iter()).unwrap();
    assert_eq!(restored.digest(), head.digest());
    assert_eq!(restored.select(&tenant(0), &[]), [SeriesId(1), SeriesId(2)]);
}
