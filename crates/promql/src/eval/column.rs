//! One series over the grid.

use std::sync::Arc;

use vigie_model::{FloatHistogram, Labels, METRIC_NAME, NORMAL_NAN_BITS};

/// Marks a step without a value: a NaN that no sample has, as [`admit`] changes it in what is read.
///
/// One reserved pattern instead of a bitmap keeps a column at eight bytes per step, and telling it
/// is one integer comparison that vectorises. Arithmetic on other NaNs cannot produce it, since a
/// NaN result is one of its operands or the processor's own.
const ABSENT_BITS: u64 = 0x7ff8_7669_6769_6500;

pub(crate) const ABSENT: f64 = f64::from_bits(ABSENT_BITS);

#[inline(always)]
pub(crate) fn is_absent(value: f64) -> bool {
    value.to_bits() == ABSENT_BITS
}

/// A value as it may stand in a column.
#[inline(always)]
pub(crate) fn admit(value: f64) -> f64 {
    if is_absent(value) {
        f64::from_bits(NORMAL_NAN_BITS)
    } else {
        value
    }
}

/// A series with a value, a histogram, or nothing at each step.
#[derive(Debug, Clone, Default)]
pub(crate) struct StepSeries {
    pub labels: Labels,
    /// The name is to be dropped at the end (delayed name removal).
    pub drop_name: bool,
    /// One per step of the grid; [`ABSENT`] where there is none.
    pub values: Vec<f64>,
    /// By ascending step; `values` is absent there.
    pub histograms: Vec<(usize, Arc<FloatHistogram>)>,
}

impl StepSeries {
    pub(crate) fn new(labels: Labels, len: usize) -> StepSeries {
        StepSeries {
            labels,
            values: vec![ABSENT; len],
            ..StepSeries::default()
        }
    }

    /// Makes room for the next series, in the same allocation.
    pub(crate) fn reset(&mut self, labels: Labels, len: usize) {
        self.labels = labels;
        self.drop_name = false;
        self.values.clear();
        self.values.resize(len, ABSENT);
        self.histograms.clear();
    }

    /// How many values it has, and what its histograms count as.
    pub(crate) fn sample_count(&self) -> usize {
        let histograms = self.histograms.iter();
        self.values.iter().filter(|value| !is_absent(**value)).count()
            + histograms
                .map(|(_, histogram)| histogram.size_in_samples())
                .sum::<usize>()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.histograms.is_empty() && self.values.iter().all(|value| is_absent(*value))
    }

    #[inline]
    pub(crate) fn is_present(&self, step: usize) -> bool {
        !is_absent(self.values[step]) || self.histogram_at(step).is_some()
    }

    pub(crate) fn histogram_at(&self, step: usize) -> Option<&Arc<FloatHistogram>> {
        if self.histograms.is_empty() {
            return None;
        }
        let position = self.histograms.binary_search_by_key(&step, |(at, _)| *at).ok()?;
        Some(&self.histograms[position].1)
    }

    /// Removes everything at the steps where `keep` says no.
    pub(crate) fn retain_steps(&mut self, keep: impl Fn(usize) -> bool) {
        for (step, value) in self.values.iter_mut().enumerate() {
            if !keep(step) {
                *value = ABSENT;
            }
        }
        self.histograms.retain(|(step, _)| keep(*step));
    }
}

/// The labels that go with the name.
pub(crate) fn is_metadata_label(name: &str) -> bool {
    name == METRIC_NAME || name == "__type__" || name == "__unit__"
}

/// The set without its name, type and unit.
pub(crate) fn without_metadata(labels: &Labels) -> Labels {
    labels.filter(|name| !is_metadata_label(name))
}

/// A set of steps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StepSet {
    words: Vec<u64>,
}

impl StepSet {
    pub(crate) fn new(len: usize) -> StepSet {
        StepSet {
            words: vec![0; len.div_ceil(64)],
        }
    }

    #[inline]
    pub(crate) fn contains(&self, step: usize) -> bool {
        self.words[step / 64] >> (step % 64) & 1 == 1
    }

    /// False if it was in already.
    #[inline]
    pub(crate) fn insert(&mut self, step: usize) -> bool {
        let bit = 1 << (step % 64);
        let word = &mut self.words[step / 64];
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Adds every step at which the series has something.
    pub(crate) fn insert_present(&mut self, series: &StepSeries) {
        for (word, values) in self.words.iter_mut().zip(series.values.chunks(64)) {
            for (bit, value) in values.iter().enumerate() {
                *word |= u64::from(!is_absent(*value)) << bit;
            }
        }
        for (step, _) in &series.histograms {
            self.insert(*step);
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        (self.words.len() * 8) as u64
    }
}
