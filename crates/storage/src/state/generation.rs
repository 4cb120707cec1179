//! Removing generations of shards that are no longer, or not yet, current.

use rocksdb::{DB, IteratorMode, WriteBatch};

use super::db::{Inner, cf};
use super::keys::{CHUNKS, GARBAGE_TAG, HEADS, META, SERIES, Scope};
use crate::StorageError;
use crate::error::Context;

impl Inner {
    /// Generations marked as garbage: half installed ones, and former ones not yet removed.
    pub(super) fn garbage(&self, db: &DB) -> Result<Vec<Scope>, StorageError> {
        let meta = cf(db, META)?;
        let mut scopes = Vec::new();
        for item in db.iterator_cf(
            &meta,
            IteratorMode::From(&[GARBAGE_TAG], rocksdb::Direction::Forward),
        ) {
            let (key, _) = item.during("read state garbage")?;
            if key.first() != Some(&GARBAGE_TAG) {
                break;
            }
            let bad = StorageError::Corrupt {
                what: "state garbage",
                reason: "wrong length",
            };
            scopes.push(Scope::from_garbage_key(&key).ok_or(bad)?);
        }
        Ok(scopes)
    }

    /// Removes what is marked as garbage, of one shard or of all.
    pub(super) fn clean_garbage(&self, shard: Option<u32>) -> Result<(), StorageError> {
        let db = self.db()?;
        for scope in self.garbage(&db)? {
            if shard.is_none_or(|shard| shard == scope.shard) {
                self.clean(&db, scope)?;
            }
        }
        Ok(())
    }

    /// Range-deletes one generation together with its mark. Not flushed: if it is lost in a crash, so is the
    /// removal of the mark.
    fn clean(&self, db: &DB, scope: Scope) -> Result<(), StorageError> {
        let end = scope.successor();
        let mut batch = WriteBatch::default();
        for family in [SERIES, HEADS] {
            batch.delete_range_cf(&cf(db, family)?, scope.id_key(0), end.id_key(0));
        }
        let chunks = cf(db, CHUNKS)?;
        for window in self.windows_of(db, scope)? {
            batch.delete_range_cf(&chunks, scope.window_start(window), end.window_start(window));
        }
        let meta = cf(db, META)?;
        batch.delete_range_cf(&meta, scope.name_key(b""), end.name_key(b""));
        batch.delete_cf(&meta, scope.garbage_key());
        self.write(db, batch)
    }
}
