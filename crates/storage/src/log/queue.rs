//! Operations on their way to the writer thread.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};

use super::group::{Callback, Group};
use crate::LogError;

/// What the writer does to a group.
pub(super) enum Op {
    /// Entries follow each other.
    Append {
        entries: Vec<(u64, Bytes)>,
        /// The floor record to write, if the log starts with these entries.
        floor: Option<Vec<u8>>,
    },
    Vote(Bytes),
    TruncateFrom(u64),
    PurgeTo {
        index: u64,
        /// The floor record to write.
        floor: Vec<u8>,
    },
    Destroy,
}

/// An operation with whom to tell.
pub(super) struct Queued {
    pub(super) group: Arc<Group>,
    /// Number of the operation within its group.
    pub(super) number: u64,
    pub(super) op: Op,
    pub(super) bytes: usize,
    pub(super) done: Callback,
    pub(super) at: Instant,
}

/// What the writer takes at once.
pub(super) struct Work {
    pub(super) ops: Vec<Queued>,
    /// Groups whose commit position changed.
    pub(super) committed: Vec<Arc<Group>>,
    /// Nothing will follow.
    pub(super) last: bool,
}

/// What the writer thread is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpInFlight {
    /// Its name.
    pub name: &'static str,
    /// For how long.
    pub elapsed: Duration,
}

#[derive(Default)]
struct State {
    ops: VecDeque<Queued>,
    committed: Vec<Arc<Group>>,
    /// Bytes queued and in flight.
    bytes: u64,
    /// When the oldest operation in flight was submitted.
    oldest_in_flight: Option<Instant>,
    doing: Option<(&'static str, Instant)>,
    /// No more operations, finish what is here.
    draining: bool,
    /// No more operations, forget what is here.
    stopped: Option<LogError>,
}

/// FIFO of all groups' operations. It takes any amount: callers admit by [`Queue::bytes`].
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

impl Queue {
    /// Adds operations in order, or gives back their callbacks if there will be no writer for them.
    pub(super) fn push(&self, ops: impl IntoIterator<Item = Queued>) -> Result<(), (Vec<Queued>, LogError)> {
        let mut state = self.state.lock();
        if let Some(error) = state.refusal() {
            return Err((ops.into_iter().collect(), error));
        }
        for op in ops {
            state.bytes += op.bytes as u64;
            state.ops.push_back(op);
        }
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Has the next batch carry the commit position of `group`; does not cause one.
    pub(super) fn push_committed(&self, group: Arc<Group>) {
        self.state.lock().committed.push(group);
    }

    /// Waits for operations, takes up to `max_bytes` of them (at least one). `None` once there will be no
    /// more.
    pub(super) fn take(&self, max_bytes: usize) -> Option<Work> {
        let mut state = self.state.lock();
        while state.ops.is_empty() && !state.draining && state.stopped.is_none() {
            self.changed.wait(&mut state);
        }
        if state.stopped.is_some() {
            return None;
        }
        let (mut ops, mut bytes) = (Vec::new(), 0);
        while let Some(next) = state.ops.front() {
            if !ops.is_empty() && bytes + next.bytes > max_bytes {
                break;
            }
            bytes += next.bytes;
            ops.extend(state.ops.pop_front());
        }
        let committed = std::mem::take(&mut state.committed);
        state.oldest_in_flight = ops.first().map(|op| op.at);
        Some(Work {
            ops,
            committed,
            last: state.draining && state.ops.is_empty(),
        })
    }

    /// Notes what the writer is about to do.
    pub(super) fn doing(&self, name: &'static str) {
        self.state.lock().doing = Some((name, Instant::now()));
    }

    /// Notes that what was taken, of `bytes`, is durable.
    pub(super) fn finished(&self, bytes: u64) {
        let mut state = self.state.lock();
        state.bytes = state.bytes.saturating_sub(bytes);
        state.oldest_in_flight = None;
        state.doing = None;
    }

    /// Has the writer end after what is queued.
    pub(super) fn drain(&self) {
        self.state.lock().draining = true;
        self.changed.notify_all();
    }

    /// Has the writer end at once; gives what was queued. The first reason stays.
    pub(super) fn stop(&self, error: LogError) -> Vec<Queued> {
        let mut state = self.state.lock();
        state.stopped.get_or_insert(error);
        let ops = state.ops.drain(..).collect::<Vec<_>>();
        state.committed.clear();
        let freed = ops.iter().map(|op| op.bytes as u64).sum::<u64>();
        state.bytes = state.bytes.saturating_sub(freed);
        drop(state);
        self.changed.notify_all();
        ops
    }

    pub(super) fn bytes(&self) -> u64 {
        self.state.lock().bytes
    }

    pub(super) fn oldest_unsynced(&self) -> Option<Duration> {
        let state = self.state.lock();
        let oldest = state
            .oldest_in_flight
            .or_else(|| state.ops.front().map(|op| op.at));
        oldest.map(|at| at.elapsed())
    }

    pub(super) fn in_flight(&self) -> Option<OpInFlight> {
        let (name, since) = self.state.lock().doing?;
        Some(OpInFlight {
            name,
            elapsed: since.elapsed(),
        })
    }
}

impl State {
    fn refusal(&self) -> Option<LogError> {
        self.stopped
            .clone()
            .or_else(|| self.draining.then_some(LogError::Closed))
    }
}
