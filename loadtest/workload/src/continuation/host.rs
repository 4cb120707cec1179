//! Where one host stands in a recording that goes on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::{Continuation, Law, RESET};
use crate::random::{Rng, mix2};

/// Mean length of a run, in intervals.
const MEAN_RUN: u64 = 8;
/// How much of another interval's move is mixed in at most, of 256. Below half, or moves of 1 could become 0.
const MAX_MIX: u64 = 64;
/// The course of one host. Reading is cheap for the present round, moving on costs some nanoseconds a series; an
/// earlier round is reached by starting anew.
#[derive(Debug)]
pub(crate) struct RecordedHost {
    continuation: Arc<Continuation>,
    seed: u64,
    born: u64,
    course: Mutex<Course>,
    /// That of `bits`. Written after them.
    round: AtomicU64,
    bits: Vec<AtomicU64>,
}

/// Where a host stands.
#[derive(Debug)]
struct Course {
    rng: Rng,
    round: u64,
    /// The next interval of the run, and how many of the run are left.
    next: usize,
    left: u64,
    scaled: Vec<i64>,
}

impl Course {
    fn start(continuation: &Continuation, seed: u64, born: u64) -> Self {
        let mut rng = Rng::new(mix2(seed, 0x5ec0));
        let offset = rng.below(continuation.intervals as u64) as usize;
        Self {
            left: run_length(&mut rng),
            rng,
            round: born,
            next: offset,
            scaled: continuation.level_row(offset).to_vec(),
        }
    }

    fn step(&mut self, continuation: &Continuation) {
        let intervals = continuation.intervals as u64;
        if self.left == 0 {
            self.next = self.rng.below(intervals) as usize;
            self.left = run_length(&mut self.rng);
        }
        let own = self.next;
        let other = self.rng.below(intervals) as usize;
        let share = self.rng.below(MAX_MIX) as i64;
        self.left -= 1;
        self.round += 1;
        self.next = (own + 1) % continuation.intervals;
        let moves = continuation
            .move_row(own)
            .iter()
            .zip(continuation.move_row(other));
        let levels = continuation
            .level_row(own + 1)
            .iter()
            .zip(continuation.level_row(other + 1));
        let motions = continuation.motions.iter().zip(moves).zip(levels);
        for (scaled, ((motion, (own, other)), (level, other_level))) in self.scaled.iter_mut().zip(motions) {
            match motion.law {
                Law::Constant => {}
                Law::Verbatim => *scaled = *level,
                Law::Level => *scaled = motion.mix(*level, *other_level, share),
                Law::Counter if *own == RESET => *scaled = *level,
                Law::Counter => {
                    let other = if *other == RESET { 0 } else { *other };
                    *scaled = scaled.saturating_add(motion.mix(*own, other, share));
                }
                Law::Walk { low, high } => {
                    let moved = *scaled + motion.mix(*own, *other, share);
                    *scaled = if moved > high {
                        2 * high - moved
                    } else if moved < low {
                        2 * low - moved
                    } else {
                        moved
                    };
                }
            }
        }
    }
}

/// At least 1; [`MEAN_RUN`] in the mean.
fn run_length(rng: &mut Rng) -> u64 {
    1 + rng.below(2 * MEAN_RUN - 1)
}

impl RecordedHost {
    /// Starts at an offset of its own in round `born`.
    pub(crate) fn new(continuation: &Arc<Continuation>, seed: u64, born: u64) -> Self {
        let course = Course::start(continuation, seed, born);
        let host = Self {
            continuation: Arc::clone(continuation),
            seed,
            born,
            round: AtomicU64::new(born),
            bits: course.scaled.iter().map(|_| AtomicU64::new(0)).collect(),
            course: Mutex::new(course),
        };
        host.publish(&host.course.lock().unwrap_or_else(PoisonError::into_inner));
        host
    }

    /// The value in a round; that of its birth before it.
    #[inline]
    pub(crate) fn value(&self, series: usize, round: u64) -> f64 {
        let round = round.max(self.born);
        if self.round.load(Ordering::Acquire) != round {
            self.move_to(round);
        }
        f64::from_bits(self.bits[series].load(Ordering::Relaxed))
    }

    #[cold]
    fn move_to(&self, round: u64) {
        let mut course = self.course.lock().unwrap_or_else(PoisonError::into_inner);
        if course.round > round {
            *course = Course::start(&self.continuation, self.seed, self.born);
        }
        while course.round < round {
            course.step(&self.continuation);
        }
        self.publish(&course);
    }

    fn publish(&self, course: &Course) {
        let scaled = course.scaled.iter().zip(&self.continuation.motions);
        for (bits, (scaled, motion)) in self.bits.iter().zip(scaled) {
            let value = match motion.law {
                Law::Constant | Law::Verbatim => *scaled as u64,
                _ => (*scaled as f64 / motion.scale).to_bits(),
            };
            bits.store(value, Ordering::Relaxed);
        }
        self.round.store(course.round, Ordering::Release);
    }
}
