//! Which samples a head takes. The rules are Prometheus's (`memSeries.appendable`), decided from the
//! entry and the state alone.

use crate::batch::Stamp;

/// Why a row was not taken. The texts are those of Prometheus's storage errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum RowError {
    /// Older than an hour behind the tenant's newest sample where late samples are not taken, more
    /// than ten minutes ahead of the leader's clock, or before 1970.
    #[error("out of bounds")]
    OutOfBounds,
    /// Older than the series' newest sample.
    #[error("out of order sample")]
    OutOfOrder,
    /// Older than late samples may be.
    #[error("too old sample")]
    TooOld,
    /// The series has another value at this time.
    #[error("duplicate sample for timestamp")]
    DuplicateTimestamp,
    /// The sender's id names no series, or no longer: it has to declare the series again.
    #[error("unknown series id")]
    UnknownSeries,
}

/// Half of Prometheus's two-hour block range.
const MAX_LATENESS_MS: i64 = 3_600_000;
const MAX_AHEAD_MS: i64 = 600_000;

/// The times a tenant's samples may have, fixed for the length of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeBounds {
    oldest_ms: i64,
    newest_ms: i64,
    /// What a sample older than `oldest_ms` is.
    too_old: RowError,
    pub(crate) takes_late: bool,
}

impl TimeBounds {
    /// `head_max_ms` is the tenant's newest time before the batch, if it has samples.
    pub(crate) fn new(stamp: &Stamp, head_max_ms: Option<i64>) -> TimeBounds {
        let takes_late = stamp.out_of_order_window_ms > 0;
        let (lateness_ms, too_old) = if takes_late {
            (stamp.out_of_order_window_ms, RowError::TooOld)
        } else {
            (MAX_LATENESS_MS, RowError::OutOfBounds)
        };
        TimeBounds {
            oldest_ms: head_max_ms.map_or(i64::MIN, |newest| newest.saturating_sub(lateness_ms)),
            newest_ms: stamp.proposed_at_ms.saturating_add(MAX_AHEAD_MS),
            too_old,
            takes_late,
        }
    }

    #[inline]
    pub(crate) fn check(&self, time_ms: i64) -> Result<(), RowError> {
        // Windows are counted from 1970.
        if time_ms > self.newest_ms || time_ms < 0 {
            Err(RowError::OutOfBounds)
        } else if time_ms < self.oldest_ms {
            Err(self.too_old)
        } else {
            Ok(())
        }
    }
}
