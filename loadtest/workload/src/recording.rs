//! Scrapes of a real exporter over time, and the file they are kept in: `docs/formats/loadtest-recording.md`.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::series::{Family, MetricKind};
use crate::wire::{put_varint, take_bytes, take_varint, zigzag};

const MAGIC: &[u8; 8] = b"VGLTREC\0";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 24;
/// Series times scrapes. More would not fit beside what is tested.
pub(crate) const MAX_VALUES: u64 = 1 << 27;

/// The bits with which Prometheus marks that a series was not there. No exporter's NaN has them.
pub(crate) const ABSENT: u64 = 0x7ff0_0000_0000_0002;

/// Scrapes of one target.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// What was recorded, for people.
    pub source: String,
    /// When each scrape happened; ascending.
    pub times_ms: Vec<i64>,
    /// By their labels.
    pub series: Vec<RecordedSeries>,
}

/// A series and its values.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedSeries {
    /// By ascending name, `__name__` among them, target labels too; none is empty.
    pub labels: Vec<(String, String)>,
    pub family: Arc<Family>,
    /// Bits of its value at each scrape; see [`Self::at`].
    pub(crate) bits: Vec<u64>,
}

impl RecordedSeries {
    /// The value at a scrape; `None` if the series was not there, and beyond the end.
    pub fn at(&self, scrape: usize) -> Option<f64> {
        let bits = self.bits.get(scrape).filter(|bits| **bits != ABSENT)?;
        Some(f64::from_bits(*bits))
    }
}

/// Why a recording cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    #[error("recording: this is not a recording of the load tester")]
    NotARecording,
    #[error("recording: it has version {0}, but only version {VERSION} is known; record again")]
    Version(u32),
    /// Cut off or changed since it was written.
    #[error("recording: it is damaged: {0}")]
    Damaged(&'static str),
    #[error("recording: {0}")]
    Unusable(String),
}

impl Recording {
    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&[0; 12]);
        put_text(&self.source, &mut out);
        put_varint(self.times_ms.len() as u64, &mut out);
        let mut before = 0i64;
        for time_ms in &self.times_ms {
            put_varint(zigzag(time_ms.wrapping_sub(before)), &mut out);
            before = *time_ms;
        }
        put_varint(self.series.len() as u64, &mut out);
        let mut last: Option<&Arc<Family>> = None;
        for series in &self.series {
            // 0 for the family of the series before.
            if last == Some(&series.family) {
                out.push(0);
            } else {
                out.push(1 + series.family.kind as u8);
                for text in [&series.family.name, &series.family.help, &series.family.unit] {
                    put_text(text, &mut out);
                }
            }
            last = Some(&series.family);
            put_varint(series.labels.len() as u64, &mut out);
            for (name, value) in &series.labels {
                put_text(name, &mut out);
                put_text(value, &mut out);
            }
            let mut before = 0;
            for bits in &series.bits {
                put_varint((bits ^ before).swap_bytes(), &mut out);
                before = *bits;
            }
        }
        let length = (out.len() - HEADER_BYTES) as u32;
        out[12..16].copy_from_slice(&length.to_le_bytes());
        let sum = xxh3_64(&out[HEADER_BYTES..]);
        out[16..24].copy_from_slice(&sum.to_le_bytes());
        out
    }

    /// That of the file.
    pub(crate) fn checksum(&self) -> u64 {
        xxh3_64(self.to_bytes().get(HEADER_BYTES..).unwrap_or_default())
    }

    /// Reads what [`Self::to_bytes`] wrote, and nothing else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordingError> {
        if !bytes.starts_with(MAGIC) {
            return Err(RecordingError::NotARecording);
        }
        let (header, mut content) = bytes
            .split_at_checked(HEADER_BYTES)
            .ok_or(RecordingError::Damaged("it ends within its header"))?;
        let word = |at: usize| {
            header[at..at + 4]
                .iter()
                .rev()
                .fold(0u32, |n, b| n << 8 | u32::from(*b))
        };
        if word(8) != VERSION {
            return Err(RecordingError::Version(word(8)));
        }
        if word(12) as usize != content.len() {
            return Err(RecordingError::Damaged("it does not have the length it says"));
        }
        let sum = u64::from(word(16)) | u64::from(word(20)) << 32;
        if sum != xxh3_64(content) {
            return Err(RecordingError::Damaged("its checksum is wrong"));
        }
        let recording =
            read_content(&mut content).ok_or(RecordingError::Damaged("its content makes no sense"))?;
        if !content.is_empty() {
            return Err(RecordingError::Damaged("something follows its content"));
        }
        Ok(recording)
    }
}

