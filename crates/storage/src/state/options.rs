//! Options of [`StateDb`](crate::StateDb).

use std::fmt;

use rocksdb::{BlockBasedOptions, Cache, DBCompressionType, Options, WriteBufferManager};

use super::keys::{CHUNKS, META};
use crate::error::Context;
use crate::{Incarnation, StorageError};

/// Memory that both databases of a node share: one block cache, and memtables charged to it.
#[derive(Clone)]
pub struct MemoryBudget {
    pub(crate) cache: Cache,
    pub(crate) write_buffers: WriteBufferManager,
}

impl MemoryBudget {
    /// A block cache of `cache_bytes`, of which memtables take up to `memtable_bytes` before they are
    /// flushed.
    pub fn new(cache_bytes: usize, memtable_bytes: usize) -> MemoryBudget {
        let cache = Cache::new_hyper_clock_cache(cache_bytes, 0);
        let write_buffers =
            WriteBufferManager::new_write_buffer_manager_with_cache(memtable_bytes, false, cache.clone());
        MemoryBudget { cache, write_buffers }
    }

    /// Bytes the block cache holds, memtables included.
    pub fn cache_used_bytes(&self) -> usize {
        self.cache.get_usage()
    }

    /// Bytes of memtables.
    pub fn memtable_used_bytes(&self) -> usize {
        self.write_buffers.get_usage()
    }
}

impl fmt::Debug for MemoryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBudget")
            .field("cache_used_bytes", &self.cache_used_bytes())
            .field("memtable_used_bytes", &self.memtable_used_bytes())
            .finish()
    }
}

/// How a [`StateDb`](crate::StateDb) is opened.
#[derive(Clone, Debug)]
pub struct StateDbOptions {
    /// Identity of the node's data.
    pub incarnation: Incarnation,
    /// Block cache and memtable budget, shared with LogDB.
    pub memory: MemoryBudget,
    /// Threads that flush and compact.
    pub background_jobs: i32,
}

impl StateDbOptions {
    /// Defaults for a small node.
    pub fn new(incarnation: Incarnation, memory: MemoryBudget) -> StateDbOptions {
        StateDbOptions {
            incarnation,
            memory,
            background_jobs: 2,
        }
    }
}

pub(super) fn db_options(options: &StateDbOptions) -> Result<Options, StorageError> {
    // What was not checkpointed must be gone after a clean stop too: there is one way to restart, not two.
    let mut db = Options::default()
        .get_options_from_string("avoid_flush_during_shutdown=true")
        .during("set state options")?;
    db.create_if_missing(true);
    db.create_missing_column_families(true);
    db.set_atomic_flush(true);
    db.set_paranoid_checks(true);
    db.set_avoid_unnecessary_blocking_io(true);
    db.set_max_background_jobs(options.background_jobs);
    db.set_bytes_per_sync(1 << 20);
    db.set_keep_log_file_num(4);
    db.set_max_log_file_size(8 << 20);
    db.set_write_buffer_manager(&options.memory.write_buffers);
    Ok(db)
}

pub(super) fn family_options(name: &str, options: &StateDbOptions) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(&options.memory.cache);
    table.set_block_size(16 << 10);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_format_version(6);
    let mut cf = Options::default();
    cf.set_block_based_table_factory(&table);
    // The shared budget flushes earlier; this only bounds one column family.
    cf.set_write_buffer_size(64 << 20);
    cf.set_arena_block_size(256 << 10);
    cf.set_level_compaction_dynamic_level_bytes(true);
    match name {
        META => {
            cf.set_write_buffer_size(4 << 20);
            cf.set_compression_type(DBCompressionType::None);
        }
        // Chunks come coded; only what the code leaves over is worth a little, once.
        CHUNKS => {
            cf.set_compression_type(DBCompressionType::None);
            cf.set_bottommost_compression_type(DBCompressionType::Zstd);
            cf.set_target_file_size_base(64 << 20);
        }
        _ => {
            cf.set_compression_type(DBCompressionType::Lz4);
            cf.set_bottommost_compression_type(DBCompressionType::Zstd);
        }
    }
    cf
}
