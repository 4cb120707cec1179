use std::path::PathBuf;
use std::sync::Arc;

use vigie_storage::{LogDb, LogDbOptions, MemoryBudget, StateDb, StateDbOptions};

use super::board::Board;
use super::network::{SimNetwork, SimReplica, SimTransport};
use super::observed::Observed;
use super::subject::{SimError, Subject};
use crate::options::{ReplicaOptions, Timings};
use crate::replica::Replica;

const INCARNATION: [u8; 16] = [1; 16];
const CLUSTER: [u8; 16] = [2; 16];
pub(crate) const GROUP: u64 = 7;

/// One machine with one replica: its disk, and what runs on it while it is up.
pub(crate) struct SimNode<S: Subject> {
    id: u64,
    dir: PathBuf,
    subject: Arc<S>,
    board: Arc<Board>,
    network: Arc<SimNetwork<S>>,
    running: Option<Running<S>>,
}

struct Running<S: Subject> {
    log: LogDb,
    state: StateDb,
    replica: SimReplica<S>,
}

impl<S: Subject> SimNode<S> {
    pub(crate) fn new(
        id: u64,
        dir: PathBuf,
        subject: Arc<S>,
        board: Arc<Board>,
        network: Arc<SimNetwork<S>>,
    ) -> Self {
        Self {
            id,
            dir,
            subject,
            board,
            network,
            running: None,
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn replica(&self) -> Option<&SimReplica<S>> {
        self.running.as_ref().map(|running| &running.replica)
    }

    /// Starts from what is on the disk.
    pub(crate) async fn start(&mut self) -> Result<(), SimError> {
        let failed = |what: &str, error: &dyn std::fmt::Debug| {
            SimError(format!("node {}: {what}: {error:?}", self.id))
        };
        let mut log_options = LogDbOptions::new(INCARNATION);
        log_options.memtable_bytes = 4 << 20;
        // Small, so that segments come and go.
        log_options.segment_bytes = 1 << 20;
        let log = LogDb::open(&self.dir.join("log"), log_options).map_err(|e| failed("open the log", &e))?;
        let memory = MemoryBudget::new(8 << 20, 4 << 20);
        let state = StateDb::open(&self.dir.join("state"), StateDbOptions::new(INCARNATION, memory))
            .map_err(|e| failed("open the state", &e))?;
        let machine = self
            .subject
            .open(state.shard(GROUP as u32))
            .map_err(|e| failed("open the state machine", &e))?;
        let machine = Observed::new(machine, self.subject.clone(), self.board.clone(), self.id);
        let mut options = ReplicaOptions::new(CLUSTER, GROUP, self.id);
        options.timings = Timings::fast();
        let transport = Arc::new(SimTransport {
            network: self.network.clone(),
            from: self.id,
        });
        let replica = Replica::open(options, log.group(GROUP), machine, transport)
            .await
            .map_err(|e| failed("open the replica", &e))?;
        self.watch_leadership(&replica);
        self.network.join(replica.clone());
        self.running = Some(Running { log, state, replica });
        Ok(())
    }

    /// Kills it: what its log had not synced is lost.
    pub(crate) async fn crash(&mut self) {
        if let Some(running) = self.running.take() {
            self.network.leave(self.id);
            let Running { log, state, replica } = running;
            // Waits for the disk thread.
            drop(tokio::task::spawn_blocking(move || log.crash()).await);
            replica.shutdown().await;
            drop(replica);
            drop(tokio::task::spawn_blocking(move || state.close()).await);
        }
    }

    fn watch_leadership(&self, replica: &SimReplica<S>) {
        let (board, id) = (self.board.clone(), self.id);
        let mut leadership = replica.leadership();
        tokio::spawn(async move {
            loop {
                let now = *leadership.borrow_and_update();
                if now.is_leader {
                    board.leads(id, now.term);
                }
                if leadership.changed().await.is_err() {
                    return;
                }
            }
        });
    }
}
