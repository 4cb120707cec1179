//! The handle of StateDB.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use parking_lot::{MappedRwLockReadGuard, Mutex, RwLock, RwLockReadGuard};
use rocksdb::{
    BoundColumnFamily, ColumnFamilyDescriptor, DB, FlushOptions, IteratorMode, WriteBatch, WriteOptions,
};

use super::keys::{
    CURRENT_TAG, FAMILIES, FORMAT_KEY, FORMAT_VERSION, INCARNATION_KEY, META, parse_current_key,
};
use super::options::{StateDbOptions, db_options, family_options};
use super::shard::ShardStore;
use super::snapshot::INSTALL_PREFIX;
use super::writing::Writing;
use crate::StorageError;
use crate::disk::{folder_bytes, refuse_headless};
use crate::error::Context;

/// Present values of a StateDB.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateDbStats {
    /// Bytes of table files in use.
    pub table_bytes: u64,
    /// Bytes on disk, all files.
    pub disk_bytes: u64,
    /// Bytes of memtables.
    pub memtable_bytes: u64,
    /// Bytes waiting for compaction, as estimated by RocksDB.
    pub pending_compaction_bytes: u64,
    /// Whether RocksDB has stopped writes.
    pub write_stopped: bool,
}

/// Applied state of all shards of a node, each as of its last checkpoint. Handles are cheap to clone; the
/// database closes with [`StateDb::close`] or with the last handle.
#[derive(Clone)]
pub struct StateDb {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) options: StateDbOptions,
    pub(super) path: PathBuf,
    /// Current generation of the shards that hold anything.
    pub(super) generations: RwLock<BTreeMap<u32, u32>>,
    /// Shared by checkpoints, held alone to change a shard's generation: no checkpoint lands in a generation
    /// that is gone.
    pub(super) switching: RwLock<()>,
    /// Shards that are receiving a snapshot.
    pub(super) installing: Mutex<BTreeSet<u32>>,
    /// First window kept, by shard, since the database was opened.
    pub(super) cutoffs: Mutex<BTreeMap<u32, u32>>,
    pub(super) writings: Mutex<HashMap<u32, Arc<Mutex<Writing>>>>,
    pub(super) open_snapshots: AtomicUsize,
    pub(super) closing: AtomicBool,
    /// Calls hold the lock while they use it; `None` once closed.
    db: RwLock<Option<DB>>,
}

impl StateDb {
    /// Opens or creates the database at `path`.
    ///
    /// # Errors
    /// [`StorageError::IncarnationMismatch`] says that the folder is another node's, or that this node's was
    /// replaced.
    pub fn open(path: &Path, options: StateDbOptions) -> Result<StateDb, StorageError> {
        refuse_headless(path)?;
        let families = FAMILIES.map(|name| ColumnFamilyDescriptor::new(name, family_options(name, &options)));
        let db = DB::open_cf_descriptors(&db_options(&options)?, path, families).during("open state")?;
        let inner = Inner {
            options,
            path: path.to_owned(),
            generations: RwLock::default(),
            switching: RwLock::default(),
            installing: Mutex::default(),
            cutoffs: Mutex::default(),
            writings: Mutex::default(),
            open_snapshots: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
            db: RwLock::new(Some(db)),
        };
        inner.check_identity()?;
        *inner.generations.write() = inner.read_generations()?;
        inner.remove_install_files()?;
        inner.clean_garbage(None)?;
        Ok(StateDb {
            inner: Arc::new(inner),
        })
    }

    /// The state of `shard`, empty if it never had a checkpoint.
    pub fn shard(&self, shard: u32) -> ShardStore {
        ShardStore {
            inner: self.inner.clone(),
            shard,
        }
    }

    /// Shards that hold anything, ascending.
    pub fn shards(&self) -> Vec<u32> {
        self.inner.generations.read().keys().copied().collect()
    }

    /// Present values.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn stats(&self) -> Result<StateDbStats, StorageError> {
        let db = self.inner.db()?;
        let mut stats = StateDbStats {
            disk_bytes: folder_bytes(&self.inner.path)?,
            ..StateDbStats::default()
        };
        for name in FAMILIES {
            let family = cf(&db, name)?;
            let property = |name: &rocksdb::properties::PropName| {
                Ok::<_, StorageError>(
                    db.property_int_value_cf(&family, name)
                        .during("read property")?
                        .unwrap_or(0),
                )
            };
            stats.table_bytes += property(rocksdb::properties::LIVE_SST_FILES_SIZE)?;
            stats.memtable_bytes += property(rocksdb::properties::CUR_SIZE_ALL_MEM_TABLES)?;
            stats.pending_compaction_bytes +=
                property(rocksdb::properties::ESTIMATE_PENDING_COMPACTION_BYTES)?;
            stats.write_stopped |= property(rocksdb::properties::IS_WRITE_STOPPED)? != 0;
        }
        Ok(stats)
    }

    pub(super) fn inner(&self) -> &Inner {
        &self.inner
    }

    /// Waits for calls in progress and closes the database; later calls get [`StorageError::Closed`]. Open
    /// snapshots end early. What is not checkpointed is dropped, as in a crash.
    pub fn close(&self) {
        self.inner.closing.store(true, Relaxed);
        if let Ok(db) = self.inner.db() {
            // A file being rewritten is no call worth waiting for.
            db.cancel_all_background_work(false);
        }
        *self.inner.db.write() = None;
    }
}

