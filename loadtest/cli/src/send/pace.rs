//! When a request is due, and when it is too late to send it.

use std::time::Duration;

/// The timetable of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// The next request leaves as soon as the last one is answered: for figures of cost per sample. Latency is
    /// counted from the moment of sending.
    Closed,
    /// A request is due at its place in the workload's timetable, whatever happened to those before it. Latency is
    /// counted from the due time, so a server that stalls is charged for everything that had to wait.
    Open {
        /// Seconds of the timetable that pass in a second.
        speed: f64,
        /// A request that is due for longer than this is dropped and counted as missed: the queue is as long as what
        /// falls due in that time.
        queue: Duration,
    },
}

/// What a sender does about its next request at a moment.
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
    /// The turn of a request that stands at `place` in the timetable, when `elapsed` has gone by since the start.
    pub fn turn(self, place: Duration, elapsed: Duration) -> Turn {
        let Self::Open { speed, queue } = self else {
            return Turn::Send { due: elapsed };
        };
        let due = place.div_f64(speed);
        if elapsed < due {
            Turn::Wait(due - elapsed)
        } else if elapsed - due > queue {
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
        speed: 2.0,
        queue: Duration::from_millis(300),
    };

    #[track_caller]
    fn check(place_ms: u64, elapsed_ms: u64, expected: Turn) {
        let turn = OPEN.turn(Duration::from_millis(place_ms), Duration::from_millis(elapsed_ms));
        assert_eq!(turn, expected);
    }

    #[test]
    fn due_times_do_not_depend_on_what_happened() {
        let due = Duration::from_millis(507);
        check(1014, 500, Turn::Wait(Duration::from_millis(7)));
        check(1014, 507, Turn::Send { due });
        check(1014, 700, Turn::Send { due });
    }

    #[test]
    fn the_queue_is_bounded() {
        let due = Duration::from_millis(507);
        check(1014, 807, Turn::Send { due });
        check(1014, 808, Turn::Missed);
    }

    #[test]
    fn closed_never_waits_or_misses() {
        let elapsed = Duration::from_secs(9);
        assert_eq!(
            Pace::Closed.turn(Duration::from_secs(1), elapsed),
            Turn::Send { due: elapsed }
        );
    }
}
