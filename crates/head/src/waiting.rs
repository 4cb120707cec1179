//! Sealed chunks that wait for a checkpoint.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use bytes::Bytes;
use vigie_chunk::ChunkInfo;

/// Bytes of chunks in a block, unless a single chunk is larger.
const BLOCK_BYTES: usize = 64 << 10;
/// A place has the number of the block in its high bits, that of the chunk, from 1, in its low ones.
const CHUNK_BITS: u32 = 12;
const CHUNK_MASK: u32 = (1 << CHUNK_BITS) - 1;
/// Numbers of blocks wrap around here: 64 GiB may wait at a time.
const BLOCK_NUMBERS: u32 = 1 << (32 - CHUNK_BITS);

/// Where a waiting chunk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(NonZeroU32);

/// A log of the chunks that are not known to be in the store, in blocks.
///
/// A checkpoint frees whole blocks, oldest first, so a block holds chunks of one checkpoint epoch only.
/// A series knows the place of its newest chunk; each chunk knows the one before it. A link into a block
/// that was freed ends the chain. That costs a chunk 16 bytes beside its own, where an allocation and
/// a vector's entry for each cost more than most chunks.
#[derive(Debug, Default)]
pub(crate) struct WaitingChunks {
    /// By ascending epoch.
    full: VecDeque<Block>,
    /// The number of the oldest block.
    first: u32,
    filling: Filling,
}

#[derive(Debug)]
struct Block {
    epoch: u32,
    records: Vec<Record>,
    bytes: Bytes,
}

/// The newest block.
#[derive(Debug, Default)]
struct Filling {
    epoch: u32,
    records: Vec<Record>,
    bytes: Vec<u8>,
}

#[derive(Debug)]
struct Record {
    /// The series' chunk before this one, if it still waits.
    previous: Option<Place>,
    series: u32,
    ordinal: u32,
    /// Where the chunk ends in its block; it starts where the one before it ends.
    end: u32,
}

/// A chunk in the log.
#[derive(Debug)]
pub(crate) struct WaitingChunk<'a> {
    /// 0 for samples in order; counts a series' chunks of late samples from 1.
    pub(crate) ordinal: u32,
    encoded: &'a [u8],
    /// The block it is in, if that takes no more chunks.
    block: Option<&'a Bytes>,
}

impl WaitingChunk<'_> {
    /// The chunk, without a copy if its block is full.
    pub(crate) fn to_bytes(&self) -> Bytes {
        match self.block {
            Some(block) => block.slice_ref(self.encoded),
            None => Bytes::copy_from_slice(self.encoded),
        }
    }

    /// Times of the oldest and the newest sample.
    pub(crate) fn times_ms(&self) -> (i64, i64) {
        // One that cannot be read is to reach a reader, who reports it.
        ChunkInfo::read(self.encoded)
            .map_or((i64::MIN, i64::MAX), |info| (info.min_time_ms, info.max_time_ms))
    }
}

impl WaitingChunks {
    /// Appends a series' chunk; `previous` is the place of its newest until now.
    pub(crate) fn push(
        &mut self,
        epoch: u32,
        (series, ordinal): (u32, u32),
        previous: Option<Place>,
        chunk: &[u8],
    ) -> Place {
        let filling = &self.filling;
        let is_full =
            filling.records.len() == CHUNK_MASK as usize || filling.bytes.len() + chunk.len() > BLOCK_BYTES;
        if filling.epoch != epoch || is_full {
            self.close_block();
        }
        if self.filling.records.is_empty() {
            self.filling.epoch = epoch;
            self.filling.bytes.reserve_exact(BLOCK_BYTES.max(chunk.len()));
        }
        self.filling.bytes.extend_from_slice(chunk);
        self.filling.records.push(Record {
            previous,
            series,
            ordinal,
            end: self.filling.bytes.len() as u32,
        });
        place(self.first, self.full.len(), self.filling.records.len() - 1)
    }

