//! Reading all series or heads of a shard.

use std::fmt;
use std::sync::Arc;

use rocksdb::ReadOptions;

use super::db::{Inner, cf};
use super::keys::{Scope, parse_id};
use crate::StorageError;
use crate::error::Context;

/// Records fetched at once: enough to make the seek free, few enough to keep memory small.
const PAGE_RECORDS: usize = 1 << 16;
/// Bytes at which a page ends early.
const PAGE_BYTES: usize = 8 << 20;

type Record = (u32, Box<[u8]>);

/// Iterator over (id, value) in id order. Ends after an error.
pub struct IdIter {
    inner: Arc<Inner>,
    family: &'static str,
    scope: Scope,
    /// First id not fetched; `None` once all are.
    next_id: Option<u32>,
    page: std::vec::IntoIter<Record>,
}

impl IdIter {
    pub(super) fn new(inner: Arc<Inner>, family: &'static str, scope: Scope) -> IdIter {
        IdIter {
            inner,
            family,
            scope,
            next_id: Some(0),
            page: Vec::new().into_iter(),
        }
    }

    fn fetch(&mut self, from: u32) -> Result<Vec<Record>, StorageError> {
        let db = self.inner.db()?;
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(self.scope.successor().id_key(0));
        // Read once at start; it must not push chunks out of the cache.
        options.fill_cache(false);
        options.set_readahead_size(2 << 20);
        let mut iter = db.raw_iterator_cf_opt(&cf(&db, self.family)?, options);
        iter.seek(self.scope.id_key(from));
        let (mut page, mut bytes) = (Vec::new(), 0);
        while page.len() < PAGE_RECORDS && bytes < PAGE_BYTES {
            let Some((key, value)) = iter.item() else {
                iter.status().during("read shard records")?;
                self.next_id = None;
                return Ok(page);
            };
            let bad = StorageError::Corrupt {
                what: "shard record",
                reason: "key is not 12 bytes",
            };
            let id = parse_id(key).filter(|_| key.len() == 12).ok_or(bad)?;
            bytes += value.len();
            page.push((id, value.into()));
            self.next_id = id.checked_add(1);
            iter.next();
        }
        Ok(page)
    }
}

impl Iterator for IdIter {
    type Item = Result<Record, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.page.next() {
                return Some(Ok(record));
            }
            let from = self.next_id.take()?;
            match self.fetch(from) {
                Ok(page) => self.page = page.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl fmt::Debug for IdIter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdIter")
            .field("family", &self.family)
            .field("next_id", &self.next_id)
            .finish_non_exhaustive()
    }
}
