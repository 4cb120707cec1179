//! Reading all series or heads of a shard.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use rocksdb::ReadOptions;

use super::db::{Inner, cf};
use super::keys::{Scope, parse_id};
use super::pages::{Page, first_id};
use crate::StorageError;
use crate::error::Context;

/// Bytes fetched at once: enough to make the seek free, few enough to keep memory small.
const FETCH_BYTES: usize = 8 << 20;

/// A series' id and its record, which shares memory with those near it.
type Record = (u32, Bytes);

/// Iterator over (id, value) in id order. Ends after an error.
pub struct IdIter {
    inner: Arc<Inner>,
    family: &'static str,
    scope: Scope,
    /// First page not fetched; `None` once all are.
    next_page: Option<u32>,
    pages: std::vec::IntoIter<(u32, Page)>,
    /// Of one page.
    records: std::vec::IntoIter<Record>,
}

impl IdIter {
    pub(super) fn new(inner: Arc<Inner>, family: &'static str, scope: Scope) -> IdIter {
        IdIter {
            inner,
            family,
            scope,
            next_page: Some(0),
            pages: Vec::new().into_iter(),
            records: Vec::new().into_iter(),
        }
    }

    fn fetch(&mut self, from: u32) -> Result<Vec<(u32, Page)>, StorageError> {
        let db = self.inner.db()?;
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(self.scope.successor().id_key(0));
        // Read once at start; it must not push chunks out of the cache.
        options.fill_cache(false);
        options.set_readahead_size(2 << 20);
        let mut iter = db.raw_iterator_cf_opt(&cf(&db, self.family)?, options);
        iter.seek(self.scope.id_key(from));
        let (mut pages, mut bytes) = (Vec::new(), 0);
        while bytes < FETCH_BYTES {
            let Some((key, value)) = iter.item() else {
                iter.status().during("read shard records")?;
                self.next_page = None;
                return Ok(pages);
            };
            let bad = StorageError::Corrupt {
                what: "shard record",
                reason: "key is not 12 bytes",
            };
            let number = parse_id(key).filter(|_| key.len() == 12).ok_or(bad)?;
            bytes += value.len();
            pages.push((number, Page::parse(Bytes::copy_from_slice(value))?));
            self.next_page = number.checked_add(1);
            iter.next();
        }
        Ok(pages)
    }
}

impl Iterator for IdIter {
    type Item = Result<Record, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.records.next() {
                return Some(Ok(record));
            }
            if let Some((number, page)) = self.pages.next() {
                let first = first_id(number);
                let records = page
                    .records()
                    .map(|(place, range)| (first + place, page.bytes().slice(range)));
                self.records = records.collect::<Vec<_>>().into_iter();
                continue;
            }
            let from = self.next_page.take()?;
            match self.fetch(from) {
                Ok(pages) => self.pages = pages.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl fmt::Debug for IdIter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdIter")
            .field("family", &self.family)
            .field("next_page", &self.next_page)
            .finish_non_exhaustive()
    }
}
