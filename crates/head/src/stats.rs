//! The figures of /api/v1/status/tsdb.

use std::cmp::Reverse;

use vigie_model::METRIC_NAME;

use crate::Head;
use crate::tenant::Tenant;

/// Cardinalities of one tenant in one shard. Lists are sorted by descending count, then by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantStats {
    pub series_count: u64,
    /// Different pairs of label name and value.
    pub label_pair_count: u64,
    /// Chunks in memory.
    pub chunk_count: u64,
    pub min_time_ms: Option<i64>,
    pub max_time_ms: Option<i64>,
    pub series_count_by_metric_name: Vec<(String, u64)>,
    pub label_value_count_by_label_name: Vec<(String, u64)>,
    /// The length of the label's values, each counted once per series that has it.
    pub memory_bytes_by_label_name: Vec<(String, u64)>,
    /// `name=value`.
    pub series_count_by_label_pair: Vec<(String, u64)>,
}

impl TenantStats {
    pub(crate) fn of(tenant: &Tenant, head: &Head, limit: usize) -> TenantStats {
        let index = &tenant.index;
        let chunk_count = index
            .all
            .iter()
            .filter_map(|id| head.series.get(id).map(|series| (id, series)))
            .map(|(id, series)| {
                let late = head.late.get(&id).is_some_and(|late| !late.samples.is_empty());
                let waiting = head.waiting.chain(series.waiting).count() as u64;
                waiting + u64::from(late) + u64::from(!series.open.is_empty())
            })
            .sum();
        let mut by_pair = Top::new(limit);
        let mut by_metric = Top::new(limit);
        let mut value_counts = Top::new(limit);
        let mut memory = Top::new(limit);
        for (name, number) in index.names() {
            let label = index.label(number);
            let mut bytes = 0;
            for pair in index.pairs_of(label) {
                let (value, series) = (index.value(pair), index.postings(pair).len());
                bytes += value.len() as u64 * series;
                by_pair.add(series, || format!("{name}={value}"));
                if name == METRIC_NAME {
                    by_metric.add(series, || value.to_owned());
                }
            }
            value_counts.add(label.value_count() as u64, || name.to_owned());
            memory.add(bytes, || name.to_owned());
        }
        TenantStats {
            series_count: index.all.len(),
            label_pair_count: index.pair_count() as u64,
            chunk_count,
            min_time_ms: tenant.times_ms.map(|(oldest, _)| oldest),
            max_time_ms: tenant.times_ms.map(|(_, newest)| newest),
            series_count_by_metric_name: by_metric.finish(),
            label_value_count_by_label_name: value_counts.finish(),
            memory_bytes_by_label_name: memory.finish(),
            series_count_by_label_pair: by_pair.finish(),
        }
    }
}

/// Keeps the largest counts of many, and makes names only for those that may be among them.
#[derive(Debug)]
struct Top {
    limit: usize,
    /// Counts below this cannot get in any more.
    threshold: u64,
    entries: Vec<(String, u64)>,
}

impl Top {
    fn new(limit: usize) -> Top {
        Top {
            limit,
            threshold: 0,
            entries: Vec::new(),
        }
    }

    fn add(&mut self, count: u64, name: impl FnOnce() -> String) {
        if self.limit == 0 || count < self.threshold {
            return;
        }
        self.entries.push((name(), count));
        if self.entries.len() >= self.limit.saturating_mul(4) {
            self.cut();
            if self.entries.len() == self.limit {
                self.threshold = self.entries.last().map_or(0, |entry| entry.1);
            }
        }
    }

    fn cut(&mut self) {
        self.entries
            .sort_by(|left, right| (Reverse(left.1), &left.0).cmp(&(Reverse(right.1), &right.0)));
        self.entries.truncate(self.limit);
    }

    fn finish(mut self) -> Vec<(String, u64)> {
        self.cut();
        self.entries
    }
}
