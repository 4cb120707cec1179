use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use openraft::errors::{ClientWriteError, Fatal, LinearizableReadError, RaftError};
use openraft::{Instant, Raft, RaftMetrics, RaftState, ReadPolicy, ServerState};
use parking_lot::RwLock;
use tokio::sync::{Mutex, watch};
use vigie_storage::GroupLog;

use crate::admission::Admission;
use crate::command::Command;
use crate::error::{FatalError, ProposeError, ReadError, ReplicaError, RpcError};
use crate::leadership::follow_leadership;
use crate::log_store::LogStore;
use crate::machine::Machine;
use crate::network::{Address, LinkTimings, Links, Server, SnapshotFloors};
use crate::options::{ReplicaOptions, Timings};
use crate::raft_types::{MachineId, TypeConfig};
use crate::state_machine::StateMachine;
use crate::status::{Leadership, ReplicaStatus};
use crate::transport::{NoTransport, Transport};

/// A voter of a group, or one to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    pub replica_id: u64,
    pub machine_id: u64,
}

/// One replica of a group: its log, its state machine and its part in the consensus. Clones share it.
pub struct Replica<M: StateMachine> {
    inner: Arc<Inner<M>>,
}

struct Inner<M: StateMachine> {
    raft: Raft<TypeConfig, Machine<M>>,
    shared: Arc<RwLock<M>>,
    server: Arc<Server<M>>,
    admission: Admission,
    floors: SnapshotFloors,
    timings: Timings,
    replica_id: u64,
    leadership: watch::Receiver<Leadership>,
    durable_end: watch::Receiver<u64>,
    /// One checkpoint at a time, with the purge that follows it.
    checkpointing: Mutex<()>,
}

