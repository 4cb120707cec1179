//! What the histograms of a series share as long as their buckets stay the same.

use std::sync::Arc;

use vigie_model::{CounterResetHint, Span, write_uvarint, write_varint};

use crate::ChunkError;
use crate::frame::{take, take_uvarint, take_varint};

/// The most buckets of a histogram, both sides together. Schema 8 has 2^8 buckets for each power of two,
/// so this covers 2^256; no client comes near.
pub const MAX_HISTOGRAM_BUCKETS: usize = 1 << 16;
/// Spans may be empty, so their number is bounded apart.
const MAX_SPANS: usize = MAX_HISTOGRAM_BUCKETS;

const HINT_MASK: u8 = 0b11;
const IS_FLOAT: u8 = 1 << 2;
const DEFAULT_ZERO_THRESHOLD: u8 = 1 << 3;
const HAS_CUSTOM_VALUES: u8 = 1 << 4;
/// 2^-128, the width of the zero bucket that client libraries use.
const DEFAULT_ZERO_THRESHOLD_BITS: u64 = (1023 - 128) << 52;

/// All of a histogram but its numbers.
#[derive(Debug, Clone, Default)]
pub struct HistogramLayout {
    /// Whether counts are floats; otherwise they are unsigned integers.
    pub is_float: bool,
    pub hint: CounterResetHint,
    pub schema: i32,
    pub zero_threshold: f64,
    pub positive_spans: Vec<Span>,
    pub negative_spans: Vec<Span>,
    pub custom_values: Arc<[f64]>,
}

impl PartialEq for HistogramLayout {
    /// To the bit.
    fn eq(&self, other: &HistogramLayout) -> bool {
        self.hint == other.hint && self.is_same_but_hint(other)
    }
}

impl Eq for HistogramLayout {}

impl HistogramLayout {
    /// Equal to the bit, the hint aside.
    pub fn is_same_but_hint(&self, other: &HistogramLayout) -> bool {
        let bits = |value: &f64| value.to_bits();
        self.is_float == other.is_float
            && self.schema == other.schema
            && self.zero_threshold.to_bits() == other.zero_threshold.to_bits()
            && self.positive_spans == other.positive_spans
            && self.negative_spans == other.negative_spans
            && self
                .custom_values
                .iter()
                .map(bits)
                .eq(other.custom_values.iter().map(bits))
    }

    /// Buckets of the positive side.
    pub(crate) fn positive_count(&self) -> usize {
        held(&self.positive_spans)
    }

    /// Buckets of the negative side.
    pub(crate) fn negative_count(&self) -> usize {
        held(&self.negative_spans)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let has_default_zero = self.zero_threshold.to_bits() == DEFAULT_ZERO_THRESHOLD_BITS;
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        out.push(
            hint_code(self.hint)
                | flag(self.is_float, IS_FLOAT)
                | flag(has_default_zero, DEFAULT_ZERO_THRESHOLD)
                | flag(!self.custom_values.is_empty(), HAS_CUSTOM_VALUES),
        );
        write_varint(out, i64::from(self.schema));
        if !has_default_zero {
            out.extend_from_slice(&self.zero_threshold.to_bits().to_le_bytes());
        }
        write_spans(out, &self.positive_spans);
        write_spans(out, &self.negative_spans);
        if !self.custom_values.is_empty() {
            write_uvarint(out, self.custom_values.len() as u64);
            for value in &*self.custom_values {
                out.extend_from_slice(&value.to_bits().to_le_bytes());
            }
        }
    }

    pub(crate) fn read(input: &mut &[u8]) -> Result<HistogramLayout, ChunkError> {
        let [flags] = take::<1>(input)?;
        if flags & !(HINT_MASK | IS_FLOAT | DEFAULT_ZERO_THRESHOLD | HAS_CUSTOM_VALUES) != 0 {
            return Err(ChunkError::Inconsistent("flags of a histogram"));
        }
        let schema =
            i32::try_from(take_varint(input)?).map_err(|_| ChunkError::Inconsistent("histogram schema"))?;
        let zero_threshold = if flags & DEFAULT_ZERO_THRESHOLD != 0 {
            f64::from_bits(DEFAULT_ZERO_THRESHOLD_BITS)
        } else {
            f64::from_le_bytes(take(input)?)
        };
        let positive_spans = read_spans(input)?;
        let negative_spans = read_spans(input)?;
        if held(&positive_spans).saturating_add(held(&negative_spans)) > MAX_HISTOGRAM_BUCKETS {
            return Err(ChunkError::Inconsistent("too many buckets"));
        }
        let custom_values = if flags & HAS_CUSTOM_VALUES != 0 {
            read_custom_values(input)?
        } else {
            Arc::default()
        };
        Ok(HistogramLayout {
            is_float: flags & IS_FLOAT != 0,
            hint: hint_of(flags & HINT_MASK),
            schema,
            zero_threshold,
            positive_spans,
            negative_spans,
            custom_values,
        })
    }
}

fn held(spans: &[Span]) -> usize {
    spans.iter().map(|span| span.length as usize).sum()
}

fn write_spans(out: &mut Vec<u8>, spans: &[Span]) {
    write_uvarint(out, spans.len() as u64);
    for span in spans {
        write_varint(out, i64::from(span.offset));
        write_uvarint(out, u64::from(span.length));
    }
}

fn read_spans(input: &mut &[u8]) -> Result<Vec<Span>, ChunkError> {
    let count = take_uvarint(input)? as usize;
    // Each takes two bytes at least, which bounds what is allocated for them.
    if count > MAX_SPANS || count > input.len() / 2 {
        return Err(ChunkError::Inconsistent("too many spans"));
    }
    (0..count)
        .map(|_| {
            let wrong = ChunkError::Inconsistent("span");
            Ok(Span {
                offset: i32::try_from(take_varint(input)?).map_err(|_| wrong)?,
                length: u32::try_from(take_uvarint(input)?).map_err(|_| wrong)?,
            })
        })
        .collect()
}

fn read_custom_values(input: &mut &[u8]) -> Result<Arc<[f64]>, ChunkError> {
    let count = usize::try_from(take_uvarint(input)?).unwrap_or(usize::MAX);
    let (bytes, rest) = count
        .checked_mul(8)
        .and_then(|bytes| input.split_at_checked(bytes))
        .ok_or(ChunkError::Truncated)?;
    if count == 0 || count > MAX_HISTOGRAM_BUCKETS {
        return Err(ChunkError::Inconsistent("custom bounds"));
    }
    *input = rest;
    let (words, _) = bytes.as_chunks::<8>();
    Ok(words.iter().map(|word| f64::from_le_bytes(*word)).collect())
}

fn hint_code(hint: CounterResetHint) -> u8 {
    match hint {
        CounterResetHint::Unknown => 0,
        CounterResetHint::Reset => 1,
        CounterResetHint::NotReset => 2,
        CounterResetHint::Gauge => 3,
    }
}

fn hint_of(code: u8) -> CounterResetHint {
    match code {
        1 => CounterResetHint::Reset,
        2 => CounterResetHint::NotReset,
        3 => CounterResetHint::Gauge,
        _ => CounterResetHint::Unknown,
    }
}
