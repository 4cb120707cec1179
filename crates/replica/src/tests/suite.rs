use std::sync::Arc;

use openraft::StorageError;
use openraft::entry::RaftEntry;
use openraft::storage::{RaftLogStorage, RaftLogStorageExt};
use openraft::testing::log::{StoreBuilder, Suite};
use parking_lot::RwLock;
use tempfile::TempDir;
use vigie_storage::{LogDb, LogDbOptions, MemoryBudget, StateDb, StateDbOptions};

use crate::log_store::LogStore;
use crate::machine::Machine;
use crate::raft_types::{Entry, TypeConfig, log_id};
use crate::testkit::Ledger;

struct Builder;

/// Kept until a test of the suite is over.
struct Disk {
    log: LogDb,
    state: StateDb,
    _dir: TempDir,
}

impl Drop for Disk {
    fn drop(&mut self) {
        self.log.shutdown();
        self.state.close();
    }
}

impl StoreBuilder<TypeConfig, LogStore, Machine<Ledger>, Disk> for Builder {
    async fn build(&self) -> Result<(Disk, LogStore, Machine<Ledger>), StorageError<TypeConfig>> {
        let dir = tempfile::tempdir().unwrap();
        let log = LogDb::open(&dir.path().join("log"), LogDbOptions::new([1; 16])).unwrap();
        let memory = MemoryBudget::new(8 << 20, 4 << 20);
        let state = StateDb::open(&dir.path().join("state"), StateDbOptions::new([1; 16], memory)).unwrap();
        let store = LogStore::open(log.group(1)).unwrap();
        let ledger = Ledger::open(state.shard(1)).unwrap();
        // The suite writes checkpoints of state that no log entry stands behind.
        let (_, all_durable) = tokio::sync::watch::channel(u64::MAX);
        let machine = Machine::open(Arc::new(RwLock::new(ledger)), all_durable).unwrap();
        Ok((
            Disk {
                log,
                state,
                _dir: dir,
            },
            store,
            machine,
        ))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_and_state_machine_satisfy_the_library() {
    Suite::test_all(Builder).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_position_beyond_what_a_crash_left_is_not_believed() {
    let (_disk, mut store, _) = Builder.build().await.unwrap();
    store
        .blocking_append((0..3).map(|index| Entry::new_blank(log_id(1, index))))
        .await
        .unwrap();
    for (saved, believed) in [((1, 2), true), ((1, 3), false), ((2, 2), false), ((1, 0), true)] {
        let saved = log_id(saved.0, saved.1);
        store.save_committed(Some(saved)).await.unwrap();
        assert_eq!(
            store.read_committed().await.unwrap(),
            Some(saved).filter(|_| believed),
            "{saved}"
        );
    }
    store.purge(log_id(1, 2)).await.unwrap();
    assert_eq!(
        store.read_committed().await.unwrap(),
        Some(log_id(1, 0)),
        "it is in the checkpoint"
    );
}
