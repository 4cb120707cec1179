//! The newest batches and what became of them, for when one of them comes again.
//!
//! A sender that does not learn whether its batch was taken, because the shard's leader died after
//! committing it, sends it again. By then newer samples may have sealed a chunk, and the repeated rows
//! would look like late ones: refused, although they are stored. So a repeated batch is known by its
//! bytes, and gets the answer it got before.

use std::collections::VecDeque;

use vigie_model::{read_uvarint, write_uvarint};
use xxhash_rust::xxh3::Xxh3;

use crate::RowError;
use crate::batch::{HEADER_BYTES, MAX_EXEMPLARS_AT, ROW_COUNT_AT, Stamp};

/// A distributor has one batch on its way to a shard, so this is how many of them may be in doubt at once.
const CAPACITY: usize = 64;
/// A batch with more refused rows is not remembered: its sender is told the truth of the second attempt.
const MAX_REJECTED: usize = 1024;

/// Names a batch by its content, the leader's stamp aside, and by how late samples were judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchKey(u128);

impl BatchKey {
    /// Of an entry that has been parsed.
    pub(crate) fn of(entry: &[u8], stamp: &Stamp) -> BatchKey {
        let mut hasher = Xxh3::with_seed(stamp.out_of_order_window_ms.cast_unsigned());
        hasher.update(entry.get(ROW_COUNT_AT..MAX_EXEMPLARS_AT).unwrap_or_default());
        // In the place of what the leader says of exemplars.
        hasher.update(&[0; HEADER_BYTES - MAX_EXEMPLARS_AT]);
        hasher.update(entry.get(HEADER_BYTES..).unwrap_or_default());
        BatchKey(hasher.digest128())
    }
}

/// Part of the logical state: every replica has to answer a repeated batch alike.
#[derive(Debug, Default)]
pub(crate) struct RecentBatches {
    batches: VecDeque<(BatchKey, Rejected)>,
}

type Rejected = Vec<(u32, RowError)>;

impl RecentBatches {
    /// The rows that were refused when this batch came before.
    pub(crate) fn rejected(&self, key: BatchKey) -> Option<&[(u32, RowError)]> {
        let (_, rejected) = self.batches.iter().rev().find(|(known, _)| *known == key)?;
        Some(rejected)
    }

    pub(crate) fn remember(&mut self, key: BatchKey, rejected: &[(u32, RowError)]) {
        // What is ahead of the clock now may be welcome the next time.
        let depends_on_clock = rejected.iter().any(|(_, error)| *error == RowError::OutOfBounds);
        if rejected.len() > MAX_REJECTED || depends_on_clock {
            return;
        }
        if self.batches.len() == CAPACITY {
            self.batches.pop_front();
        }
        self.batches.push_back((key, rejected.to_vec()));
    }

    /// Series have been removed, so ids in old batches may mean nothing any more.
    pub(crate) fn forget(&mut self) {
        self.batches.clear();
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        write_uvarint(out, self.batches.len() as u64);
        for (key, rejected) in &self.batches {
            out.extend_from_slice(&key.0.to_le_bytes());
            write_uvarint(out, rejected.len() as u64);
            for (row, error) in rejected {
                write_uvarint(out, u64::from(*row));
                out.push(code(*error));
            }
        }
    }

    pub(crate) fn read(input: &mut &[u8]) -> Option<RecentBatches> {
        let mut batches = VecDeque::new();
        for _ in 0..read_uvarint(input)? {
            let (key, rest) = input.split_first_chunk::<16>()?;
            *input = rest;
            let mut rejected = Vec::new();
            for _ in 0..read_uvarint(input)? {
                let row = u32::try_from(read_uvarint(input)?).ok()?;
                let (&code, rest) = input.split_first()?;
                *input = rest;
                rejected.push((row, error_of(code)?));
            }
            batches.push_back((BatchKey(u128::from_le_bytes(*key)), rejected));
        }
        Some(RecentBatches { batches })
    }
}

