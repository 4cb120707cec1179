//! A node's shards together.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Status;
use vigie_head::HeadOptions;
use vigie_head::batch::Stamp;
use vigie_model::{ShardId, TenantId};
use vigie_replica::{ProposalBudget, Replica, ReplicaError, ReplicaOptions, Timings};
use vigie_runtime::{Clock, Metrics};
use vigie_storage::{Durability, LogDb, LogDbOptions, MemoryBudget, StateDb, StateDbOptions};

use crate::compactor::{CompactedSpans, CompactionReport, CompactionStats, Compactor};
use crate::identity::Identity;
use crate::keeper::Keeper;
use crate::machine::ShardMachine;
use crate::metrics::{IngesterCollector, StartCollector};
use crate::patterns::PatternCache;
use crate::retention::Retention;
use crate::shard::Shard;
use crate::{IngesterError, StartProgress};

/// How often a start that takes long is reported.
const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(2);

#[derive(Debug, Clone)]
pub struct IngesterOptions {
    /// Holds the log, the state and the node's identity.
    pub directory: PathBuf,
    /// Shards of the whole cluster; fixed when the data are first written.
    pub shard_count: u32,
    /// Shards served here.
    pub shards: Vec<u32>,
    /// Whether an acknowledged sample is on the disk, or only handed to the operating system.
    pub durability: Durability,
    /// How far behind the newest sample late ones are taken; 0 takes none.
    pub out_of_order_window_ms: i64,
    /// How many exemplars of a tenant are kept; the shards have equal parts of them. 0: none.
    pub max_exemplars: u32,
    /// Samples older than this are dropped; 0 keeps them for ever.
    pub retention_ms: i64,
    /// For tenants with another retention; 0 keeps everything.
    pub tenant_retention_ms: BTreeMap<TenantId, i64>,
    /// Size of the store's files at which the oldest samples are dropped, of all tenants; 0 for no limit.
    pub retention_bytes: u64,
    /// Pause between two checkpoints of a shard.
    pub checkpoint_interval: Duration,
    /// Bytes of log that a restart has to replay at most, all shards together: beyond it the shard with most
    /// of them is checkpointed early.
    pub checkpoint_log_bytes: u64,
    /// Block cache, memtables included.
    pub cache_bytes: usize,
    pub memtable_bytes: usize,
    /// Tells how far a start has come; kept by whoever answers readiness.
    pub progress: Arc<StartProgress>,
}

impl IngesterOptions {
    /// A single node that serves all of `shard_count` shards.
    pub fn new(directory: PathBuf, shard_count: u32) -> IngesterOptions {
        IngesterOptions {
            directory,
            shard_count,
            shards: (0..shard_count).collect(),
            durability: Durability::Fsync,
            out_of_order_window_ms: 0,
            max_exemplars: 0,
            retention_ms: 15 * 24 * 3_600_000,
            tenant_retention_ms: BTreeMap::new(),
            retention_bytes: 0,
            checkpoint_interval: Duration::from_secs(300),
            checkpoint_log_bytes: 128 << 20,
            cache_bytes: 256 << 20,
            memtable_bytes: 64 << 20,
            progress: Arc::default(),
        }
    }
}

/// Serves shards. Lives behind an `Arc`, shared by all callers.
#[derive(Debug)]
pub struct Ingester {
    options: IngesterOptions,
    clock: Arc<dyn Clock>,
    shards: BTreeMap<u32, Arc<Shard>>,
    log: LogDb,
    state: StateDb,
    compaction: Arc<CompactionStats>,
    pub(crate) patterns: PatternCache,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

impl Ingester {
    /// Opens the data directory and replays what the last checkpoints do not hold. When this
    /// returns, every acknowledged sample can be read and new ones are taken.
    pub async fn open(
        options: IngesterOptions,
        clock: Arc<dyn Clock>,
        metrics: &Metrics,
    ) -> Result<Ingester, IngesterError> {
        if let Some(&shard) = options.shards.iter().find(|&&shard| shard >= options.shard_count) {
            return Err(IngesterError::NoSuchShard {
                shard,
                shard_count: options.shard_count,
            });
        }
        let identity = Identity::establish(&options.directory, options.shard_count)?;
        metrics.register_collector(Box::new(StartCollector(Arc::clone(&options.progress))));
        let opening = open_all(&options, identity);
        let (log, state, shards) = announced(&options.progress, opening).await?;

        let shutdown = CancellationToken::new();
        let tasks = TaskTracker::new();
        let all: Vec<Arc<Shard>> = shards.values().cloned().collect();
        let retention = Retention {
            state: state.clone(),
            clock: Arc::clone(&clock),
            retention_ms: options.retention_ms,
            tenant_retention_ms: options.tenant_retention_ms.clone(),
            retention_bytes: options.retention_bytes,
        };
        let keeper = Keeper {
            shards: all.clone(),
            log: log.clone(),
            retention,
            checkpoint_interval: options.checkpoint_interval,
            checkpoint_log_bytes: options.checkpoint_log_bytes,
        };
        tasks.spawn(keeper.run(shutdown.clone()));
        let compaction = Arc::<CompactionStats>::default();
        let compactor = Compactor::new(
            all.clone(),
            state.clone(),
            Arc::clone(&clock),
            options.out_of_order_window_ms,
            Arc::clone(&compaction),
        );
        tasks.spawn(compactor.run(shutdown.clone()));
        metrics.register_collector(Box::new(IngesterCollector {
            shards: all,
            log: log.clone(),
            state: state.clone(),
            compaction: Arc::clone(&compaction),
            max_exemplars: options.max_exemplars,
        }));
        Ok(Ingester {
            options,
            clock,
            shards,
            log,
            state,
            compaction,
            patterns: PatternCache::default(),
            tasks,
            shutdown,
        })
    }

