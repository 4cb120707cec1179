//! One histogram as a layout and a row of numbers.

use std::sync::Arc;

use vigie_model::{FloatHistogram, Histogram, InvalidHistogram, is_stale_nan, write_uvarint};

use super::layout::{HistogramLayout, MAX_HISTOGRAM_BUCKETS};
use crate::ChunkError;
use crate::frame::{take_uvarint, unzigzag, zigzag};

/// Numbers that come before those of the buckets.
pub(super) const SUM: usize = 0;
pub(super) const COUNT: usize = 1;
const ZERO_COUNT: usize = 2;
pub(super) const FIRST_BUCKET: usize = 3;

/// A native histogram, to the bit: its layout, shared by those that have the same, and its numbers.
///
/// The numbers are: bits of the sum, count, count of the zero bucket, then the positive and the negative
/// buckets. Counts are absolute, and are bits of floats or integers as the layout says.
#[derive(Debug, Clone)]
pub struct FlatHistogram {
    pub(super) layout: Arc<HistogramLayout>,
    pub(super) numbers: Box<[u64]>,
}

/// A histogram in the form it was sent in.
#[derive(Debug, Clone, PartialEq)]
pub enum AnyHistogram {
    Integer(Histogram),
    Float(FloatHistogram),
}

/// A histogram at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistogramSample {
    /// Milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// When it began to count; 0 if that is not known.
    pub start_ms: i64,
    pub histogram: FlatHistogram,
}

impl PartialEq for FlatHistogram {
    fn eq(&self, other: &FlatHistogram) -> bool {
        self.numbers == other.numbers
            && (Arc::ptr_eq(&self.layout, &other.layout) || self.layout == other.layout)
    }
}

impl Eq for FlatHistogram {}

impl AnyHistogram {
    pub fn validate(&self) -> Result<(), InvalidHistogram> {
        match self {
            AnyHistogram::Integer(histogram) => histogram.validate(),
            AnyHistogram::Float(histogram) => histogram.validate(),
        }
    }

    /// `None` if a side has not as many buckets as its spans say, or there are too many.
    pub fn flatten(&self) -> Option<FlatHistogram> {
        match self {
            AnyHistogram::Integer(histogram) => FlatHistogram::from_integer(histogram),
            AnyHistogram::Float(histogram) => FlatHistogram::from_float(histogram),
        }
    }
}

impl FlatHistogram {
    pub fn from_integer(histogram: &Histogram) -> Option<FlatHistogram> {
        let layout = HistogramLayout {
            is_float: false,
            hint: histogram.counter_reset_hint,
            schema: histogram.schema,
            zero_threshold: histogram.zero_threshold,
            positive_spans: histogram.positive_spans.clone(),
            negative_spans: histogram.negative_spans.clone(),
            custom_values: histogram.custom_values.clone(),
        };
        FlatHistogram::new(
            layout,
            [histogram.sum.to_bits(), histogram.count, histogram.zero_count],
            absolute(&histogram.positive_deltas),
            absolute(&histogram.negative_deltas),
        )
    }

    pub fn from_float(histogram: &FloatHistogram) -> Option<FlatHistogram> {
        let layout = HistogramLayout {
            is_float: true,
            hint: histogram.counter_reset_hint,
            schema: histogram.schema,
            zero_threshold: histogram.zero_threshold,
            positive_spans: histogram.positive_spans.clone(),
            negative_spans: histogram.negative_spans.clone(),
            custom_values: histogram.custom_values.clone(),
        };
        FlatHistogram::new(
            layout,
            [
                histogram.sum.to_bits(),
                histogram.count.to_bits(),
                histogram.zero_count.to_bits(),
            ],
            histogram.positive_buckets.iter().map(|count| count.to_bits()),
            histogram.negative_buckets.iter().map(|count| count.to_bits()),
        )
    }

    fn new(
        layout: HistogramLayout,
        head: [u64; FIRST_BUCKET],
        positive: impl ExactSizeIterator<Item = u64>,
        negative: impl ExactSizeIterator<Item = u64>,
    ) -> Option<FlatHistogram> {
        let fits = positive.len() == layout.positive_count()
            && negative.len() == layout.negative_count()
            && positive.len() + negative.len() <= MAX_HISTOGRAM_BUCKETS
            && layout.positive_spans.len().max(layout.negative_spans.len()) <= MAX_HISTOGRAM_BUCKETS
            && layout.custom_values.len() <= MAX_HISTOGRAM_BUCKETS;
        fits.then(|| FlatHistogram {
            layout: Arc::new(layout),
            numbers: head.into_iter().chain(positive).chain(negative).collect(),
        })
    }

    /// The marker of the end of a series whose last histogram was this one, in the same form.
    #[must_use]
    pub fn stale_after(&self) -> FlatHistogram {
        FlatHistogram {
            layout: Arc::new(HistogramLayout {
                is_float: self.layout.is_float,
                ..HistogramLayout::default()
            }),
            numbers: [vigie_model::STALE_NAN_BITS, 0, 0].into(),
        }
    }

    pub fn is_stale(&self) -> bool {
        is_stale_nan(f64::from_bits(self.numbers[SUM]))
    }

    pub fn layout(&self) -> &HistogramLayout {
        &self.layout
    }

