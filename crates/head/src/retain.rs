//! Forgetting what is older than the retention time.

use crate::Head;
use crate::histograms::{HistogramTable, SeriesHistograms};
use crate::index::labels_hash;
use crate::series::{NO_WINDOW, Series};

impl Head {
    /// Drops series without a sample at or after `cutoff_ms`, and older samples where they can be
    /// dropped in whole chunks.
    pub(crate) fn retain(&mut self, cutoff_ms: i64) {
        let cutoff_window = self.window_of(cutoff_ms);
        let mut removed_any = false;
        for id in self.series.ids() {
            let Some(series) = self.series.get_mut(id) else {
                continue;
            };
            let newest_ms = newest_ms(series, self.histograms.get(&id));
            if newest_ms.is_some_and(|newest| newest >= cutoff_ms) {
                let trimmed = trim(series, cutoff_ms, cutoff_window);
                if trim_histograms(&mut self.histograms, id, cutoff_ms) || trimmed {
                    self.journal.changed(id, series);
                }
            } else {
                self.remove_series(id);
                removed_any = true;
            }
        }
        // An id in a remembered batch's answer may name nothing any more. While every series stays, a
        // batch that comes again must still get its first answer.
        if removed_any {
            self.recent.forget();
        }
        for tenant in &mut self.tenants {
            if removed_any {
                tenant.index.drop_unused_pairs();
            }
            if let Some((oldest, newest)) = &mut tenant.times_ms {
                *oldest = (*oldest).max(cutoff_ms).min(*newest);
            }
        }
    }

    fn remove_series(&mut self, id: u32) {
        let Some(series) = self.series.remove(id) else {
            return;
        };
        self.by_labels
            .remove(labels_hash(series.tenant, &series.pairs), id);
        self.tenants[series.tenant as usize]
            .index
            .remove_series(&series.pairs, id);
        self.histograms.remove(&id);
        self.journal.removed(id);
    }
}

/// In order or late; a chunk of late samples may hold the newest when that is all there is.
fn newest_ms(series: &Series, histograms: Option<&SeriesHistograms>) -> Option<i64> {
    // Late samples are never newer than the newest in order, which is always in one of the open chunks.
    let newest_histogram = || histograms?.open.last_time_ms();
    series.open.last_time_ms().or_else(newest_histogram)
}

/// Whether a late histogram was dropped.
fn trim_histograms(histograms: &mut HistogramTable, id: u32, cutoff_ms: i64) -> bool {
    let Some(own) = histograms.get_mut(&id) else {
        return false;
    };
    let before = own.late.len();
    own.late.retain(|sample| sample.time_ms >= cutoff_ms);
    let trimmed = own.late.len() != before;
    if own.is_unused() {
        histograms.remove(&id);
    }
    trimmed
}

/// Whether anything that a checkpoint holds was changed.
fn trim(series: &mut Series, cutoff_ms: i64, cutoff_window: u32) -> bool {
    let mut changed = false;
    if let Some(extra) = series.extra.as_deref_mut() {
        extra.pending.retain(|chunk| chunk.end_ms >= cutoff_ms);
        let before = extra.late.samples.len();
        extra.late.samples.retain(|sample| sample.0 >= cutoff_ms);
        changed = extra.late.samples.len() != before;
    }
    series.drop_unused_extra();
    if series.oldest_sealed_window != NO_WINDOW && series.oldest_sealed_window < cutoff_window {
        series.oldest_sealed_window = cutoff_window;
        changed = true;
    }
    changed
}
