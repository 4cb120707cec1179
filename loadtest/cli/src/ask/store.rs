use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result};
use vigie_systems::Answer;

/// A question and the time it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    pub question: usize,
    pub time_ms: i64,
}

/// Bodies of answers in a temporary file without a name, which goes away with the process.
#[derive(Debug)]
pub struct AnswerStore {
    file: File,
    end: u64,
    /// Status, and where the body is.
    kept: HashMap<Key, (u16, u64, usize)>,
    /// Answers that were not kept because the file is full.
    left_out: u64,
}

/// More than any run should keep; what is left out is counted.
const MAX_BYTES: u64 = 8 << 30;

impl AnswerStore {
    pub fn new() -> Result<Self> {
        Ok(Self {
            file: tempfile::tempfile().context("make a file for answers")?,
            end: 0,
            kept: HashMap::new(),
            left_out: 0,
        })
    }

    /// Keeps the first answer to a key.
    pub fn keep(&mut self, key: Key, answer: &Answer) -> Result<()> {
        if self.kept.contains_key(&key) {
            return Ok(());
        }
        let bytes = answer.body.as_bytes();
        if self.end + bytes.len() as u64 > MAX_BYTES {
            self.left_out += 1;
            return Ok(());
        }
        self.file
            .write_all_at(bytes, self.end)
            .context("keep an answer")?;
        self.kept.insert(key, (answer.status, self.end, bytes.len()));
        self.end += bytes.len() as u64;
        Ok(())
    }

    pub fn get(&self, key: Key) -> Result<Option<Answer>> {
        let Some((status, at, length)) = self.kept.get(&key).copied() else {
            return Ok(None);
        };
        let mut bytes = vec![0; length];
        self.file
            .read_exact_at(&mut bytes, at)
            .context("read an answer again")?;
        let body = String::from_utf8(bytes).context("read an answer again")?;
        Ok(Some(Answer { status, body }))
    }

    /// All keys in order.
    pub fn keys(&self) -> Vec<Key> {
        let mut keys: Vec<Key> = self.kept.keys().copied().collect();
        keys.sort_unstable();
        keys
    }

    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}