impl fmt::Debug for StateDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateDb")
            .field("path", &self.inner.path)
            .finish_non_exhaustive()
    }
}

impl Inner {
    /// The database, for as long as the guard lives.
    pub(super) fn db(&self) -> Result<MappedRwLockReadGuard<'_, DB>, StorageError> {
        // Only closing locks it for writing. Not waiting for that lets a visitor of chunks come back for more
        // without a deadlock.
        let guard = self.db.try_read().ok_or(StorageError::Closed)?;
        RwLockReadGuard::try_map(guard, Option::as_ref).map_err(|_| StorageError::Closed)
    }

    /// Applies `batch`; durable only after a flush.
    pub(super) fn write(&self, db: &DB, batch: WriteBatch) -> Result<(), StorageError> {
        let mut options = WriteOptions::new();
        options.disable_wal(true);
        db.write_opt(batch, &options).during("write state")
    }

    /// Makes everything applied so far durable, in all column families at once.
    pub(super) fn flush(&self, db: &DB) -> Result<(), StorageError> {
        let families = FAMILIES
            .iter()
            .map(|name| cf(db, name))
            .collect::<Result<Vec<_>, _>>()?;
        let mut options = FlushOptions::new();
        options.set_wait(true);
        db.flush_cfs_opt(&families.iter().collect::<Vec<_>>(), &options)
            .during("flush state")
    }

    fn check_identity(&self) -> Result<(), StorageError> {
        let db = self.db()?;
        let meta = cf(&db, META)?;
        let expected = self.options.incarnation;
        if let Some(found) = db
            .get_cf(&meta, INCARNATION_KEY)
            .during("read state incarnation")?
        {
            let found = found.try_into().map_err(|_| StorageError::Corrupt {
                what: "state incarnation",
                reason: "not 16 bytes",
            })?;
            if found != expected {
                return Err(StorageError::IncarnationMismatch { expected, found });
            }
            let format = db.get_cf(&meta, FORMAT_KEY).during("read state format")?;
            if format.as_deref() != Some(&[FORMAT_VERSION]) {
                return Err(StorageError::Corrupt {
                    what: "state format",
                    reason: "written by another version",
                });
            }
            return Ok(());
        }
        let mut batch = WriteBatch::default();
        batch.put_cf(&meta, INCARNATION_KEY, expected);
        batch.put_cf(&meta, FORMAT_KEY, [FORMAT_VERSION]);
        self.write(&db, batch)?;
        self.flush(&db)
    }

    fn read_generations(&self) -> Result<BTreeMap<u32, u32>, StorageError> {
        let db = self.db()?;
        let meta = cf(&db, META)?;
        let bad = || StorageError::Corrupt {
            what: "state generation",
            reason: "wrong length",
        };
        let mut generations = BTreeMap::new();
        for item in db.iterator_cf(
            &meta,
            IteratorMode::From(&[CURRENT_TAG], rocksdb::Direction::Forward),
        ) {
            let (key, value) = item.during("read state generations")?;
            if key.first() != Some(&CURRENT_TAG) {
                break;
            }
            let generation = u32::from_be_bytes(value.as_ref().try_into().map_err(|_| bad())?);
            generations.insert(parse_current_key(&key).ok_or_else(bad)?, generation);
        }
        Ok(generations)
    }

    /// Removes table files of an install that a crash interrupted before RocksDB took them over.
    fn remove_install_files(&self) -> Result<(), StorageError> {
        let list = |source| StorageError::Io {
            op: "list",
            path: self.path.clone(),
            source,
        };
        for entry in std::fs::read_dir(&self.path).map_err(list)? {
            let entry = entry.map_err(list)?;
            if entry.file_name().to_string_lossy().starts_with(INSTALL_PREFIX) {
                let path = entry.path();
                std::fs::remove_file(&path).map_err(|source| StorageError::Io {
                    op: "remove",
                    path,
                    source,
                })?;
            }
        }
        Ok(())
    }
}

/// A column family's handle.
pub(super) fn cf<'db>(db: &'db DB, name: &str) -> Result<Arc<BoundColumnFamily<'db>>, StorageError> {
    db.cf_handle(name).ok_or(StorageError::Corrupt {
        what: "state",
        reason: "a column family is missing",
    })
}