impl<M: StateMachine> Replica<M> {
    /// Opens a replica from its log and its state machine's last checkpoint, and lets it take part in the
    /// group. A replica with an empty log waits until [`Replica::initialize`] is called on one of the
    /// group's, or until a leader adds it.
    ///
    /// # Errors
    /// The options are invalid, or the log and the checkpoint do not fit together.
    pub async fn open(
        options: ReplicaOptions,
        log: GroupLog,
        machine: M,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, ReplicaError> {
        let log = open_log(log)?;
        Self::open_on(options, log, machine, transport).await
    }

    /// Opens the only replica of a group, makes it its leader, and has it apply all of its log: when this
    /// returns, everything ever acknowledged is in the state machine and proposals are taken.
    ///
    /// # Errors
    /// As of [`Replica::open`], and if the group has other members.
    pub async fn open_single(
        options: ReplicaOptions,
        machine_id: u64,
        log: GroupLog,
        machine: M,
    ) -> Result<Self, ReplicaError> {
        let replica_id = options.replica_id;
        let log = open_log(log)?;
        let pristine = log.is_pristine();
        let replica = Self::open_on(options, log, machine, Arc::new(NoTransport)).await?;
        if pristine {
            replica
                .initialize(&[Member {
                    replica_id,
                    machine_id,
                }])
                .await?;
        } else {
            let voters = replica.inner.voters().await?;
            if voters != [replica_id] {
                replica.shutdown().await;
                return Err(ReplicaError::Refused(format!(
                    "the voters of the group are {voters:?}"
                )));
            }
            replica.inner.raft.trigger().elect(false).await.map_err(stopped)?;
        }
        // The entry a new leader appends commits all before it.
        replica
            .wait_until(Duration::from_secs(600), "replaying the log", |metrics| {
                metrics.current_leader == Some(replica_id)
                    && metrics
                        .last_applied
                        .is_some_and(|applied| applied.leader_id.term == metrics.current_term)
            })
            .await?;
        Ok(replica)
    }

    async fn open_on(
        options: ReplicaOptions,
        log: LogStore,
        machine: M,
        transport: Arc<dyn Transport>,
    ) -> Result<Self, ReplicaError> {
        let ReplicaOptions {
            cluster_id,
            group,
            replica_id,
            timings,
            ..
        } = options;
        let config = Arc::new(timings.to_config(group)?);
        let shared = Arc::new(RwLock::new(machine));
        let durable_end = log.durable_end();
        let machine = Machine::open(shared.clone(), durable_end.clone())?;
        let own = Address {
            cluster_id,
            group,
            replica_id,
        };
        let floors = SnapshotFloors::default();
        let link_timings = LinkTimings {
            stall: Duration::from_millis(timings.stall_ms),
        };
        let links = Links::new(transport, &own, link_timings, floors.clone(), log.clone());
        let raft = Raft::new(replica_id, config, links, log, machine)
            .await
            .map_err(stopped)?;
        let inner = Inner {
            server: Arc::new(Server::new(own, raft.clone(), shared.clone())),
            leadership: follow_leadership(&raft, replica_id),
            admission: Admission::new(
                options.group_budget,
                options.node_budget,
                options.admission_patience,
            ),
            raft,
            shared,
            floors,
            timings,
            replica_id,
            durable_end,
            checkpointing: Mutex::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    pub fn id(&self) -> u64 {
        self.inner.replica_id
    }

    /// Gives a new group its first members; durable here when it returns. Called once, on one of them, while all
    /// of their logs are empty.
    ///
    /// # Errors
    /// [`ReplicaError::Refused`] if this replica has a log already or is not among `members`.
    pub async fn initialize(&self, members: &[Member]) -> Result<(), ReplicaError> {
        let machines: BTreeMap<u64, MachineId> = members
            .iter()
            .map(|member| (member.replica_id, MachineId(member.machine_id)))
            .collect();
        self.inner.raft.initialize(machines).await.map_err(refused)?;
        let mut durable_end = self.inner.durable_end.clone();
        match durable_end.wait_for(|end| *end > 0).await {
            Ok(_) => Ok(()),
            Err(_) => Err(FatalError::new("log closed before the members were written").into()),
        }
    }

    /// Replicates an entry and applies it. Returns once it is durable on a majority and applied here.
    ///
    /// Dropping the future does not take the entry back.
    ///
    /// # Errors
    /// Only [`ProposeError::Unknown`] and [`ProposeError::Fatal`] leave it open whether the entry is written.
    pub async fn propose(&self, entry: Bytes) -> Result<M::Outcome, ProposeError> {
        let lease = self
            .inner
            .admission
            .admit(entry.len())
            .await
            .ok_or(ProposeError::Overloaded)?;
        let lease = Arc::new(lease);
        // Held here until the entry is applied, and by the command as long as it waits in a queue.
        let _held = lease.clone();
        let command = Command::leased(entry, lease);
        match self.inner.raft.client_write(command).await {
            Ok(response) => response
                .data
                .take::<M::Outcome>()
                .ok_or_else(|| ProposeError::Fatal(FatalError::new("entry was applied without an outcome"))),
            Err(error) => Err(propose_error(error)),
        }
    }

    /// Returns once this replica is known to lead and to have applied everything acknowledged before the
    /// call, so that a read of its state is linearizable. Costs one round to a majority, which concurrent calls share,
    /// and nothing where there is no other voter.
    ///
    /// # Errors
    /// The read must go elsewhere or be tried again.
    pub async fn read_barrier(&self) -> Result<(), ReadError> {
        if self.leads_alone() {
            return Ok(());
        }
        match self.inner.raft.ensure_linearizable(ReadPolicy::ReadIndex).await {
            Ok(_) => Ok(()),
            Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(forward))) => {
                Err(ReadError::NotLeader {
                    hint: forward.leader_id,
                })
            }
            Err(RaftError::APIError(LinearizableReadError::QuorumNotEnough(_))) => Err(ReadError::NoQuorum),
            Err(RaftError::Fatal(error)) => Err(ReadError::Fatal(stopped(error))),
        }
    }

    /// Why it takes no part any more, if it has stopped by itself or was shut down. Cheap enough to be asked for every
    /// request.
    pub fn stopped(&self) -> Option<FatalError> {
        use openraft::async_runtime::watch::WatchReceiver;
        let metrics = self.inner.raft.metrics();
        let state = metrics.borrow_watched().running_state.clone();
        state.err().map(stopped)
    }

    /// Whether this replica leads and is the only voter. Then nobody else can have acknowledged anything, and what it
    /// has acknowledged it has applied: [`Replica::read_barrier`] returns at once.
    pub fn leads_alone(&self) -> bool {
        use openraft::async_runtime::watch::WatchReceiver;
        let metrics = self.inner.raft.metrics();
        let metrics = metrics.borrow_watched();
        metrics.running_state.is_ok()
            && metrics.state == ServerState::Leader
            && metrics.membership_config.voter_ids().eq([self.inner.replica_id])
    }

    /// Reads the state machine as it is on this replica now. Entries wait meanwhile.
    pub fn with_state<T>(&self, read: impl FnOnce(&M) -> T) -> T {
        read(&self.inner.shared.read())
    }

    /// Makes the present state durable, then drops the log it covers, except what a follower that is alive
    /// or a snapshot on its way still needs.
    ///
    /// # Errors
    /// The replica has stopped, or the checkpoint takes longer than an hour.
    pub async fn checkpoint(&self) -> Result<(), ReplicaError> {
        self.checkpoint_and_purge(false).await
    }

    /// As [`Replica::checkpoint`], but drops all of the log it covers: followers behind it will need a
    /// snapshot. For when the log has grown beyond its share of the disk.
    ///
    /// # Errors
    /// As of [`Replica::checkpoint`].
    pub async fn checkpoint_dropping_log(&self) -> Result<(), ReplicaError> {
        self.checkpoint_and_purge(true).await
    }

    async fn checkpoint_and_purge(&self, abandon_laggards: bool) -> Result<(), ReplicaError> {
        let raft = &self.inner.raft;
        let _one = self.inner.checkpointing.lock().await;
        let Some(target) = self.status().applied else {
            return Ok(());
        };
        if self.status().checkpointed < Some(target) {
            raft.trigger().snapshot().await.map_err(stopped)?;
            let limit = Duration::from_secs(3600);
            self.wait_until(limit, "writing a checkpoint", |metrics| {
                metrics.snapshot.is_some_and(|snapshot| snapshot.index >= target)
            })
            .await?;
        }
        if let Some(upto) = self.purgeable(abandon_laggards) {
            raft.trigger().purge_log(upto).await.map_err(stopped)?;
        }
        Ok(())
    }

    /// The last entry that may be dropped from the log, if any.
    fn purgeable(&self, abandon_laggards: bool) -> Option<u64> {
        let metrics = self.metrics();
        let mut upto = metrics.snapshot?.index;
        if let Some(floor) = self.inner.floors.lowest() {
            upto = upto.min(floor);
        }
        if abandon_laggards {
            return Some(upto);
        }
        let (Some(matched), Some(heard)) = (&metrics.replication, &metrics.heartbeat) else {
            return Some(upto);
        };
        let live = Duration::from_millis(self.inner.timings.live_follower_ms);
        for (replica, last) in matched {
            let alive = heard
                .get(replica)
                .is_some_and(|at| at.is_some_and(|at| at.elapsed() < live));
            if *replica != self.inner.replica_id && alive {
                upto = upto.min(last.as_ref()?.index);
            }
        }
        Some(upto)
    }

    pub fn status(&self) -> ReplicaStatus {
        ReplicaStatus::of(&self.metrics())
    }

    /// Follows who leads. Ends when the replica stops.
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.inner.leadership.clone()
    }

