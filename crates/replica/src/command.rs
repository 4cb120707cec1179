use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::admission::ByteLease;

/// What a proposal carries through the consensus library: bytes it never looks into.
#[derive(Clone)]
pub(crate) struct Command {
    pub(crate) bytes: Bytes,
    _lease: Option<Arc<ByteLease>>,
}

impl Command {
    /// A proposal. It keeps its bytes counted while it waits in queues, even if its caller went away.
    pub(crate) fn leased(bytes: Bytes, lease: Arc<ByteLease>) -> Self {
        Self {
            bytes,
            _lease: Some(lease),
        }
    }

    /// A command as read from the log or received from a peer: nothing is counted for it here.
    pub(crate) fn unleased(bytes: Bytes) -> Self {
        Self { bytes, _lease: None }
    }
}

// Both are called for log lines, so neither may format the payload.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes.len())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
