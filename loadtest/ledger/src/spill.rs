//! The journal, sorted into partitions of whole batches in temporary files, so that one partition at a time is
//! checked in memory.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    path::Path,
};

use xxhash_rust::xxh3::xxh3_64;

use crate::codec::Cursor;
use crate::expected::{Candidate, ExpectedSeries};
use crate::frame::{self, StoredContent};
use crate::labels::series_key;
use crate::replay::{Replay, malformed};
use crate::{
    Fate, FateCounts, HaPair, JournalEnd, LedgerError, Presence, Regenerate, SampleValue, SeriesLabels,
};

/// Open files and buffers are bounded too; beyond this, partitions grow.
const MAX_PARTITIONS: u64 = 256;

const SERIES_RECORD: u8 = 1;
const SAMPLE_RECORD: u8 = 2;

/// All that is expected of the system.
#[derive(Debug)]
pub(crate) struct Expectation {
    pub(crate) end: JournalEnd,
    pub(crate) fates: FateCounts,
    pub(crate) pairs: HashMap<u32, HaPair>,
    /// The values of the batch label, the empty one for series without it.
    pub(crate) batches: BTreeSet<String>,
    /// The oldest and newest time, unless there is no sample.
    pub(crate) times_ms: Option<(i64, i64)>,
    partitions: Vec<BufWriter<File>>,
}

/// What is expected of the series with one value of the batch label.
pub(crate) type Batch = HashMap<SeriesLabels, ExpectedSeries>;

impl Expectation {
    /// Reads a journal, and has requests made again that it refers to.
    pub(crate) fn load(
        journal: &Path,
        batch_label: &str,
        memory_bytes: u64,
        regenerate: Option<&mut dyn Regenerate>,
    ) -> Result<Self, LedgerError> {
        let outline = Outline::read(journal)?;
        let needed_bytes = outline.rows * size_of::<Candidate>() as u64;
        let partitions = (needed_bytes / memory_bytes.max(1) + 1).min(MAX_PARTITIONS);
        let mut sorter = Sorter {
            batch_label,
            ids: HashMap::new(),
            partition_of: Vec::new(),
            packed: Vec::new(),
            expectation: Self {
                end: outline.end,
                fates: outline.counts(),
                pairs: HashMap::new(),
                batches: BTreeSet::new(),
                times_ms: None,
                partitions: (0..partitions)
                    .map(|_| tempfile::tempfile().map(BufWriter::new))
                    .collect::<io::Result<_>>()
                    .map_err(|source| spill_failed("create", source))?,
            },
        };
        let references = sorter.sort_journal(journal, &outline.fates)?;
        sorter.sort_references(references, &outline.fates, regenerate)?;
        Ok(sorter.expectation)
    }

    pub(crate) fn partition_count(&self) -> usize {
        self.partitions.len()
    }

    /// Loads a partition: its batches by the value of the batch label.
    pub(crate) fn partition(
        &mut self,
        index: usize,
        batch_label: &str,
    ) -> Result<BTreeMap<String, Batch>, LedgerError> {
        let failed = |source| spill_failed("read", source);
        let writer = &mut self.partitions[index];
        writer.flush().map_err(|source| spill_failed("write", source))?;
        let file = writer.get_mut();
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut reader = BufReader::with_capacity(1 << 16, &*file);
        let mut series: HashMap<u32, (SeriesLabels, ExpectedSeries)> = HashMap::new();
        let mut kind = [0];
        while reader.read(&mut kind).map_err(failed)? == 1 {
            if kind[0] == SERIES_RECORD {
                let mut head = [0; 8];
                reader.read_exact(&mut head).map_err(failed)?;
                let [a, b, c, d, lens @ ..] = head;
                let mut packed = vec![0; u32::from_le_bytes(lens) as usize];
                reader.read_exact(&mut packed).map_err(failed)?;
                let labels = SeriesLabels::unpack(&packed).map_err(|what| malformed(0, what))?;
                series.insert(
                    u32::from_le_bytes([a, b, c, d]),
                    (labels, ExpectedSeries::default()),
                );
            } else {
                let mut bytes = [0; SampleRecord::BYTES];
                reader.read_exact(&mut bytes).map_err(failed)?;
                let record = SampleRecord::decode(&bytes).map_err(|what| malformed(0, what))?;
                // A series' record precedes its samples, because it is written when the series is first seen.
                if let Some((_, expected)) = series.get_mut(&record.series) {
                    expected.push(record.candidate());
                }
            }
        }
        let mut batches: BTreeMap<String, Batch> = BTreeMap::new();
        for (labels, mut expected) in series.into_values() {
            expected.sort();
            batches
                .entry(labels.get(batch_label).to_owned())
                .or_default()
                .insert(labels, expected);
        }
        Ok(batches)
    }
}

/// What a first pass tells: the fates, which come after the requests they are of.
#[derive(Debug)]
struct Outline {
    fates: Vec<Fate>,
    rows: u64,
    end: JournalEnd,
}