fn code(error: RowError) -> u8 {
    match error {
        RowError::OutOfBounds => 1,
        RowError::OutOfOrder => 2,
        RowError::TooOld => 3,
        RowError::DuplicateTimestamp => 4,
        RowError::UnknownSeries => 5,
    }
}

fn error_of(code: u8) -> Option<RowError> {
    [
        RowError::OutOfBounds,
        RowError::OutOfOrder,
        RowError::TooOld,
        RowError::DuplicateTimestamp,
        RowError::UnknownSeries,
    ]
    .into_iter()
    .find(|error| self::code(*error) == code)
}

#[cfg(test)]
mod tests {
    use vigie_model::{Labels, ShardId, TenantId};

    use crate::batch::{BatchEncoder, Stamp, encode_retain, stamp};
    use crate::{Head, HeadOptions, RowError};

    const NOW_MS: i64 = 1_700_000_000_000;

    /// `count` samples from `first` on, one a second, and one that is out of order.
    fn batch(first: i64, count: i64, proposed_at_ms: i64) -> Vec<u8> {
        let mut encoder = BatchEncoder::new();
        let tenant = encoder.tenant(&TenantId::anonymous());
        let labels = Labels::from_pairs([("__name__", "m")]).unwrap();
        let series = encoder.declare(tenant, labels.as_packed());
        for number in first..first + count {
            encoder.push_declared(series, NOW_MS + number * 1000, (number as f64).sqrt());
        }
        encoder.push_declared(series, NOW_MS - 1000, 0.0);
        let mut entry = encoder.finish();
        let proposed = Stamp {
            proposed_at_ms,
            ..Stamp::default()
        };
        stamp(&mut entry, proposed).unwrap();
        entry
    }

    #[test]
    fn a_batch_that_comes_again_after_its_chunk_was_sealed_gets_its_first_answer() {
        let mut head = Head::new(HeadOptions::new(ShardId(0)));
        head.apply(&batch(0, 1, NOW_MS)).unwrap();
        let first = head.apply(&batch(1, 400, NOW_MS + 400_000)).unwrap();
        assert_eq!(
            (first.appended, first.rejected.as_slice()),
            (400, &[(400, RowError::OutOfOrder)][..])
        );
        // Sealed by now: the head alone could not tell these rows from late ones.
        head.apply(&batch(401, 400, NOW_MS + 900_000)).unwrap();
        let image = head.begin_checkpoint();
        assert!(!image.sealed.is_empty());

        let restored = Head::restore(&image.meta, image.new_series.iter(), image.heads.iter()).unwrap();
        for mut head in [head, restored] {
            let digest = head.digest();
            let again = head.apply(&batch(1, 400, NOW_MS + 950_000)).unwrap();
            assert_eq!((again.appended, again.duplicates), (0, 400));
            assert_eq!(
                (&again.rejected, &again.declared),
                (&first.rejected, &first.declared)
            );
            assert_eq!(head.digest(), digest, "a repeated batch changes nothing");
        }
    }

    /// Retention runs at every checkpoint, and hardly ever takes a series away.
    #[test]
    fn retention_forgets_batches_only_with_a_series() {
        for (cutoff_ms, known) in [(NOW_MS, true), (NOW_MS + 2_000_000, false)] {
            let mut head = Head::new(HeadOptions::new(ShardId(0)));
            head.apply(&batch(0, 1, NOW_MS)).unwrap();
            let first = head.apply(&batch(1, 400, NOW_MS + 400_000)).unwrap();
            head.apply(&batch(401, 400, NOW_MS + 900_000)).unwrap();
            head.apply(&encode_retain(cutoff_ms)).unwrap();
            let again = head.apply(&batch(1, 400, NOW_MS + 950_000)).unwrap();
            assert_eq!(
                (again.duplicates, again.declared == first.declared),
                (if known { 400 } else { 0 }, known)
            );
        }
    }
}
