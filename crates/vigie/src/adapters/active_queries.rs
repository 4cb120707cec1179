//! Which queries are running, in a file that outlives a crash.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};

/// As in Prometheus: an opening bracket, then places of this size, each an entry and its comma or nothing.
const PLACE_BYTES: usize = 1000;
const FILE_NAME: &str = "queries.active";

/// Records queries while they run. What stands in the file at the next start did not finish.
#[derive(Debug)]
pub(crate) struct ActiveQueries {
    file: File,
    free: Mutex<Vec<usize>>,
}

/// A query that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct ActiveQuery {
    queries: Arc<ActiveQueries>,
    place: usize,
}

impl ActiveQueries {
    /// Tells the log what did not finish in the last run, and begins anew. Reads and writes the disk.
    pub(crate) fn open(dir: &Path, max_concurrency: usize) -> io::Result<ActiveQueries> {
        std::fs::create_dir_all(dir)?;
        let path = dir.join(FILE_NAME);
        let unfinished = std::fs::read(&path)
            .map(|bytes| entries(&bytes))
            .unwrap_or_default();
        if !unfinished.is_empty() {
            let queries = Value::from(unfinished).to_string();
            tracing::info!(queries, "These queries didn't finish in prometheus' last run:");
        }
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .open(&path)?;
        file.write_all_at(b"[", 0)?;
        file.set_len((1 + max_concurrency * PLACE_BYTES) as u64)?;
        Ok(ActiveQueries {
            file,
            free: Mutex::new((0..max_concurrency).rev().collect()),
        })
    }

    /// `None` if more queries run than may: the last to come are still waiting. A disk that takes no more
    /// entries is no reason not to answer.
    pub(crate) fn begin(self: &Arc<ActiveQueries>, query: &str, now_seconds: i64) -> Option<ActiveQuery> {
        let place = self.free.lock().pop()?;
        let _ = self.write(place, &entry(query, now_seconds));
        Some(ActiveQuery {
            queries: Arc::clone(self),
            place,
        })
    }

    fn write(&self, place: usize, text: &[u8]) -> io::Result<()> {
        let mut bytes = [0; PLACE_BYTES];
        bytes[..text.len()].copy_from_slice(text);
        self.file.write_all_at(&bytes, (1 + place * PLACE_BYTES) as u64)
    }
}

impl Drop for ActiveQuery {
    fn drop(&mut self) {
        let _ = self.queries.write(self.place, b"");
        self.queries.free.lock().push(self.place);
    }
}

/// Fits into a place: of a long query only the beginning is kept.
fn entry(query: &str, now_seconds: i64) -> Vec<u8> {
    let mut kept = query;
    loop {
        let text = format!("{},", json!({"query": kept, "timestamp_sec": now_seconds}));
        if text.len() <= PLACE_BYTES {
            return text.into_bytes();
        }
        // An escape makes six bytes of one, so this takes away less than would still fit, in a few rounds.
        let excess = text.len() - PLACE_BYTES;
        let end = kept.floor_char_boundary(kept.len() - excess.div_ceil(6).min(kept.len()));
        kept = &kept[..end];
    }
}

fn entries(file: &[u8]) -> Vec<Value> {
    let places = file.get(1..).unwrap_or_default().chunks(PLACE_BYTES);
    let texts = places.filter_map(|place| {
        let end = place.iter().position(|&byte| byte == 0).unwrap_or(place.len());
        place[..end].strip_suffix(b",")
    });
    texts
        .filter_map(|text| serde_json::from_slice(text).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left_behind(dir: &Path) -> Vec<String> {
        let shown = |entry: &Value| entry["query"].as_str().map(str::to_owned);
        entries(&std::fs::read(dir.join(FILE_NAME)).unwrap())
            .iter()
            .filter_map(shown)
            .collect()
    }

    #[test]
    fn what_runs_stands_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let queries = Arc::new(ActiveQueries::open(dir.path(), 2).unwrap());
        let first = queries.begin("first", 1).unwrap();
        let second = queries.begin(&"\"\u{e9}".repeat(2000), 2).unwrap();
        assert!(queries.begin("third", 3).is_none());
        drop(first);
        let left = left_behind(dir.path());
        assert_eq!(left.len(), 1);
        assert!(left[0].starts_with("\"\u{e9}\"") && left[0].len() > 600);
        drop(second);
        assert!(left_behind(dir.path()).is_empty());
        assert!(queries.begin("fourth", 4).is_some());
    }
}