impl Outline {
    fn read(journal: &Path) -> Result<Self, LedgerError> {
        let mut replay = Replay::open(journal)?;
        let mut fates: Vec<Fate> = Vec::new();
        let mut rows = 0;
        while let Some((kind, payload)) = replay.next_frame()? {
            match kind {
                frame::REQUEST_ROWS | frame::REQUEST_REFERENCE => {
                    let head = frame::decode_request(kind, payload);
                    rows += head.as_ref().map_or(0, |head| u64::from(head.row_count()));
                    head.map(|_| ())
                        .map_err(|what| malformed(replay.position(), what))?;
                    fates.push(Fate::Unknown);
                }
                frame::FATE => {
                    let (request, fate) =
                        frame::decode_fate(payload).map_err(|what| malformed(replay.position(), what))?;
                    let known = fates
                        .get_mut(request as usize)
                        .ok_or_else(|| LedgerError::Damaged {
                            at: replay.position(),
                            what: "a fate precedes its request".to_owned(),
                        })?;
                    // The writer keeps stronger fates from being weakened, so the last one counts.
                    *known = fate;
                }
                _ => {}
            }
        }
        Ok(Self {
            fates,
            rows,
            end: replay.end().unwrap_or(JournalEnd::Open),
        })
    }

    fn counts(&self) -> FateCounts {
        let mut counts = FateCounts::default();
        for fate in &self.fates {
            *match fate {
                Fate::NotSent => &mut counts.not_sent,
                Fate::Refused(_) => &mut counts.refused,
                Fate::Unknown => &mut counts.unknown,
                Fate::Acked => &mut counts.acked,
            } += 1;
        }
        counts
    }
}

/// A request kept by reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Reference {
    source: u32,
    number: u64,
    request: u32,
    rows: u32,
    digest: u128,
}

#[derive(Debug)]
struct Sorter<'a> {
    batch_label: &'a str,
    ids: HashMap<u128, u32>,
    partition_of: Vec<u16>,
    packed: Vec<u8>,
    expectation: Expectation,
}

