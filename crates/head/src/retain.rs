//! Forgetting what is older than the retention time.

use crate::Head;
use crate::histograms::SeriesHistograms;
use crate::series::{NO_WINDOW, Series};

impl Head {
    /// Drops series without a sample at or after `cutoff_ms`, and older samples where they can be
    /// dropped in whole chunks.
    pub(crate) fn retain(&mut self, cutoff_ms: i64) {
        let cutoff_window = self.window_of(cutoff_ms);
        let mut removed_any = false;
        for id in self.series.ids() {
            let Some(series) = self.series.get(id) else {
                continue;
            };
            let newest_ms = newest_ms(series, self.histograms.get(&id));
            if newest_ms.is_some_and(|newest| newest >= cutoff_ms) {
                self.trim(id, cutoff_ms, cutoff_window);
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
        self.by_labels.remove(series.labels_hash, id);
        self.tenants[series.tenant as usize]
            .index
            .remove_series(self.series.pairs.get(series.pairs), id);
        self.series.pairs.remove(series.pairs);
        self.late.remove(&id);
        self.histograms.remove(&id);
        self.starts.remove(&id);
        self.journal.removed(id);
    }

    /// Drops what a series that stays has from before the cut-off.
    fn trim(&mut self, id: u32, cutoff_ms: i64, cutoff_window: u32) {
        let Some(series) = self.series.get_mut(id) else {
            return;
        };
        let mut changed = false;
        self.waiting
            .retain(&mut series.waiting, |chunk| chunk.times_ms().1 >= cutoff_ms);
        if let Some(late) = self.late.get_mut(&id) {
            let before = late.samples.len();
            late.samples.retain(|sample| sample.0 >= cutoff_ms);
            changed = late.samples.len() != before;
            if late.is_unused() {
                self.late.remove(&id);
            }
        }
        if let Some(starts) = self.starts.get_mut(&id) {
            starts.trim(cutoff_ms);
            if starts.is_unused() {
                self.starts.remove(&id);
            }
        }
        if let Some(histograms) = self.histograms.get_mut(&id) {
            let before = histograms.late.len();
            histograms.late.retain(|sample| sample.time_ms >= cutoff_ms);
            changed |= histograms.late.len() != before;
            if histograms.is_unused() {
                self.histograms.remove(&id);
            }
        }
        if series.oldest_sealed_window != NO_WINDOW && series.oldest_sealed_window < cutoff_window {
            series.oldest_sealed_window = cutoff_window;
            changed = true;
        }
        // Only what a checkpoint holds counts.
        if changed {
            self.journal.changed(id, series);
        }
    }
}

/// In order or late; a chunk of late samples may hold the newest when that is all there is.
fn newest_ms(series: &Series, histograms: Option<&SeriesHistograms>) -> Option<i64> {
    // Late samples are never newer than the newest in order, which is always in one of the open chunks.
    let newest_histogram = || histograms?.open.last_time_ms();
    series.open.last_time_ms().or_else(newest_histogram)
}