    /// Adds a replica that receives the log and has no vote. Returns once the change is committed; the
    /// replica may still lag.
    ///
    /// # Errors
    /// [`ReplicaError::Refused`] if this replica does not lead or another change is under way.
    pub async fn add_learner(&self, member: Member) -> Result<(), ReplicaError> {
        let machine = MachineId(member.machine_id);
        self.inner
            .raft
            .add_learner(member.replica_id, machine, false)
            .await
            .map(drop)
            .map_err(refused)
    }

    /// Makes `voters`, all of them members already, the voters, through a joint configuration. Former
    /// voters leave the group, or stay as learners if `keep_removed`.
    ///
    /// # Errors
    /// As of [`Replica::add_learner`].
    pub async fn change_membership(
        &self,
        voters: BTreeSet<u64>,
        keep_removed: bool,
    ) -> Result<(), ReplicaError> {
        self.inner
            .raft
            .change_membership(voters, keep_removed)
            .await
            .map(drop)
            .map_err(refused)
    }

    /// Asks `to` to take over. Returns at once; follow [`Replica::leadership`]. A target that lags costs an
    /// election timeout without a leader, so this refuses one.
    ///
    /// # Errors
    /// [`ReplicaError::Refused`] if this replica does not lead, `to` does not have its whole log, or it is this one.
    pub async fn transfer_leader(&self, to: u64) -> Result<(), ReplicaError> {
        if to == self.inner.replica_id {
            // The library would wait for itself to take over, and take no proposals meanwhile.
            return Err(ReplicaError::Refused("the target is this replica".to_owned()));
        }
        let metrics = self.metrics();
        let matched = metrics
            .replication
            .as_ref()
            .and_then(|matched| matched.get(&to))
            .copied()
            .flatten();
        if matched.map(|id| id.index) != metrics.last_log_index || matched.is_none() {
            return Err(ReplicaError::Refused(
                "the target does not have the leader's whole log".to_owned(),
            ));
        }
        self.inner
            .raft
            .trigger()
            .transfer_leader(to)
            .await
            .map_err(|error| stopped(error).into())
    }

