//! What the times at which counters began to count say about resets.
//!
//! A start time of 0 is unknown; so is one at or after the sample's own time.

/// Whether a counter began anew between two samples, both given as (start time, time).
pub(super) fn starts_anew(previous: (i64, i64), current: (i64, i64)) -> bool {
    let (start_ms, time_ms) = current;
    if start_ms == 0 || start_ms >= time_ms || start_ms < previous.1 {
        return false;
    }
    // At the previous sample a delta begins, or what is counted since an unknown time.
    start_ms > previous.1 || (previous.0 != 0 && previous.0 < previous.1)
}

/// Whether a sample counts from before the previous one, but not from where that one does.
pub(super) fn overlaps(previous: (i64, i64), start_ms: i64) -> bool {
    start_ms != 0 && start_ms < previous.1 && start_ms != previous.0
}
