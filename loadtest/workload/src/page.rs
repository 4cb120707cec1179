//! The series of one request, with everything that does not change encoded in advance.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use crate::request::Row;
use crate::series::{Family, Series, SeriesKey, canonical_text};
use crate::spec::Protocol;
use crate::template::Template;
use crate::wire;

/// Bytes of a time from 1972 to 2109 as a varint, on which the lengths of messages rest.
pub(crate) const TIME_BYTES: usize = 6;
/// Of a sample with key and length: value and time.
const SAMPLE_V1: usize = 2 + 9 + 1 + TIME_BYTES;
/// Within a sample.
const VALUE_OFFSET: usize = 3;
const TIME_OFFSET: usize = 12;

/// Series in the order of a request. Immutable: when series are replaced, a new page takes its place, so whoever holds
/// a request can still name its series.
#[derive(Debug)]
pub(crate) struct Page {
    protocol: Protocol,
    pub(crate) tenant: Option<Arc<str>>,
    /// Of each series: key and length of its message with one float sample; encoded labels; what follows the sample.
    bytes: Vec<u8>,
    bounds: Vec<Bounds>,
    keys: Vec<SeriesKey>,
    /// Remote write 2.0: the field `symbols` of all labels and metadata.
    symbols: Vec<u8>,
    symbol_count: u32,
    trace_id_symbol: u32,
    /// Made with the first request that is patched.
    template: OnceLock<Option<Template>>,
}

#[derive(Debug, Clone, Copy)]
struct Bounds {
    start: u32,
    labels: u32,
    suffix: u32,
    end: u32,
    /// When the series began, for remote write 2.0; 0 if not known or not a counter.
    started_ms: i64,
}

/// Where the parts of a sample that change begin in a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SamplePlaces {
    /// Eight bytes.
    pub(crate) value: usize,
    /// [`TIME_BYTES`] bytes.
    pub(crate) time: usize,
}

/// An exemplar of a series in this request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExemplarRow {
    pub(crate) slot: u32,
    pub(crate) value: f64,
    pub(crate) trace: u64,
}

impl Page {
    /// Series come with the time since which they are counted, if they are.
    pub(crate) fn new<'a>(
        protocol: Protocol,
        tenant: Option<Arc<str>>,
        series: impl Iterator<Item = (&'a Series, i64)>,
        replica: Option<(&str, &str)>,
    ) -> Self {
        let mut page = Self {
            protocol,
            tenant,
            bytes: Vec::new(),
            bounds: Vec::new(),
            keys: Vec::new(),
            symbols: Vec::new(),
            symbol_count: 0,
            trace_id_symbol: 0,
            template: OnceLock::new(),
        };
        let mut symbols = Symbols::default();
        page.trace_id_symbol = symbols.get("trace_id");
        let mut labels_bytes = Vec::new();
        let mut suffix = Vec::new();
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for (one, started_ms) in series {
            pairs.clear();
            pairs.extend(one.labels.iter().map(|(name, value)| (&**name, &**value)));
            if let Some((cluster, name)) = replica {
                pairs.retain(|(label, _)| *label != "cluster" && *label != "__replica__");
                pairs.extend([("cluster", cluster), ("__replica__", name)]);
                pairs.sort_unstable();
            }
            labels_bytes.clear();
            suffix.clear();
            let sample = match protocol {
                Protocol::V1 => {
                    pairs
                        .iter()
                        .for_each(|(name, value)| wire::put_label(1, name, value, &mut labels_bytes));
                    SAMPLE_V1
                }
                Protocol::V2 => {
                    let mut refs = Vec::with_capacity(64);
                    for (name, value) in &pairs {
                        wire::put_varint(u64::from(symbols.get(name)), &mut refs);
                        wire::put_varint(u64::from(symbols.get(value)), &mut refs);
                    }
                    wire::put_bytes(1, &refs, &mut labels_bytes);
                    metadata_v2(&one.family, &mut symbols, &mut suffix);
                    sample_v2(started_ms)
                }
            };
            let start = page.bytes.len() as u32;
            let length = labels_bytes.len() + sample + suffix.len();
            wire::put_length(series_field(protocol), length, &mut page.bytes);
            let labels = page.bytes.len() as u32;
            page.bytes.extend_from_slice(&labels_bytes);
            let suffix_start = page.bytes.len() as u32;
            page.bytes.extend_from_slice(&suffix);
            let end = page.bytes.len() as u32;
            page.bounds.push(Bounds {
                start,
                labels,
                suffix: suffix_start,
                end,
                started_ms,
            });
            page.keys
                .push(SeriesKey::of_text(&canonical_text(pairs.iter().copied())));
        }
        page.symbols = symbols.bytes;
        page.symbol_count = symbols.count;
        page.bytes.shrink_to_fit();
        page
    }

    pub(crate) fn key(&self, slot: u32) -> SeriesKey {
        self.keys[slot as usize]
    }

