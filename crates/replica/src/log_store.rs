use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use openraft::entry::RaftEntry;
use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use openraft::{LogIdOptionExt, RaftLogReader};
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};
use vigie_storage::{GroupLog, LogError, StorageError};

use crate::codec::{
    DecodeError, decode_entry, decode_log_id, decode_vote, encode_entry, encode_log_id, encode_vote,
};
use crate::raft_types::{Entry, LogId, TypeConfig, Vote};

/// Bytes of entries read at once for replication and for apply.
const READ_BYTES: usize = 1 << 20;

/// A group's log as the consensus library wants it. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct LogStore {
    log: GroupLog,
    /// The last vote that is durable. Kept because replication asks for it with each read.
    vote: Arc<Mutex<Option<Vote>>>,
    /// One above the index of the last durable entry.
    durable_end: watch::Sender<u64>,
}

impl LogStore {
    pub(crate) fn open(log: GroupLog) -> io::Result<Self> {
        let state = log.state();
        let vote = decoded(state.vote, decode_vote)?;
        let purged = decoded(state.purged, decode_log_id)?;
        let end = state.last_index.map_or(purged.next_index(), |last| last + 1);
        Ok(Self {
            log,
            vote: Arc::new(Mutex::new(vote)),
            durable_end: watch::Sender::new(end),
        })
    }

    /// Follows one above the index of the last durable entry.
    pub(crate) fn durable_end(&self) -> watch::Receiver<u64> {
        self.durable_end.subscribe()
    }

    /// Index of the first entry held, or of the next one if there is none.
    pub(crate) fn first_index(&self) -> u64 {
        self.log.state().first_index
    }

    /// Whether anything was ever written to this log.
    pub(crate) fn is_pristine(&self) -> bool {
        let state = self.log.state();
        state.vote.is_none() && state.purged.is_none() && state.last_index.is_none()
    }

    /// The entries of `start..end` that the log holds, from the first on; fewer if they exceed `max_bytes`.
    fn read(&self, start: u64, end: u64, max_bytes: usize) -> io::Result<Vec<Entry>> {
        loop {
            let state = self.log.state();
            let from = start.max(state.first_index);
            let to = end.min(state.last_index.map_or(0, |last| last + 1));
            if from >= to {
                return Ok(Vec::new());
            }
            match self.log.read(from, to, max_bytes) {
                Ok(found) => {
                    return found
                        .into_iter()
                        .map(|(index, bytes)| decode_entry(index, bytes).map_err(io::Error::other))
                        .collect();
                }
                // Purged between the two calls: look again.
                Err(StorageError::NoSuchEntry { .. }) if self.log.state().first_index > from => {}
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }

    /// Runs an operation of the log and waits until it is durable.
    async fn durably(&self, start: impl FnOnce(vigie_storage::Callback)) -> io::Result<()> {
        let (done, finished) = oneshot::channel();
        // A receiver that went away was a replica being dropped.
        start(Box::new(move |result| drop(done.send(result))));
        finished
            .await
            .unwrap_or(Err(LogError::Closed))
            .map_err(io::Error::other)
    }
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + Send>(
        &mut self,
        range: RB,
    ) -> io::Result<Vec<Entry>> {
        let (start, end) = bounds(&range);
        self.read(start, end, usize::MAX)
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        self.read(start, end, READ_BYTES)
    }

    /// Reads piece by piece, so that a long replay after a restart takes bounded memory.
    async fn entries_stream<RB>(&mut self, range: RB) -> impl Stream<Item = io::Result<Entry>> + Send
    where
        RB: RangeBounds<u64> + Clone + Debug + Send,
    {
        let (start, end) = bounds(&range);
        let store = self.clone();
        stream::unfold(Some(start), move |next| {
            let store = store.clone();
            async move {
                let start = next.filter(|start| *start < end)?;
                match store.read(start, end, READ_BYTES) {
                    Ok(entries) => {
                        let next = entries.last().map(|last| last.index() + 1);
                        Some((
                            stream::iter(entries.into_iter().map(Ok).collect::<Vec<_>>()),
                            next,
                        ))
                    }
                    Err(error) => Some((stream::iter(vec![Err(error)]), None)),
                }
            }
        })
        .flatten()
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(*self.vote.lock())
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let state = self.log.state();
        let last_purged_log_id = decoded(state.purged, decode_log_id)?;
        let last_log_id = match state.last_index {
            None => last_purged_log_id,
            Some(last) => self
                .read(last, last + 1, usize::MAX)?
                .last()
                .map(|entry| entry.log_id),
        };
        Ok(LogState {
            last_purged_log_id,
            last_log_id,
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        self.durably(|done| self.log.save_vote(encode_vote(vote), done))
            .await?;
        *self.vote.lock() = Some(*vote);
        Ok(())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        if let Some(committed) = committed {
            self.log.save_committed(encode_log_id(&committed));
        }
        Ok(())
    }

    /// `None` if the log does not hold what was committed: the commit position may reach the disk before the
    /// entries it is about, and those may be lost in a crash. A majority has them, and will send them again.
    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        let state = self.log.state();
        let Some(committed) = decoded(state.committed, decode_log_id)? else {
            return Ok(None);
        };
        if Some(committed) <= decoded(state.purged, decode_log_id)? {
            return Ok(Some(committed));
        }
        let found = self.read(committed.index, committed.index + 1, usize::MAX)?;
        Ok(found
            .first()
            .map(|entry| entry.log_id)
            .filter(|found| *found == committed))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + Send,
        I::IntoIter: Send,
    {
        let encoded: Vec<(u64, Bytes)> = entries
            .into_iter()
            .map(|entry| (entry.index(), encode_entry(&entry)))
            .collect();
        let Some(end) = encoded.last().map(|(index, _)| index + 1) else {
            callback.io_completed(Ok(()));
            return Ok(());
        };
        let durable_end = self.durable_end.clone();
        self.log.append(
            encoded,
            Box::new(move |result| {
                if result.is_ok() {
                    durable_end.send_if_modified(|current| {
                        let grows = end > *current;
                        *current = end.max(*current);
                        grows
                    });
                }
                callback.io_completed(result.map_err(io::Error::other));
            }),
        );
        Ok(())
    }

    async fn truncate_after(&mut self, last_log_id: Option<LogId>) -> io::Result<()> {
        let end = last_log_id.next_index();
        self.durably(|done| self.log.truncate_from(end, done)).await?;
        // Appends before it are reported before it, so none can raise the mark again.
        self.durable_end
            .send_modify(|current| *current = end.min(*current));
        Ok(())
    }

    async fn purge(&mut self, log_id: LogId) -> io::Result<()> {
        self.durably(|done| self.log.purge_to(log_id.index, encode_log_id(&log_id), done))
            .await?;
        self.durable_end
            .send_modify(|current| *current = (*current).max(log_id.index + 1));
        Ok(())
    }
}

fn decoded<T>(
    stored: Option<Bytes>,
    decode: impl FnOnce(Bytes) -> Result<T, DecodeError>,
) -> io::Result<Option<T>> {
    stored.map(decode).transpose().map_err(io::Error::other)
}

/// A range as start and exclusive end.
fn bounds(range: &impl RangeBounds<u64>) -> (u64, u64) {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(start) => start.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(end) => end.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    (start, end)
}
