//! Why an ingester cannot start.

use std::path::PathBuf;

use vigie_replica::ReplicaError;
use vigie_storage::StorageError;

#[derive(Debug, thiserror::Error)]
pub enum IngesterError {
    #[error("open the data directory {path}")]
    Directory { path: PathBuf, source: std::io::Error },
    /// The file that names the node's data is damaged; it must not be made anew, as a node that
    /// forgot its votes could vote twice.
    #[error(
        "{path} is not a node identity; restore it from a backup, or remove the whole data directory to start empty"
    )]
    Identity { path: PathBuf },
    #[error("open the store in {path}")]
    Storage { path: PathBuf, source: StorageError },
    #[error("open shard {shard}")]
    Shard { shard: u32, source: ReplicaError },
    #[error("shard {shard} is not one of the cluster's {shard_count} shards")]
    NoSuchShard { shard: u32, shard_count: u32 },
    #[error(
        "the data in {path} belong to a cluster of {found} shards, not {wanted}; start with --cluster.shards={found}"
    )]
    ShardCount { path: PathBuf, found: u32, wanted: u32 },
    #[error("the start was cut off")]
    Interrupted,
}