    /// Encodes rows in the order of their slots. `natives` are the messages of native histograms, in the order of
    /// their rows; `exemplars` too are in order, and only of series with a row.
    pub(crate) fn encode(
        &self,
        rows: &[Row],
        natives: &[Vec<u8>],
        exemplars: &[ExemplarRow],
        out: &mut Vec<u8>,
    ) {
        out.clear();
        if self.protocol == Protocol::V2 {
            out.extend_from_slice(&self.symbols);
            for exemplar in exemplars {
                wire::put_bytes(4, trace_text(exemplar.trace).as_bytes(), out);
            }
        }
        let mut natives = natives.iter();
        let mut exemplars = exemplars.iter().enumerate().peekable();
        for row in rows {
            let bounds = self.bounds[row.slot as usize];
            let exemplar = exemplars.next_if(|(_, exemplar)| exemplar.slot == row.slot);
            let labels = &self.bytes[bounds.labels as usize..bounds.suffix as usize];
            let suffix = &self.bytes[bounds.suffix as usize..bounds.end as usize];
            if !row.native && exemplar.is_none() {
                out.extend_from_slice(&self.bytes[bounds.start as usize..bounds.suffix as usize]);
                self.put_sample(row, bounds.started_ms, out);
                out.extend_from_slice(suffix);
                continue;
            }
            let mut own = Vec::with_capacity(256);
            match (row.native, self.protocol) {
                (true, Protocol::V1) => natives
                    .next()
                    .iter()
                    .for_each(|body| wire::put_bytes(4, body, &mut own)),
                (true, Protocol::V2) => natives
                    .next()
                    .iter()
                    .for_each(|body| wire::put_bytes(3, body, &mut own)),
                (false, _) => self.put_sample(row, bounds.started_ms, &mut own),
            }
            if let Some((number, exemplar)) = exemplar {
                self.put_exemplar(exemplar, number as u32, row.time_ms, &mut own);
            }
            wire::put_length(
                series_field(self.protocol),
                labels.len() + own.len() + suffix.len(),
                out,
            );
            out.extend_from_slice(labels);
            out.extend_from_slice(&own);
            out.extend_from_slice(suffix);
        }
    }

    /// What a request of these rows is patched from; `None` unless they are one float of each series.
    pub(crate) fn template(&self, rows: &[Row], snappy: &mut snap::raw::Encoder) -> Option<&Template> {
        if rows.len() != self.bounds.len() || rows.iter().any(|row| row.native) {
            return None;
        }
        let made = self.template.get_or_init(|| {
            // Neighbours with one time belong to one unit, and so have one time in every round.
            let mut groups = Vec::with_capacity(rows.len());
            let mut group = 0;
            for (index, row) in rows.iter().enumerate() {
                group += u32::from(index > 0 && rows[index - 1].time_ms != row.time_ms);
                groups.push(group);
            }
            Template::new(self, &groups, snappy)
        });
        made.as_ref()
    }

