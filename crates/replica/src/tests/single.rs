use std::path::Path;

use bytes::Bytes;
use vigie_storage::{LogDb, LogDbOptions, MemoryBudget, StateDb, StateDbOptions};

use crate::error::{FatalError, ProposeError};
use crate::options::{ReplicaOptions, Timings};
use crate::replica::Replica;
use crate::state_machine::{CheckpointTask, SnapshotInstaller, SnapshotReader, StateMachine};
use crate::testkit::{Ledger, LedgerOutcome};
use crate::{ProposalBudget, ReadError};

/// A ledger that counts what is applied since it was opened, and refuses empty entries.
pub(super) struct Counting {
    ledger: Ledger,
    applied: u64,
}

impl StateMachine for Counting {
    type Outcome = LedgerOutcome;

    fn apply(&mut self, index: u64, entry: &Bytes) -> Result<LedgerOutcome, FatalError> {
        self.applied += 1;
        self.ledger.apply(index, entry)
    }

    fn durable_position(&self) -> Result<Option<Vec<u8>>, FatalError> {
        self.ledger.durable_position()
    }

    fn begin_checkpoint(&mut self, position: Vec<u8>) -> CheckpointTask {
        self.ledger.begin_checkpoint(position)
    }

    fn checkpoint_done(&mut self) {
        self.ledger.checkpoint_done();
    }

    fn snapshot(&self) -> Result<Option<Box<dyn SnapshotReader>>, FatalError> {
        self.ledger.snapshot()
    }

    fn begin_install(&self) -> Result<Box<dyn SnapshotInstaller>, FatalError> {
        self.ledger.begin_install()
    }

    fn reload(&mut self) -> Result<(), FatalError> {
        self.ledger.reload()
    }
}

/// A machine with one replica of one group.
pub(super) struct Node {
    log: LogDb,
    state: StateDb,
    pub(super) replica: Replica<Counting>,
}

fn options() -> ReplicaOptions {
    let mut options = ReplicaOptions::new([9; 16], 5, 1);
    options.timings = Timings::fast();
    options
}

impl Node {
    pub(super) async fn start(dir: &Path) -> Self {
        Self::start_with(dir, options()).await
    }

    async fn start_with(dir: &Path, options: ReplicaOptions) -> Self {
        let log = LogDb::open(&dir.join("log"), LogDbOptions::new([1; 16])).unwrap();
        let memory = MemoryBudget::new(8 << 20, 4 << 20);
        let state = StateDb::open(&dir.join("state"), StateDbOptions::new([1; 16], memory)).unwrap();
        let machine = Counting {
            ledger: Ledger::open(state.shard(5)).unwrap(),
            applied: 0,
        };
        let replica = Replica::open_single(options, 100, log.group(5), machine)
            .await
            .unwrap();
        Self { log, state, replica }
    }

    async fn append(&self, range: std::ops::Range<u64>) {
        for seq in range {
            let entry = Ledger::entry(0, seq, &seq.to_le_bytes());
            assert_eq!(
                self.replica.propose(entry).await.unwrap(),
                LedgerOutcome::Appended
            );
        }
    }

    pub(super) async fn crash(self) {
        self.log.crash();
        self.replica.shutdown().await;
        self.state.close();
    }

    /// Entries the client has in the state, and how many were applied since the start.
    fn counts(&self) -> (u64, u64) {
        self.replica
            .with_state(|machine| (machine.ledger.count(0), machine.applied))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_loses_nothing_and_replays_only_what_no_checkpoint_has() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path()).await;
    node.append(0..100).await;
    node.crash().await;

    let node = Node::start(dir.path()).await;
    assert_eq!(
        node.counts(),
        (100, 100),
        "all is replayed while there is no checkpoint"
    );
    node.append(100..150).await;
    node.replica.checkpoint().await.unwrap();
    let covered = node.replica.status().checkpointed.unwrap();
    node.append(150..157).await;
    node.crash().await;

    let node = Node::start(dir.path()).await;
    assert_eq!(
        node.counts(),
        (157, 7),
        "only entries after the checkpoint are replayed"
    );
    let status = node.replica.status();
    assert_eq!(status.checkpointed, Some(covered));
    assert_eq!(
        status.purged,
        Some(covered),
        "the log before the checkpoint is dropped"
    );
    assert!(status.is_leader && status.error.is_none(), "{status:?}");
    node.replica.read_barrier().await.unwrap();
    node.crash().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeated_checkpoints_and_restarts_keep_the_log_short() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..5 {
        let node = Node::start(dir.path()).await;
        assert_eq!(node.counts(), (round * 20, 0));
        node.append(round * 20..round * 20 + 20).await;
        node.replica.checkpoint().await.unwrap();
        // Nothing has happened since: the second has nothing to do.
        node.replica.checkpoint().await.unwrap();
        node.crash().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proposals_beyond_the_budget_are_refused_unwritten() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options();
    options.group_budget = ProposalBudget::new(1000);
    let node = Node::start_with(dir.path(), options).await;
    let large = node.replica.propose(Ledger::entry(0, 0, &[0; 900]));
    let small = node.replica.propose(Ledger::entry(1, 0, &[0; 900]));
    // Both are polled before either can be durable.
    let (large, small) = tokio::join!(large, small);
    large.unwrap();
    let error = small.unwrap_err();
    assert!(
        matches!(error, ProposeError::Overloaded) && error.retryable(),
        "{error}"
    );
    node.replica
        .propose(Ledger::entry(1, 0, &[0; 900]))
        .await
        .unwrap();
    node.crash().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_impossible_entry_stops_the_replica_loudly() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path()).await;
    node.append(0..3).await;
    let error = node
        .replica
        .propose(Bytes::from_static(b"short"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, ProposeError::Fatal(_)) && !error.retryable(),
        "{error}"
    );
    assert!(node.replica.status().error.is_some());
    assert!(matches!(
        node.replica.read_barrier().await,
        Err(ReadError::Fatal(_))
    ));
    node.crash().await;
}