impl Sorter<'_> {
    fn sort_journal(&mut self, journal: &Path, fates: &[Fate]) -> Result<Vec<Reference>, LedgerError> {
        let mut replay = Replay::open(journal)?;
        let mut references = Vec::new();
        let mut request = 0_u32;
        while let Some((kind, payload)) = replay.next_frame()? {
            match kind {
                frame::DESCRIPTION => {}
                frame::SERIES => {
                    let labels = SeriesLabels::unpack(payload);
                    let labels = labels.map_err(|what| malformed(replay.position(), what))?;
                    self.series(&labels)?;
                }
                frame::REQUEST_ROWS | frame::REQUEST_REFERENCE => {
                    // The file may have grown since the first pass.
                    let Some(fate) = fates.get(request as usize) else {
                        break;
                    };
                    let head = match frame::decode_request(kind, payload) {
                        Ok(head) => head,
                        Err(what) => return Err(malformed(replay.position(), what)),
                    };
                    if let Some(pair) = head.pair {
                        self.expectation.pairs.insert(request, pair);
                    }
                    match head.content {
                        StoredContent::Rows(mut rows) => {
                            let mut position = 0;
                            let broken = loop {
                                match rows.next_row() {
                                    Ok(None) => break None,
                                    Ok(Some((series, _, _)))
                                        if series as usize >= self.partition_of.len() =>
                                    {
                                        break Some(crate::codec::Malformed("a row precedes its series"));
                                    }
                                    Ok(Some((series, time_ms, value))) => {
                                        self.sample(
                                            series,
                                            time_ms,
                                            value,
                                            fate.presence(position),
                                            request,
                                        )?;
                                        position += 1;
                                    }
                                    Err(what) => break Some(what),
                                }
                            };
                            if let Some(what) = broken {
                                return Err(malformed(replay.position(), what));
                            }
                        }
                        StoredContent::Reference {
                            source,
                            number,
                            rows,
                            digest,
                        } => references.push(Reference {
                            source,
                            number,
                            request,
                            rows,
                            digest,
                        }),
                    }
                    request += 1;
                }
                frame::FATE | frame::END => {}
                _ => {
                    return Err(LedgerError::Damaged {
                        at: replay.position(),
                        what: format!("a frame has the unknown kind {kind}"),
                    });
                }
            }
        }
        references.sort_unstable();
        Ok(references)
    }

    fn sort_references(
        &mut self,
        references: Vec<Reference>,
        fates: &[Fate],
        regenerate: Option<&mut dyn Regenerate>,
    ) -> Result<(), LedgerError> {
        let Some(first) = references.first() else {
            return Ok(());
        };
        let Some(regenerate) = regenerate else {
            return Err(LedgerError::Regenerate {
                origin: first.source,
                number: first.number,
                source: "nothing was given that can".into(),
            });
        };
        let mut known: HashMap<u128, u32> = HashMap::new();
        let mut source = first.source;
        for reference in references {
            // Keys are of one source only.
            if reference.source != source {
                known.clear();
                source = reference.source;
            }
            let fate = &fates[reference.request as usize];
            let mut position = 0;
            let mut result = Ok(());
            let digest = regenerate.request(
                reference.source,
                reference.number,
                &mut |key, time_ms, value, labels| {
                    if result.is_err() {
                        return;
                    }
                    let id = match known.get(&key) {
                        Some(id) => Ok(*id),
                        None => self.series(&labels()).inspect(|id| {
                            known.insert(key, *id);
                        }),
                    };
                    result = id.and_then(|id| {
                        self.sample(id, time_ms, value, fate.presence(position), reference.request)
                    });
                    position += 1;
                },
            );
            result?;
            let digest = digest.map_err(|source| LedgerError::Regenerate {
                origin: reference.source,
                number: reference.number,
                source,
            })?;
            let other = |what| {
                Err(LedgerError::OtherContent {
                    origin: reference.source,
                    number: reference.number,
                    what,
                })
            };
            if digest != reference.digest {
                return other("its body has another digest");
            }
            if position != reference.rows {
                return other("it has another number of rows");
            }
        }
        Ok(())
    }

    fn series(&mut self, labels: &SeriesLabels) -> Result<u32, LedgerError> {
        self.packed.clear();
        labels.pack(&mut self.packed);
        let key = series_key(&self.packed);
        if let Some(id) = self.ids.get(&key) {
            return Ok(*id);
        }
        let id = u32::try_from(self.ids.len())
            .map_err(|_| LedgerError::Misuse("more than 2^32 series".to_owned()))?;
        self.ids.insert(key, id);
        let batch = labels.get(self.batch_label);
        let partition = xxh3_64(batch.as_bytes()) % self.expectation.partitions.len() as u64;
        if !self.expectation.batches.contains(batch) {
            self.expectation.batches.insert(batch.to_owned());
        }
        self.partition_of.push(partition as u16);
        let file = &mut self.expectation.partitions[partition as usize];
        let mut record = vec![SERIES_RECORD];
        record.extend_from_slice(&id.to_le_bytes());
        record.extend_from_slice(&(self.packed.len() as u32).to_le_bytes());
        record.extend_from_slice(&self.packed);
        file.write_all(&record)
            .map_err(|source| spill_failed("write", source))?;
        Ok(id)
    }

    fn sample(
        &mut self,
        series: u32,
        time_ms: i64,
        value: SampleValue,
        presence: Presence,
        request: u32,
    ) -> Result<(), LedgerError> {
        let (oldest, newest) = self.expectation.times_ms.unwrap_or((time_ms, time_ms));
        self.expectation.times_ms = Some((oldest.min(time_ms), newest.max(time_ms)));
        let record = SampleRecord {
            series,
            time_ms,
            value,
            presence,
            request,
        };
        self.expectation.partitions[usize::from(self.partition_of[series as usize])]
            .write_all(&record.encode())
            .map_err(|source| spill_failed("write", source))
    }
}

#[derive(Debug, Clone, Copy)]
struct SampleRecord {
    series: u32,
    time_ms: i64,
    value: SampleValue,
    presence: Presence,
    request: u32,
}

impl SampleRecord {
    /// Without the byte that says what it is.
    const BYTES: usize = 25;

    fn encode(&self) -> [u8; Self::BYTES + 1] {
        let is_histogram = matches!(self.value, SampleValue::Histogram(_));
        let mut bytes = [0; Self::BYTES + 1];
        bytes[0] = SAMPLE_RECORD;
        bytes[1..5].copy_from_slice(&self.series.to_le_bytes());
        bytes[5..13].copy_from_slice(&self.time_ms.to_le_bytes());
        bytes[13..21].copy_from_slice(&self.value.bits().to_le_bytes());
        bytes[21..25].copy_from_slice(&self.request.to_le_bytes());
        bytes[25] = self.presence as u8 | u8::from(is_histogram) << 2;
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, crate::codec::Malformed> {
        let mut cursor = Cursor::new(bytes);
        let (series, time_ms, bits) = (cursor.u32()?, cursor.u64()? as i64, cursor.u64()?);
        let (request, flags) = (cursor.u32()?, cursor.u8()?);
        Ok(Self {
            series,
            time_ms,
            value: SampleValue::new(flags & 4 != 0, bits),
            presence: match flags & 3 {
                0 => Presence::MustNot,
                1 => Presence::May,
                _ => Presence::Must,
            },
            request,
        })
    }

    fn candidate(self) -> Candidate {
        Candidate::new(self.time_ms, self.value, self.presence, self.request)
    }
}

fn spill_failed(what: &'static str, source: io::Error) -> LedgerError {
    LedgerError::Spill { what, source }
}