    /// Answers a peer's call.
    ///
    /// # Errors
    /// To be reported to the peer as a failure of the call.
    pub async fn handle_call(&self, request: Bytes) -> Result<Bytes, RpcError> {
        self.inner.server.call(request).await
    }

    /// Answers a peer's stream. An error is the last item.
    pub fn handle_stream(
        &self,
        requests: BoxStream<'static, Bytes>,
    ) -> BoxStream<'static, Result<Bytes, RpcError>> {
        self.inner.server.clone().stream(requests)
    }

    /// Stops taking part. What was acknowledged stays durable; proposals under way end with an error.
    pub async fn shutdown(&self) {
        if let Err(error) = self.inner.raft.shutdown().await {
            tracing::warn!(%error, replica_id = self.inner.replica_id, "replica did not stop cleanly");
        }
    }

    fn metrics(&self) -> RaftMetrics<TypeConfig> {
        use openraft::async_runtime::watch::WatchReceiver;
        self.inner.raft.metrics().borrow_watched().clone()
    }

    /// Waits until the metrics satisfy `reached`, or the replica has stopped.
    async fn wait_until(
        &self,
        limit: Duration,
        doing: &'static str,
        reached: impl Fn(&RaftMetrics<TypeConfig>) -> bool + Send + Sync,
    ) -> Result<(), ReplicaError> {
        let done = |metrics: &RaftMetrics<TypeConfig>| metrics.running_state.is_err() || reached(metrics);
        let waited = self.inner.raft.wait(Some(limit)).metrics(done, doing).await;
        match self.status().error {
            Some(error) => Err(error.into()),
            None if waited.is_err() => Err(ReplicaError::Timeout(doing)),
            None => Ok(()),
        }
    }
}

impl<M: StateMachine> Inner<M> {
    /// The voters of the membership in force, committed or not.
    async fn voters(&self) -> Result<Vec<u64>, FatalError> {
        let voters = |state: &RaftState<TypeConfig>| state.membership_state.effective().voter_ids().collect();
        self.raft.with_raft_state(voters).await.map_err(stopped)
    }
}

impl<M: StateMachine> Clone for Replica<M> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
        }
    }
}

impl<M: StateMachine> fmt::Debug for Replica<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replica")
            .field("replica_id", &self.inner.replica_id)
            .finish_non_exhaustive()
    }
}

fn open_log(log: GroupLog) -> Result<LogStore, FatalError> {
    LogStore::open(log).map_err(|error| FatalError::with_source("open the log", error))
}

fn propose_error(error: RaftError<TypeConfig, ClientWriteError<TypeConfig>>) -> ProposeError {
    match error {
        RaftError::APIError(ClientWriteError::ForwardToLeader(forward)) => ProposeError::NotLeader {
            hint: forward.leader_id,
        },
        RaftError::APIError(ClientWriteError::LogEntryDiscarded(_)) => ProposeError::Unknown,
        RaftError::APIError(
            error @ (ClientWriteError::ChangeMembershipError(_) | ClientWriteError::PreconditionFailed(_)),
        ) => ProposeError::Fatal(FatalError::with_source("propose an entry", error)),
        RaftError::Fatal(error) => ProposeError::Fatal(stopped(error)),
    }
}

fn refused<E: std::error::Error>(error: RaftError<TypeConfig, E>) -> ReplicaError {
    match error {
        RaftError::APIError(error) => ReplicaError::Refused(error.to_string()),
        RaftError::Fatal(error) => stopped(error).into(),
    }
}

fn stopped(error: Fatal<TypeConfig>) -> FatalError {
    FatalError::with_source("consensus core stopped", error)
}
