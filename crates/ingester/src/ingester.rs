//! A node's shards together.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Status;
use vigie_head::HeadOptions;
use vigie_head::batch::Stamp;
use vigie_model::ShardId;
use vigie_replica::{ByteBudget, Replica, ReplicaOptions};
use vigie_runtime::{Clock, Metrics};
use vigie_storage::{Durability, LogDb, LogDbOptions, MemoryBudget, StateDb, StateDbOptions};

use crate::IngesterError;
use crate::identity::Identity;
use crate::keeper::Keeper;
use crate::machine::ShardMachine;
use crate::metrics::IngesterCollector;
use crate::shard::Shard;

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
    /// Samples older than this are dropped; 0 keeps them for ever.
    pub retention_ms: i64,
    /// Pause between two checkpoints of all shards.
    pub checkpoint_interval: Duration,
    /// Log size at which shards are checkpointed early.
    pub max_log_bytes: u64,
    /// Block cache, memtables included.
    pub cache_bytes: usize,
    pub memtable_bytes: usize,
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
            retention_ms: 15 * 24 * 3_600_000,
            checkpoint_interval: Duration::from_secs(300),
            max_log_bytes: 1 << 30,
            cache_bytes: 256 << 20,
            memtable_bytes: 64 << 20,
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
        let (log, state) = open_databases(&options, identity)?;
        let node_budget = ByteBudget::new(256 << 20);
        let opened = options
            .shards
            .iter()
            .map(|&shard| open_shard(shard, identity, &log, &state, &node_budget));
        let shards: BTreeMap<u32, Arc<Shard>> = try_join_all(opened)
            .await?
            .into_iter()
            .map(|shard| (shard.id.0, Arc::new(shard)))
            .collect();

        let shutdown = CancellationToken::new();
        let tasks = TaskTracker::new();
        let keeper = Keeper {
            shards: shards.values().cloned().collect(),
            log: log.clone(),
            clock: Arc::clone(&clock),
            checkpoint_interval: options.checkpoint_interval,
            max_log_bytes: options.max_log_bytes,
            retention_ms: options.retention_ms,
        };
        tasks.spawn(keeper.run(shutdown.clone()));
        metrics.register_collector(Box::new(IngesterCollector {
            shards: shards.values().cloned().collect(),
            log: log.clone(),
            state: state.clone(),
        }));
        Ok(Ingester {
            options,
            clock,
            shards,
            log,
            state,
            tasks,
            shutdown,
        })
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

fn open_databases(options: &IngesterOptions, identity: Identity) -> Result<(LogDb, StateDb), IngesterError> {
    let memory = MemoryBudget::new(options.cache_bytes, options.memtable_bytes);
    let log_path = options.directory.join("log");
    let mut log_options = LogDbOptions::new(identity.incarnation);
    log_options.durability = options.durability;
    let log = LogDb::open(&log_path, log_options).map_err(|source| IngesterError::Storage {
        path: log_path.clone(),
        source,
    })?;
    let state_path = options.directory.join("state");
    let state =
        StateDb::open(&state_path, StateDbOptions::new(identity.incarnation, memory)).map_err(|source| {
            IngesterError::Storage {
                path: state_path.clone(),
                source,
            }
        })?;
    Ok((log, state))
}

async fn open_shard(
    shard: u32,
    identity: Identity,
    log: &LogDb,
    state: &StateDb,
    node_budget: &ByteBudget,
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
    // The only replica of its group, on a node whose identity is lost together with its votes.
    let mut options = ReplicaOptions::new(identity.incarnation, u64::from(shard), 1);
    options.group_budget = ByteBudget::new(64 << 20);
    options.node_budget = node_budget.clone();
    let replica = Replica::open_single(options, 1, log.group(u64::from(shard)), machine)
        .await
        .map_err(failed)?;
    Ok(Shard {
        id: ShardId(shard),
        replica,
        head,
        store,
    })
}