    /// Checkpoints all shards, one after the other, so that nothing of the log is needed any more.
    ///
    /// # Errors
    /// A checkpoint could not be written.
    pub async fn flush(&self) -> Result<(), ReplicaError> {
        for shard in self.shards() {
            shard.replica.checkpoint().await?;
        }
        Ok(())
    }

    /// Checkpoints all shards and compacts spans of windows now, without resting. What is compacted before its
    /// span is closed is compacted again when it is.
    ///
    /// # Errors
    /// A checkpoint could not be written. What fails later is logged, and tried again in the background.
    pub async fn compact(&self, spans: CompactedSpans) -> Result<CompactionReport, ReplicaError> {
        self.flush().await?;
        let mut compactor = Compactor::new(
            self.shards().cloned().collect(),
            self.state.clone(),
            Arc::clone(&self.clock),
            self.options.out_of_order_window_ms,
            Arc::clone(&self.compaction),
        );
        let before = self.compaction.report();
        compactor.run_once(spans, 0, &self.shutdown).await;
        Ok(self.compaction.report().since(before))
    }

    /// The first of the shards that have stopped, as after a failed write of the log, and why; as one line without a full
    /// stop. Only a restart brings it back.
    pub fn stopped_shard(&self) -> Option<String> {
        self.shards().find_map(|shard| {
            let cause = shard.replica.stopped()?.with_causes();
            Some(format!("shard {} has stopped: {cause}", shard.id))
        })
    }

    #[cfg(test)]
    pub(crate) fn state(&self) -> &StateDb {
        &self.state
    }

    pub(crate) fn shard_count(&self) -> u32 {
        self.options.shard_count
    }

    pub(crate) fn shards(&self) -> impl Iterator<Item = &Arc<Shard>> {
        self.shards.values()
    }

    pub(crate) fn shard(&self, id: u32) -> Result<&Arc<Shard>, Status> {
        self.shards
            .get(&id)
            .ok_or_else(|| Status::not_found(format!("shard {id} is not served here")))
    }

    /// What the leader decides about a batch that comes now.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp {
            proposed_at_ms: self.clock.now_ms(),
            out_of_order_window_ms: self.options.out_of_order_window_ms,
            flags: 0,
            max_exemplars: self
                .options
                .max_exemplars
                .div_ceil(self.options.shard_count.max(1)),
        }
    }

    /// Ends the housekeeping, writes last checkpoints so that the next start has nothing to replay,
    /// stops the replicas, then closes the databases.
    pub async fn shutdown(&self) {
        self.shutdown.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        for shard in self.shards() {
            if let Err(error) = shard.replica.checkpoint().await {
                tracing::warn!(shard = shard.id.0, %error, "last checkpoint failed; the next start replays the log");
            }
        }
        for shard in self.shards() {
            shard.replica.shutdown().await;
        }
        let (log, state) = (self.log.clone(), self.state.clone());
        let closed = tokio::task::spawn_blocking(move || {
            log.shutdown();
            state.close();
        });
        if let Err(error) = closed.await {
            tracing::warn!(%error, "closing the databases failed");
        }
    }
}

type Opened = (LogDb, StateDb, BTreeMap<u32, Arc<Shard>>);

