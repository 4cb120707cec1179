use std::any::Any;
use std::fmt;

use parking_lot::Mutex;

/// The outcome of one applied entry on its way to the local proposer, its type erased so that the
/// consensus types need not be generic over the state machine.
///
/// The mutex is never contended: it only makes a `Send` outcome `Sync`, which the library asks for.
pub(crate) struct Reply(Mutex<Option<Box<dyn Any + Send>>>);

impl Reply {
    pub(crate) fn of<O: Send + 'static>(outcome: O) -> Self {
        Self(Mutex::new(Some(Box::new(outcome))))
    }

    /// For entries that carry no command.
    pub(crate) fn none() -> Self {
        Self(Mutex::new(None))
    }

    /// The outcome, if there is one and it has type `O`.
    pub(crate) fn take<O: Send + 'static>(self) -> Option<O> {
        self.0.into_inner()?.downcast::<O>().ok().map(|outcome| *outcome)
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}