    /// Takes no more chunks into the newest block, so that they are read without a copy.
    pub(crate) fn close_block(&mut self) {
        if self.filling.records.is_empty() {
            return;
        }
        assert!(
            self.full.len() + 2 < BLOCK_NUMBERS as usize,
            "64 GiB of sealed chunks wait for a checkpoint"
        );
        let mut filled = std::mem::take(&mut self.filling);
        filled.records.shrink_to_fit();
        filled.bytes.shrink_to_fit();
        self.full.push_back(Block {
            epoch: filled.epoch,
            records: filled.records,
            bytes: Bytes::from(filled.bytes),
        });
    }

    /// A series' chunks from its newest on.
    pub(crate) fn chain(&self, newest: Option<Place>) -> impl Iterator<Item = WaitingChunk<'_>> {
        self.places(newest)
            .map(|(block, number, record)| self.chunk(block, number, record))
    }

    /// The series that chunks wait of, ascending.
    pub(crate) fn series(&self) -> Vec<u32> {
        let full = self.full.iter().flat_map(|block| &block.records);
        let mut ids: Vec<u32> = full
            .chain(&self.filling.records)
            .map(|record| record.series)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    /// Takes those chunks of a series out that are not wanted. Their bytes go with their block.
    pub(crate) fn retain(&mut self, newest: &mut Option<Place>, wanted: impl Fn(&WaitingChunk<'_>) -> bool) {
        let mut all = 0;
        let kept: Vec<(usize, usize)> = self
            .places(*newest)
            .inspect(|_| all += 1)
            .filter(|&(block, number, record)| wanted(&self.chunk(block, number, record)))
            .map(|(block, number, _)| (block, number))
            .collect();
        if kept.len() == all {
            return;
        }
        *newest = None;
        for (block, number) in kept.into_iter().rev() {
            let filling = &mut self.filling.records;
            let records = self
                .full
                .get_mut(block)
                .map_or(filling, |block| &mut block.records);
            if let Some(record) = records.get_mut(number) {
                record.previous = *newest;
                *newest = Some(place(self.first, block, number));
            }
        }
    }

    /// Frees the chunks sealed up to an epoch, and names the series and the place of each.
    pub(crate) fn release(&mut self, epoch: u32, mut released: impl FnMut(u32, Place)) {
        if self.filling.epoch <= epoch {
            self.close_block();
        }
        while let Some(block) = self.full.pop_front_if(|block| block.epoch <= epoch) {
            for (number, record) in block.records.iter().enumerate() {
                released(record.series, place(self.first, 0, number));
            }
            self.first = (self.first + 1) % BLOCK_NUMBERS;
        }
    }

    /// How many chunks wait, and the bytes they take.
    pub(crate) fn usage(&self) -> (usize, usize) {
        let full = self.full.iter().map(|block| (&block.records, block.bytes.len()));
        full.chain([(&self.filling.records, self.filling.bytes.capacity())])
            .fold((0, 0), |(chunks, bytes), (records, block_bytes)| {
                let records_bytes = records.capacity() * size_of::<Record>();
                (chunks + records.len(), bytes + block_bytes + records_bytes)
            })
    }

    /// Position of the block, number in it, and record of a series' chunks, from the newest on.
    fn places(&self, newest: Option<Place>) -> impl Iterator<Item = (usize, usize, &Record)> {
        let mut next = newest;
        std::iter::from_fn(move || {
            let Place(place) = next?;
            let distance = (place.get() >> CHUNK_BITS).wrapping_sub(self.first) % BLOCK_NUMBERS;
            let (block, number) = (distance as usize, (place.get() & CHUNK_MASK) as usize - 1);
            let records = match self.full.get(block) {
                Some(full) => &full.records,
                None if block == self.full.len() => &self.filling.records,
                None => return None,
            };
            let record = records.get(number)?;
            next = record.previous;
            Some((block, number, record))
        })
    }

    fn chunk(&self, block: usize, number: usize, record: &Record) -> WaitingChunk<'_> {
        let (records, bytes, block) = match self.full.get(block) {
            Some(full) => (&full.records, &full.bytes[..], Some(&full.bytes)),
            None => (&self.filling.records, &self.filling.bytes[..], None),
        };
        let start = number
            .checked_sub(1)
            .map_or(0, |before| records[before].end as usize);
        WaitingChunk {
            ordinal: record.ordinal,
            encoded: &bytes[start..record.end as usize],
            block,
        }
    }
}

