use std::error::Error;
use std::io;
use std::sync::Arc;

/// A failure after which a replica must not go on: its state machine or its log cannot be trusted any more.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{context}")]
pub struct FatalError {
    context: String,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// Why a replica could not be opened or driven.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReplicaError {
    #[error("replica options are invalid: {0}")]
    Options(String),
    /// The request does not fit the present membership or leadership; nothing was changed.
    #[error("request was refused: {0}")]
    Refused(String),
    #[error("no answer within the deadline while {0}")]
    Timeout(&'static str),
    #[error("replica has stopped")]
    Fatal(#[from] FatalError),
}

/// Why a proposal was not acknowledged.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProposeError {
    /// Nothing was written. `hint` is the replica id of the leader, if known; without one an election is going on.
    #[error("replica is not the leader")]
    NotLeader { hint: Option<u64> },
    /// Nothing was written: too many bytes are on their way already.
    #[error("too many bytes in flight")]
    Overloaded,
    /// The leader changed while the entry was on its way: it may or may not be applied, now or later.
    #[error("leadership changed, the entry may or may not be applied")]
    Unknown,
    /// The replica has stopped; the entry may or may not be applied.
    #[error("replica has stopped")]
    Fatal(#[source] FatalError),
}

/// Why a linearizable read cannot be served here now.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// `hint` is the replica id of the leader, if known.
    #[error("replica is not the leader")]
    NotLeader { hint: Option<u64> },
    /// A majority did not confirm the leadership in time.
    #[error("leadership was not confirmed by a majority")]
    NoQuorum,
    #[error("replica has stopped")]
    Fatal(#[source] FatalError),
}

/// Why a message from a peer was not handled.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RpcError {
    /// The message is for another cluster, group or replica id. A peer must not take this for an answer.
    #[error("message is addressed to another replica")]
    WrongReplica,
    #[error("message is malformed: {0}")]
    Malformed(String),
    #[error("replica has stopped")]
    Fatal(#[source] FatalError),
}

impl FatalError {
    pub fn new(context: impl Into<String>) -> Self {
        Self {
            context: context.into(),
            source: None,
        }
    }

    pub fn with_source(context: impl Into<String>, source: impl Error + Send + Sync + 'static) -> Self {
        Self {
            context: context.into(),
            source: Some(Arc::new(source)),
        }
    }

    /// The failure with its causes, on one line.
    pub fn with_causes(&self) -> String {
        vigie_runtime::with_causes(self)
    }
}

impl From<FatalError> for io::Error {
    fn from(error: FatalError) -> Self {
        io::Error::other(error)
    }
}

impl ProposeError {
    /// Whether proposing the same entry again, here or at the hinted leader, may succeed.
    /// After [`ProposeError::Unknown`] the entry must be harmless when applied twice.
    pub fn retryable(&self) -> bool {
        !matches!(self, Self::Fatal(_))
    }
}
