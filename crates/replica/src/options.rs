use std::time::Duration;

use openraft::{Config, SnapshotPolicy};

use crate::admission::ProposalBudget;
use crate::error::ReplicaError;

/// How a replica is opened.
#[derive(Debug, Clone)]
pub struct ReplicaOptions {
    /// Drawn once per cluster; messages of another cluster are refused.
    pub cluster_id: [u8; 16],
    pub group: u64,
    /// Of this replica, never used before for any other, not even after its data were lost.
    pub replica_id: u64,
    pub timings: Timings,
    /// Bytes of this group's proposals that may be on their way.
    pub group_budget: ProposalBudget,
    /// The same for all groups of the node together; shared between them.
    pub node_budget: ProposalBudget,
    /// How long a proposal waits for budget before it is refused; zero refuses at once.
    pub admission_patience: Duration,
}

/// Timings of the consensus, in milliseconds. A crashed leader is replaced within
/// `election_max_ms` and one more election timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    pub heartbeat_ms: u64,
    /// A follower that was sent entries needs no heartbeat for this long; 0 turns that off.
    pub heartbeat_min_interval_ms: u64,
    pub election_min_ms: u64,
    pub election_max_ms: u64,
    /// A leader cut off from its majority asks for it this often; at least twice `election_max_ms`.
    pub quorum_probe_ms: u64,
    /// A log stream that owes a response for about this long is given up.
    pub stall_ms: u64,
    /// For sending one snapshot and having it put in place.
    pub snapshot_ms: u64,
    /// First pause after a peer was not reached; it doubles up to 25 times as much.
    pub backoff_ms: u64,
    /// A follower not heard from for this long does not keep the log from being purged.
    pub live_follower_ms: u64,
}

impl ReplicaOptions {
    /// Defaults, with budgets of 16 MiB for the group and 256 MiB for a node that holds only it.
    pub fn new(cluster_id: [u8; 16], group: u64, replica_id: u64) -> Self {
        Self {
            cluster_id,
            group,
            replica_id,
            timings: Timings::default(),
            group_budget: ProposalBudget::new(16 << 20),
            node_budget: ProposalBudget::new(256 << 20),
            admission_patience: Duration::ZERO,
        }
    }
}

impl Default for Timings {
    /// For some 64 groups a node: an idle group costs little, a crash about three seconds.
    fn default() -> Self {
        Self {
            heartbeat_ms: 300,
            heartbeat_min_interval_ms: 600,
            election_min_ms: 1000,
            election_max_ms: 1500,
            quorum_probe_ms: 3000,
            stall_ms: 3000,
            snapshot_ms: 600_000,
            backoff_ms: 200,
            live_follower_ms: 10_000,
        }
    }
}

impl Timings {
    /// For a group with one voter, which nobody waits for: its clock ticks seldom, as each tick of each group costs.
    pub fn alone() -> Self {
        Self {
            heartbeat_ms: 5_000,
            heartbeat_min_interval_ms: 0,
            election_min_ms: 10_000,
            election_max_ms: 15_000,
            quorum_probe_ms: 60_000,
            ..Self::default()
        }
    }

    /// For tests in one process: an election takes about a quarter of a second.
    pub fn fast() -> Self {
        Self {
            heartbeat_ms: 40,
            heartbeat_min_interval_ms: 0,
            election_min_ms: 150,
            election_max_ms: 300,
            quorum_probe_ms: 600,
            stall_ms: 400,
            snapshot_ms: 10_000,
            backoff_ms: 20,
            live_follower_ms: 500,
        }
    }

    pub(crate) fn to_config(self, group: u64) -> Result<Config, ReplicaError> {
        let [first, second, last] = [1, 2, 25].map(|factor| self.backoff_ms.saturating_mul(factor));
        let config = Config {
            cluster_name: format!("group {group}"),
            heartbeat_interval: self.heartbeat_ms,
            heartbeat_min_interval: Some(self.heartbeat_min_interval_ms),
            election_timeout_min: self.election_min_ms,
            election_timeout_max: self.election_max_ms,
            quorum_loss_probe_interval: Some(self.quorum_probe_ms),
            install_snapshot_timeout: self.snapshot_ms,
            backoff: format!("{first}ms {second}ms ...{last}ms"),
            max_payload_entries: 64,
            max_append_entries: Some(256),
            api_batch_capacity: 256,
            api_channel_size: Some(1024),
            replication_lag_threshold: 64,
            enable_pre_vote: Some(true),
            enable_leader_restore: Some(false),
            allow_log_reversion: None,
            // Checkpoints and purges are asked for by the owner, who knows what they cost.
            snapshot_policy: SnapshotPolicy::Never,
            max_in_snapshot_log_to_keep: u64::MAX,
            ..Config::default()
        };
        config
            .validate()
            .map_err(|error| ReplicaError::Options(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sets_of_timings_are_valid() {
        for timings in [Timings::default(), Timings::fast()] {
            timings.to_config(1).unwrap();
        }
    }

    #[test]
    fn an_election_shorter_than_a_heartbeat_is_refused() {
        let timings = Timings {
            election_min_ms: 100,
            ..Timings::default()
        };
        assert!(matches!(timings.to_config(1), Err(ReplicaError::Options(_))));
    }
}