fn place(first: u32, block: usize, number: usize) -> Place {
    let block = (first + block as u32) % BLOCK_NUMBERS;
    Place(NonZeroU32::MIN.saturating_add(block << CHUNK_BITS | number as u32))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        /// Chunks of series 0 to 3 by turns, so many and so large.
        Push { count: u32, bytes: usize },
        /// The next epoch begins.
        Cut,
        /// All epochs but the newest so many are released.
        Release { kept: u32 },
        /// Of a series, only the chunks with an ordinal that leaves this rest by 3 are kept.
        Retain { series: u32, rest: u32 },
    }

    fn any_step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (1u32..20, 0usize..30_000).prop_map(|(count, bytes)| Step::Push { count, bytes }),
            1 => (1u32..6_000).prop_map(|count| Step::Push { count, bytes: 3 }),
            2 => Just(Step::Cut),
            1 => (0u32..3).prop_map(|kept| Step::Release { kept }),
            1 => (0u32..4, 0u32..3).prop_map(|(series, rest)| Step::Retain { series, rest }),
        ]
    }

    /// Compares with a list of all chunks.
    fn check(first: u32, steps: &[Step]) {
        let mut waiting = WaitingChunks {
            first,
            ..WaitingChunks::default()
        };
        let mut newest: BTreeMap<u32, Option<Place>> = (0..4).map(|series| (series, None)).collect();
        // Epoch, series, ordinal and bytes.
        let mut model: Vec<(u32, u32, u32, Vec<u8>)> = Vec::new();
        let (mut epoch, mut ordinal) = (1, 0);
        for step in steps {
            match *step {
                Step::Push { count, bytes } => {
                    for _ in 0..count {
                        ordinal += 1;
                        let series = ordinal % 4;
                        let chunk = vec![ordinal as u8; bytes];
                        let place = waiting.push(epoch, (series, ordinal), newest[&series], &chunk);
                        newest.insert(series, Some(place));
                        model.push((epoch, series, ordinal, chunk));
                    }
                }
                Step::Cut => {
                    waiting.close_block();
                    epoch += 1;
                }
                Step::Release { kept } => {
                    let last = epoch.saturating_sub(kept);
                    waiting.release(last, |series, place| {
                        if newest[&series] == Some(place) {
                            newest.insert(series, None);
                        }
                    });
                    model.retain(|chunk| chunk.0 > last);
                    if kept == 0 {
                        epoch += 1;
                    }
                }
                Step::Retain { series, rest } => {
                    let mut place = newest[&series];
                    waiting.retain(&mut place, |chunk| chunk.ordinal % 3 == rest);
                    newest.insert(series, place);
                    model.retain(|chunk| chunk.1 != series || chunk.2 % 3 == rest);
                }
            }
            for (&series, &place) in &newest {
                let chunks = waiting.chain(place);
                let found: Vec<(u32, Bytes)> =
                    chunks.map(|chunk| (chunk.ordinal, chunk.to_bytes())).collect();
                let expected = model.iter().rev().filter(|chunk| chunk.1 == series);
                assert!(
                    found
                        .iter()
                        .map(|(ordinal, bytes)| (*ordinal, &bytes[..]))
                        .eq(expected.map(|(_, _, ordinal, bytes)| (*ordinal, &bytes[..])))
                );
            }
        }
        waiting.release(epoch, |_, _| {});
        assert_eq!(waiting.usage(), (0, 0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn chains_lead_to_the_chunks_that_are_left(
            near_the_end in any::<bool>(),
            steps in prop::collection::vec(any_step(), 1..30),
        ) {
            check(if near_the_end { BLOCK_NUMBERS - 3 } else { 0 }, &steps);
        }
    }
}
