//! Options of [`StateDb`](crate::StateDb).

use std::fmt;

use rocksdb::{Cache, WriteBufferManager};

use crate::Incarnation;

/// Memory that both databases of a node share: one block cache, and memtables charged to it.
#[derive(Clone)]
pub struct MemoryBudget {
    pub(crate) cache: Cache,
    pub(crate) write_buffers: WriteBufferManager,
}

impl MemoryBudget {
    /// A block cache of `cache_bytes`, of which memtables take up to `memtable_bytes` before they are flushed.
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