/// Shards load and replay side by side, each as a task of its own; they load while the log is being opened.
async fn open_all(options: &IngesterOptions, identity: Identity) -> Result<Opened, IngesterError> {
    let state = open_state(options, identity)?;
    options.progress.begin(options.shards.len());
    let node_budget = ProposalBudget::new(256 << 20);
    let (log_opened, log) = watch::channel(None);
    let mut opening = JoinSet::new();
    for &shard in &options.shards {
        let (state, log, node_budget) = (state.clone(), log.clone(), node_budget.clone());
        let progress = Arc::clone(&options.progress);
        opening.spawn(async move { open_shard(shard, identity, log, &state, node_budget, &progress).await });
    }
    let log = {
        let options = options.clone();
        let opened = tokio::task::spawn_blocking(move || open_log(&options, identity)).await;
        opened.map_err(|_| IngesterError::Interrupted)??
    };
    log_opened.send_replace(Some(log.clone()));
    let mut shards = BTreeMap::new();
    while let Some(opened) = opening.join_next().await {
        let shard = opened.map_err(|_| IngesterError::Interrupted)??;
        shards.insert(shard.id.0, Arc::new(shard));
    }
    Ok((log, state, shards))
}

/// Logs how far `opening` is while it lasts.
async fn announced<T>(progress: &StartProgress, opening: impl Future<Output = T>) -> T {
    let mut opening = std::pin::pin!(opening);
    loop {
        tokio::select! {
            biased;
            opened = &mut opening => return opened,
            () = tokio::time::sleep(ANNOUNCE_INTERVAL) => {
                if let Some(waiting_for) = progress.waiting_for() {
                    tracing::info!(percent = progress.percent(), "starting: {waiting_for}");
                }
            }
        }
    }
}

fn open_log(options: &IngesterOptions, identity: Identity) -> Result<LogDb, IngesterError> {
    let path = options.directory.join("log");
    let mut log_options = LogDbOptions::new(identity.incarnation);
    log_options.durability = options.durability;
    // The live log is about twice what a restart replays, since shards are checkpointed one after the other.
    // Small segments leave soon after that.
    log_options.segment_bytes = 16 << 20;
    log_options.memtable_bytes = 32 << 20;
    log_options.max_closed_segments =
        (3 * options.checkpoint_log_bytes / log_options.segment_bytes).max(4) as usize;
    LogDb::open(&path, log_options).map_err(|source| IngesterError::Storage { path, source })
}

fn open_state(options: &IngesterOptions, identity: Identity) -> Result<StateDb, IngesterError> {
    let path = options.directory.join("state");
    let memory = MemoryBudget::new(options.cache_bytes, options.memtable_bytes);
    StateDb::open(&path, StateDbOptions::new(identity.incarnation, memory))
        .map_err(|source| IngesterError::Storage { path, source })
}

async fn open_shard(
    shard: u32,
    identity: Identity,
    mut log: watch::Receiver<Option<LogDb>>,
    state: &StateDb,
    node_budget: ProposalBudget,
    progress: &StartProgress,
) -> Result<Shard, IngesterError> {
    let store = state.shard(shard);
    let failed = |source| IngesterError::Shard { shard, source };
    let loading = {
        let store = store.clone();
        tokio::task::spawn_blocking(move || ShardMachine::open(HeadOptions::new(ShardId(shard)), store))
    };
    let machine = match loading.await {
        Ok(loaded) => loaded.map_err(|error| failed(error.into()))?,
        Err(panicked) => {
            return Err(failed(
                vigie_replica::FatalError::with_source("load the checkpoint", panicked).into(),
            ));
        }
    };
    let head = machine.head();
    let uncheckpointed_bytes = machine.uncheckpointed_bytes();
    let group = match log.wait_for(Option::is_some).await.as_deref() {
        Ok(Some(log)) => log.group(u64::from(shard)),
        // It could not be opened, which is told elsewhere.
        _ => return Err(IngesterError::Interrupted),
    };
    progress.shard_loaded(group.held_bytes(), Arc::clone(&uncheckpointed_bytes));
    // The only replica of its group, on a node whose identity is lost together with its votes.
    let mut options = ReplicaOptions::new(identity.incarnation, u64::from(shard), 1);
    options.timings = Timings::alone();
    options.group_budget = ProposalBudget::new(64 << 20);
    options.node_budget = node_budget;
    let replica = Replica::open_single(options, 1, group, machine)
        .await
        .map_err(failed)?;
    progress.shard_ready();
    Ok(Shard {
        id: ShardId(shard),
        replica,
        head,
        store,
        uncheckpointed_bytes,
    })
}