fn read_content(input: &mut &[u8]) -> Option<Recording> {
    let source = take_text(input)?;
    let scrapes = take_count(input)?;
    let mut times_ms = Vec::with_capacity(scrapes);
    let mut time_ms = 0i64;
    for scrape in 0..scrapes {
        let step = take_varint(input)?;
        let step = (step >> 1) as i64 ^ -((step & 1) as i64);
        time_ms = time_ms.checked_add(step)?;
        if scrape > 0 && step <= 0 {
            return None;
        }
        times_ms.push(time_ms);
    }
    let count = take_count(input)?;
    if count as u64 * scrapes as u64 > MAX_VALUES {
        return None;
    }
    let mut series: Vec<RecordedSeries> = Vec::with_capacity(count);
    for _ in 0..count {
        let (&kind, rest) = input.split_first()?;
        *input = rest;
        let family = match kind {
            0 => Arc::clone(&series.last()?.family),
            kind => Arc::new(Family {
                kind: kind_of(kind - 1)?,
                name: take_text(input)?,
                help: take_text(input)?,
                unit: take_text(input)?,
            }),
        };
        let mut labels = Vec::new();
        for _ in 0..take_count(input)? {
            labels.push((take_text(input)?, take_text(input)?));
        }
        if !labels.is_sorted_by(|a, b| a.0 < b.0) || labels.iter().any(|(_, value)| value.is_empty()) {
            return None;
        }
        let mut bits = Vec::with_capacity(scrapes);
        let mut before = 0;
        for _ in 0..scrapes {
            before ^= take_varint(input)?.swap_bytes();
            bits.push(before);
        }
        series.push(RecordedSeries { labels, family, bits });
    }
    Some(Recording {
        source,
        times_ms,
        series,
    })
}

fn kind_of(number: u8) -> Option<MetricKind> {
    use MetricKind::{Counter, Gauge, GaugeHistogram, Histogram, Info, StateSet, Summary, Unknown};
    [
        Unknown,
        Counter,
        Gauge,
        Histogram,
        GaugeHistogram,
        Summary,
        Info,
        StateSet,
    ]
    .into_iter()
    .find(|kind| *kind as u8 == number)
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    put_varint(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

fn take_text(input: &mut &[u8]) -> Option<String> {
    String::from_utf8(take_bytes(input)?.to_vec()).ok()
}

/// A number of things that take a byte each at least, so that nobody reserves more memory than the file is large.
fn take_count(input: &mut &[u8]) -> Option<usize> {
    let count = usize::try_from(take_varint(input)?).ok()?;
    (count <= input.len()).then_some(count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn recording(columns: &[Vec<u64>]) -> Recording {
        let scrapes = columns.first().map_or(0, Vec::len);
        let family = |index: usize| {
            Arc::new(Family {
                name: format!("family_{}", index / 2),
                kind: MetricKind::Counter,
                help: "Help.".into(),
                unit: String::new(),
            })
        };
        Recording {
            source: "test".into(),
            times_ms: (0..scrapes as i64)
                .map(|i| 1_700_000_000_000 + i * 15_000)
                .collect(),
            series: columns
                .iter()
                .enumerate()
                .map(|(index, bits)| RecordedSeries {
                    labels: vec![
                        ("__name__".into(), format!("family_{}", index / 2)),
                        ("n".into(), index.to_string()),
                    ],
                    family: family(index),
                    bits: bits.clone(),
                })
                .collect(),
        }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_format_is_golden() {
        let columns = [vec![1f64.to_bits(), 1.5f64.to_bits()], vec![0, ABSENT]];
        let bytes = recording(&columns).to_bytes();
        assert_eq!(
            hex(&bytes[..16]),
            "56474c545245430001000000".to_owned() + &hex(&(bytes.len() as u32 - 24).to_le_bytes())
        );
        assert_eq!(hex(&bytes[24..]), GOLDEN);
        assert_eq!(hex(&bytes[16..24]), hex(&xxh3_64(&bytes[24..]).to_le_bytes()));
    }

    /// As in the document.
    const GOLDEN: &str = concat!(
        "0474657374",
        "0280a0abfef962b0ea01",
        "02",
        "020866616d696c795f300548656c702e00",
        "02085f5f6e616d655f5f0866616d696c795f30016e0130",
        "bfe0038010",
        "00",
        "02085f5f6e616d655f5f0866616d696c795f30016e0131",
        "00ffe083808080808002",
    );

    #[test]
    fn damage_is_found() {
        let good = recording(&[vec![1, 2, 3]]).to_bytes();
        let error = |bytes: &[u8]| Recording::from_bytes(bytes).unwrap_err().to_string();
        assert!(error(b"something else").contains("not a recording"));
        assert!(error(&good[..20]).contains("ends within its header"));
        assert!(error(&good[..good.len() - 1]).contains("the length it says"));
        let mut newer = good.clone();
        newer[8] = 2;
        assert!(error(&newer).contains("version 2"));
        for at in 24..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(error(&bad).contains("checksum"), "byte {at}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_comes_back(
            columns in (0usize..20).prop_flat_map(|n| prop::collection::vec(prop::collection::vec(any::<u64>(), n), 1..6)),
        ) {
            let written = recording(&columns);
            prop_assert_eq!(Recording::from_bytes(&written.to_bytes()).unwrap(), written);
        }

        #[test]
        fn no_content_makes_it_panic(content: Vec<u8>, at in 0usize..200, byte: u8) {
            let mut bytes = recording(&[vec![1, 2, 3], vec![4, 5, 6]]).to_bytes();
            let at = HEADER_BYTES + at % (bytes.len() - HEADER_BYTES);
            bytes[at] = byte;
            let _ = read_content(&mut &bytes[HEADER_BYTES..]);
            let _ = read_content(&mut &*content);
        }
    }
}