    /// Equal to the bit, the hint aside: what a repeated sample is.
    pub fn is_same_but_hint(&self, other: &FlatHistogram) -> bool {
        self.numbers == other.numbers
            && (Arc::ptr_eq(&self.layout, &other.layout) || self.layout.is_same_but_hint(&other.layout))
    }

    /// Bytes on the heap, the layout left out where it is shared.
    pub fn heap_bytes(&self) -> usize {
        size_of_val(&*self.numbers)
    }

    fn sides(&self) -> (&[u64], &[u64]) {
        self.numbers[FIRST_BUCKET..].split_at(self.layout.positive_count())
    }

    /// As the engine computes with it.
    pub fn to_float(&self) -> FloatHistogram {
        let layout = &*self.layout;
        let number = |raw: u64| {
            if layout.is_float {
                f64::from_bits(raw)
            } else {
                // Counts that are negative were sent as such and refused; see `AnyHistogram::validate`.
                raw as f64
            }
        };
        let (positive, negative) = self.sides();
        FloatHistogram {
            counter_reset_hint: layout.hint,
            schema: layout.schema,
            zero_threshold: layout.zero_threshold,
            zero_count: number(self.numbers[ZERO_COUNT]),
            count: number(self.numbers[COUNT]),
            sum: f64::from_bits(self.numbers[SUM]),
            positive_spans: layout.positive_spans.clone(),
            positive_buckets: positive.iter().map(|raw| number(*raw)).collect(),
            negative_spans: layout.negative_spans.clone(),
            negative_buckets: negative.iter().map(|raw| number(*raw)).collect(),
            custom_values: layout.custom_values.clone(),
        }
    }

    /// In the form it was sent in.
    pub fn to_any(&self) -> AnyHistogram {
        if self.layout.is_float {
            return AnyHistogram::Float(self.to_float());
        }
        let layout = &*self.layout;
        let (positive, negative) = self.sides();
        AnyHistogram::Integer(Histogram {
            counter_reset_hint: layout.hint,
            schema: layout.schema,
            zero_threshold: layout.zero_threshold,
            zero_count: self.numbers[ZERO_COUNT],
            count: self.numbers[COUNT],
            sum: f64::from_bits(self.numbers[SUM]),
            positive_spans: layout.positive_spans.clone(),
            positive_deltas: deltas(positive),
            negative_spans: layout.negative_spans.clone(),
            negative_deltas: deltas(negative),
            custom_values: layout.custom_values.clone(),
        })
    }

    /// Appends the histogram as a record that needs nothing else.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.layout.write(out);
        self.write_numbers(None, out);
    }

    /// Reads what [`FlatHistogram::write`] wrote, and advances `input` past it.
    pub fn read(input: &mut &[u8]) -> Result<FlatHistogram, ChunkError> {
        let layout = Arc::new(HistogramLayout::read(input)?);
        FlatHistogram::read_numbers(layout, None, input)
    }

    /// The numbers as differences to those of `previous`, which has the same layout, or to zero.
    pub(super) fn write_numbers(&self, previous: Option<&FlatHistogram>, out: &mut Vec<u8>) {
        let before = previous.map_or(&[][..], |previous| &previous.numbers);
        for (at, number) in self.numbers.iter().enumerate() {
            let before = before.get(at).copied().unwrap_or(0);
            let coded = if is_float_at(&self.layout, at) {
                // What differs in a float is at its high end.
                (number ^ before).swap_bytes()
            } else {
                zigzag(number.wrapping_sub(before) as i64)
            };
            write_uvarint(out, coded);
        }
    }

    pub(super) fn read_numbers(
        layout: Arc<HistogramLayout>,
        previous: Option<&FlatHistogram>,
        input: &mut &[u8],
    ) -> Result<FlatHistogram, ChunkError> {
        let count = FIRST_BUCKET + layout.positive_count() + layout.negative_count();
        // Each takes a byte at least, which bounds what is allocated for them.
        if count > input.len() {
            return Err(ChunkError::Truncated);
        }
        let before = previous.map_or(&[][..], |previous| &previous.numbers);
        let numbers: Result<Box<[u64]>, ChunkError> = (0..count)
            .map(|at| {
                let before = before.get(at).copied().unwrap_or(0);
                let coded = take_uvarint(input)?;
                Ok(if is_float_at(&layout, at) {
                    coded.swap_bytes() ^ before
                } else {
                    before.wrapping_add(unzigzag(coded) as u64)
                })
            })
            .collect();
        Ok(FlatHistogram {
            numbers: numbers?,
            layout,
        })
    }
}

/// Whether the number at a position is the bits of a float.
pub(super) fn is_float_at(layout: &HistogramLayout, at: usize) -> bool {
    at == SUM || layout.is_float
}

fn absolute(deltas: &[i64]) -> impl ExactSizeIterator<Item = u64> {
    let mut count = 0i64;
    deltas.iter().map(move |delta| {
        count = count.wrapping_add(*delta);
        count as u64
    })
}

fn deltas(counts: &[u64]) -> Vec<i64> {
    let mut before = 0u64;
    counts
        .iter()
        .map(|count| count.wrapping_sub(std::mem::replace(&mut before, *count)) as i64)
        .collect()
}
