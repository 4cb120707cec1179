//! When a request is due, and when it is too late to send it.

use std::time::Duration;

/// The timetable of one sender.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// The next request leaves as soon as the last one is answered: for figures of cost per sample. Latency is
    /// counted from the moment of sending.
    Closed,
    /// Request `k` is due at `start + phase + k * interval`, whatever happened to those before it. Latency is counted
    /// from the due time, so a server that stalls is charged for everything that had to wait.
    Open {
        interval: Duration,
        /// Shift of this sender's timetable, so that senders do not fire together.
        phase: Duration,
        /// How many due requests may wait behind the one in flight; older ones are dropped and counted as missed.
        queue: u32,
    },
}

/// What a sender does about request `k` at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Wait for so long, then ask again.
    Wait(Duration),
    /// Send now; it was due so long after the start.
    Send { due: Duration },
    /// More than the queue holds has become due meanwhile.
    Missed,
}

impl Pace {
    /// The turn of request `k` when `elapsed` has gone by since the start.
    pub fn turn(self, k: u64, elapsed: Duration) -> Turn {
        let Self::Open {
            interval,
            phase,
            queue,
        } = self
        else {
            return Turn::Send { due: elapsed };
        };
        // Whole nanoseconds in 128 bits: a rate is not rounded away over hours.
        let due = Duration::from_nanos_u128(phase.as_nanos() + u128::from(k) * interval.as_nanos());
        if elapsed < due {
            return Turn::Wait(due - elapsed);
        }
        let behind = (elapsed - due).as_nanos() / interval.as_nanos().max(1);
        if behind > u128::from(queue) {
            Turn::Missed
        } else {
            Turn::Send { due }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Pace = Pace::Open {
        interval: Duration::from_millis(100),
        phase: Duration::from_millis(7),
        queue: 2,
    };

    #[track_caller]
    fn check(k: u64, elapsed_ms: u64, expected: Turn) {
        assert_eq!(OPEN.turn(k, Duration::from_millis(elapsed_ms)), expected);
    }

    #[test]
    fn due_times_do_not_depend_on_what_happened() {
        let due = Duration::from_millis(507);
        check(5, 500, Turn::Wait(Duration::from_millis(7)));
        check(5, 507, Turn::Send { due });
        check(5, 700, Turn::Send { due });
    }

    #[test]
    fn the_queue_is_bounded() {
        let due = Duration::from_millis(507);
        check(5, 806, Turn::Send { due });
        check(5, 807, Turn::Missed);
    }

    #[test]
    fn closed_never_waits_or_misses() {
        let elapsed = Duration::from_secs(9);
        assert_eq!(Pace::Closed.turn(1, elapsed), Turn::Send { due: elapsed });
    }
}
