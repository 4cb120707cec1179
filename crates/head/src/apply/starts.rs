//! Rows of floats that say when they began to count.

use std::ops::Range;

use super::Current;
use crate::batch::Rows;
use crate::{BatchOutcome, Head};

impl Head {
    /// Appends a block of a batch in which some floats say when they began to count.
    pub(super) fn append_started_floats(
        &mut self,
        block: Range<usize>,
        rows: &Rows,
        current: &mut Current,
        outcome: &mut BatchOutcome,
    ) {
        let mut run = rows.starts.partition_point(|run| run.rows.end <= block.start);
        for row in block {
            let (time_ms, value) = (rows.times_ms[row], rows.values[row]);
            if rows.starts.get(run).is_some_and(|run| run.rows.end <= row) {
                run += 1;
            }
            let start_ms = match rows.starts.get(run) {
                Some(run) if run.rows.contains(&row) => run.start_ms,
                _ => 0,
            };
            self.append_row(rows.ids[row], row, current, outcome, |target, bounds| {
                target.start_ms = start_ms;
                let appended = match start_ms {
                    0 => target.append(bounds, time_ms, value),
                    _ => target.append_started(bounds, time_ms, value),
                };
                appended.map(|is_new| is_new.then_some(time_ms))
            });
        }
    }
}