    /// Where value and time of each series stand in what [`Self::encode`] makes of one float of each.
    pub(crate) fn sample_places(&self) -> impl Iterator<Item = SamplePlaces> + '_ {
        let mut at = match self.protocol {
            Protocol::V1 => 0,
            Protocol::V2 => self.symbols.len(),
        };
        self.bounds.iter().map(move |bounds| {
            let length = match self.protocol {
                Protocol::V1 => SAMPLE_V1,
                Protocol::V2 => sample_v2(bounds.started_ms),
            };
            let sample = at + (bounds.suffix - bounds.start) as usize;
            at = sample + length + (bounds.end - bounds.suffix) as usize;
            SamplePlaces {
                value: sample + VALUE_OFFSET,
                time: sample + TIME_OFFSET,
            }
        })
    }

    #[inline]
    fn put_sample(&self, row: &Row, started_ms: i64, out: &mut Vec<u8>) {
        let mut sample = [0u8; 2 + 9 + 1 + TIME_BYTES];
        let length = match self.protocol {
            Protocol::V1 => SAMPLE_V1,
            Protocol::V2 => sample_v2(started_ms),
        };
        sample[0] = 2 << 3 | 2;
        sample[1] = (length - 2) as u8;
        sample[2] = 1 << 3 | 1;
        sample[VALUE_OFFSET..VALUE_OFFSET + 8].copy_from_slice(&row.bits.to_le_bytes());
        sample[11] = 2 << 3;
        sample[TIME_OFFSET..].copy_from_slice(&time_bytes(row.time_ms));
        out.extend_from_slice(&sample);
        if length > SAMPLE_V1 {
            out.push(3 << 3);
            out.extend_from_slice(&time_bytes(started_ms));
        }
    }

    fn put_exemplar(&self, exemplar: &ExemplarRow, number: u32, time_ms: i64, out: &mut Vec<u8>) {
        let mut body = Vec::with_capacity(72);
        let field = match self.protocol {
            Protocol::V1 => {
                wire::put_label(1, "trace_id", &trace_text(exemplar.trace), &mut body);
                3
            }
            Protocol::V2 => {
                let mut refs = Vec::new();
                wire::put_varint(u64::from(self.trace_id_symbol), &mut refs);
                wire::put_varint(u64::from(self.symbol_count + number), &mut refs);
                wire::put_bytes(1, &refs, &mut body);
                4
            }
        };
        wire::put_double(2, exemplar.value, &mut body);
        wire::put_uint(3, time_ms as u64, &mut body);
        wire::put_bytes(field, &body, out);
    }

    /// The canonical text of a series, from what is encoded.
    pub(crate) fn text(&self, slot: u32) -> String {
        let bounds = self.bounds[slot as usize];
        let mut labels = &self.bytes[bounds.labels as usize..bounds.suffix as usize];
        let mut texts: Vec<&[u8]> = Vec::new();
        match self.protocol {
            Protocol::V1 => {
                while let Some((_, mut rest)) = labels.split_first().map(|(key, rest)| (*key, rest)) {
                    let Some(mut label) = wire::take_bytes(&mut rest) else {
                        break;
                    };
                    labels = rest;
                    for _ in 0..2 {
                        label = label.get(1..).unwrap_or_default();
                        texts.extend(wire::take_bytes(&mut label));
                    }
                }
            }
            Protocol::V2 => {
                let mut symbols: Vec<&[u8]> = Vec::new();
                let mut rest = &*self.symbols;
                while let Some((_, mut after)) = rest.split_first() {
                    let Some(symbol) = wire::take_bytes(&mut after) else {
                        break;
                    };
                    symbols.push(symbol);
                    rest = after;
                }
                let mut after = labels.get(1..).unwrap_or_default();
                let mut refs = wire::take_bytes(&mut after).unwrap_or_default();
                while let Some(reference) = wire::take_varint(&mut refs) {
                    texts.extend(symbols.get(reference as usize));
                }
            }
        }
        let texts: Vec<_> = texts.into_iter().map(String::from_utf8_lossy).collect();
        canonical_text(texts.chunks_exact(2).map(|pair| (&*pair[0], &*pair[1])))
    }
}

/// The field `metadata` of remote write 1.0 of some families.
pub(crate) fn metadata_v1<'a>(families: impl Iterator<Item = &'a Family>, out: &mut Vec<u8>) {
    for family in families {
        let mut body = Vec::with_capacity(96);
        wire::put_uint(1, family.kind as u64, &mut body);
        wire::put_bytes(2, family.name.as_bytes(), &mut body);
        wire::put_bytes(4, family.help.as_bytes(), &mut body);
        if !family.unit.is_empty() {
            wire::put_bytes(5, family.unit.as_bytes(), &mut body);
        }
        wire::put_bytes(3, &body, out);
    }
}

fn metadata_v2(family: &Family, symbols: &mut Symbols, out: &mut Vec<u8>) {
    let mut body = Vec::with_capacity(12);
    wire::put_uint(1, family.kind as u64, &mut body);
    wire::put_uint(3, u64::from(symbols.get(&family.help)), &mut body);
    wire::put_uint(4, u64::from(symbols.get(&family.unit)), &mut body);
    wire::put_bytes(5, &body, out);
}

fn series_field(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::V1 => 1,
        Protocol::V2 => 5,
    }
}

fn sample_v2(started_ms: i64) -> usize {
    SAMPLE_V1 + if started_ms > 0 { 1 + TIME_BYTES } else { 0 }
}

/// Sound for the times a specification may have; see `MAX_START_MS`.
#[inline]
pub(crate) fn time_bytes(time_ms: i64) -> [u8; TIME_BYTES] {
    let mut bytes = [0; TIME_BYTES];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = (time_ms >> (7 * index)) as u8 & 0x7f | 0x80;
    }
    bytes[TIME_BYTES - 1] &= 0x7f;
    bytes
}

fn trace_text(trace: u64) -> String {
    crate::random::hex(trace, 32)
}

/// The table of remote write 2.0, whose entry 0 is the empty string.
#[derive(Debug)]
struct Symbols {
    known: HashMap<String, u32>,
    bytes: Vec<u8>,
    count: u32,
}

impl Default for Symbols {
    fn default() -> Self {
        let mut bytes = Vec::new();
        wire::put_bytes(4, b"", &mut bytes);
        Self {
            known: HashMap::from([(String::new(), 0)]),
            bytes,
            count: 1,
        }
    }
}

impl Symbols {
    fn get(&mut self, text: &str) -> u32 {
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        wire::put_bytes(4, text.as_bytes(), &mut self.bytes);
        self.known.insert(text.to_owned(), self.count);
        self.count += 1;
        self.count - 1
    }
}
