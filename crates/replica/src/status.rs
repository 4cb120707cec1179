use openraft::{RaftMetrics, ServerState};

use crate::error::FatalError;
use crate::raft_types::TypeConfig;

/// A replica at one moment. Indices are of log entries, which start at 0; `None` is before the first.
#[derive(Debug, Clone)]
pub struct ReplicaStatus {
    /// Replica id of the leader, if known.
    pub leader: Option<u64>,
    pub is_leader: bool,
    pub term: u64,
    /// Last entry in the log, durable or not.
    pub last_log: Option<u64>,
    /// Last entry known to be on a majority.
    pub committed: Option<u64>,
    /// Last entry in the state machine.
    pub applied: Option<u64>,
    /// Last entry in the durable checkpoint.
    pub checkpointed: Option<u64>,
    /// Last entry dropped from the log.
    pub purged: Option<u64>,
    pub voters: Vec<u64>,
    pub learners: Vec<u64>,
    /// Why the replica has stopped, if it has.
    pub error: Option<FatalError>,
}

/// Who leads a group, as one of its replicas sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leadership {
    pub leader: Option<u64>,
    pub term: u64,
    /// Whether it is this replica.
    pub is_leader: bool,
}

impl ReplicaStatus {
    pub(crate) fn of(metrics: &RaftMetrics<TypeConfig>) -> Self {
        let membership = metrics.membership_config.membership();
        Self {
            leader: metrics.current_leader,
            is_leader: metrics.state == ServerState::Leader,
            term: metrics.current_term,
            last_log: metrics.last_log_index,
            committed: metrics.local_committed.map(|id| id.index),
            applied: metrics.last_applied.map(|id| id.index),
            checkpointed: metrics.snapshot.map(|id| id.index),
            purged: metrics.purged.map(|id| id.index),
            voters: membership.voter_ids().collect(),
            learners: membership.learner_ids().collect(),
            error: metrics
                .running_state
                .as_ref()
                .err()
                .map(|error| FatalError::with_source("consensus core stopped", error.clone())),
        }
    }
}
