//! Custom buckets with different bounds.

use super::cells::{Cells, Layout};
use super::count::Count;
use super::{FloatHistogram, NativeHistogram};

/// The bounds that are in both.
pub(super) fn common_bounds(left: &[f64], right: &[f64]) -> Vec<f64> {
    let mut common = Vec::new();
    let mut rest = right.iter().copied().peekable();
    for &bound in left {
        while rest.next_if(|other| *other < bound).is_some() {}
        if rest.next_if(|other| *other == bound).is_some() {
            common.push(bound);
        }
    }
    common
}

/// Adds each bucket to that of the wider ones between `bounds` it lies in; the last ends at infinity.
pub(super) fn roll_up<C: Count>(
    cells: Cells<'_, C>,
    cell_bounds: &[f64],
    bounds: &[f64],
    mut add: impl FnMut(usize, C),
) {
    let mut target = 0;
    for (index, count) in cells {
        match usize::try_from(index)
            .ok()
            .and_then(|index| cell_bounds.get(index))
        {
            Some(upper) => {
                while target < bounds.len() && bounds[target] < *upper {
                    target += 1;
                }
            }
            None => target = bounds.len(),
        }
        add(target, count);
    }
}

impl<C: Count> NativeHistogram<C> {
    /// Adds the buckets of a histogram with other custom bounds, after bringing both to the bounds
    /// they share.
    pub(super) fn add_reconciled(&mut self, other: &FloatHistogram, negate: bool) {
        let bounds = common_bounds(&self.custom_values, &other.custom_values);
        let mut totals = vec![C::default(); bounds.len() + 1];
        roll_up(
            self.positive_cells(),
            &self.custom_values,
            &bounds,
            |target, count| {
                totals[target].add_count(count);
            },
        );
        roll_up(
            other.positive_cells(),
            &other.custom_values,
            &bounds,
            |target, count| {
                totals[target].add(if negate { -count } else { count });
            },
        );
        let mut layout = Layout::default();
        let mut kept = Vec::new();
        for (index, count) in totals.into_iter().enumerate() {
            if !count.is_zero() {
                layout.push(index as i64);
                kept.push(count);
            }
        }
        self.positive_spans = layout.finish();
        self.positive_buckets = kept;
        self.custom_values = bounds.into();
    }
}
