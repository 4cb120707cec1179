use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use parking_lot::Mutex;
use xxhash_rust::xxh3::xxh3_128;

use crate::frame::{self, Content};
use crate::labels::series_key;
use crate::{Fate, LedgerError, SeriesLabels};

/// A series of this ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesRef(pub(crate) u32);

/// A request of this ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(crate) u32);

/// Says that requests are alternatives: of all with the same `id`, those of exactly one `replica` must be there. The
/// label that tells replicas apart, which the system drops, is not among the labels recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HaPair {
    pub id: u64,
    pub replica: u8,
}

/// What a ledger has recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    pub series: u32,
    pub requests: u32,
    /// Rows of all requests, also of those not acknowledged.
    pub rows: u64,
}

/// Identifies the body of a request, as it is sent.
pub fn body_digest(body: &[u8]) -> u128 {
    xxh3_128(body)
}

/// Records requests and what became of them, from any number of threads. A request without a fate counts as unknown,
/// so a load tester that is killed leaves a journal that is true.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    series: HashMap<u128, u32>,
    /// How strong the fate known so far is, plus one; 0 for none.
    settled: Vec<u8>,
    rows: u64,
    payload: Vec<u8>,
    frames: Vec<u8>,
    /// After a failed write the file may end within a frame, and nothing may follow that.
    has_failed: bool,
}

impl Ledger {
    /// Starts a journal in a new file. The description says which run it belongs to; it shows in error messages only.
    pub fn create(path: &Path, description: &str) -> Result<Self, LedgerError> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(|source| LedgerError::File {
                what: "create the journal",
                path: path.to_owned(),
                source,
            })?;
        let ledger = Self {
            path: path.to_owned(),
            inner: Mutex::new(Inner {
                file,
                series: HashMap::new(),
                settled: Vec::new(),
                rows: 0,
                payload: Vec::new(),
                frames: Vec::new(),
                has_failed: false,
            }),
        };
        let mut inner = ledger.inner.lock();
        inner.frames.extend_from_slice(&frame::MAGIC);
        inner.frames.extend_from_slice(&frame::VERSION.to_le_bytes());
        inner.payload.extend_from_slice(description.as_bytes());
        ledger.append(&mut inner, frame::DESCRIPTION)?;
        drop(inner);
        Ok(ledger)
    }

    /// The series with these labels; the same for the same labels. Ask once per series, not once per sample.
    pub fn series(&self, labels: &SeriesLabels) -> Result<SeriesRef, LedgerError> {
        let mut inner = self.inner.lock();
        inner.payload.clear();
        labels.pack(&mut inner.payload);
        let key = series_key(&inner.payload);
        if let Some(id) = inner.series.get(&key) {
            return Ok(SeriesRef(*id));
        }
        let id = u32::try_from(inner.series.len())
            .map_err(|_| LedgerError::Misuse("more than 2^32 series".to_owned()))?;
        self.append(&mut inner, frame::SERIES)?;
        inner.series.insert(key, id);
        Ok(SeriesRef(id))
    }

    /// Records a request. Call it before the first byte is sent: what is sent and not recorded shows as unexpected
    /// if this process is killed.
    pub fn begin(&self, content: Content<'_>, pair: Option<HaPair>) -> Result<RequestId, LedgerError> {
        let mut inner = self.inner.lock();
        let id = u32::try_from(inner.settled.len())
            .map_err(|_| LedgerError::Misuse("more than 2^32 requests".to_owned()))?;
        inner.payload.clear();
        let kind = frame::encode_request(content, pair, &mut inner.payload);
        self.append(&mut inner, kind)?;
        inner.settled.push(0);
        inner.rows += u64::from(match content {
            Content::Rows(rows) => rows.len(),
            Content::Reference { rows, .. } => rows,
        });
        Ok(RequestId(id))
    }

    /// Records what became of a request. After several attempts with the same body, the strongest fate counts:
    /// acknowledged, then unknown, then refused.
    pub fn settle(&self, request: RequestId, fate: &Fate) -> Result<(), LedgerError> {
        if let Fate::Refused(refusal) = fate
            && !refusal.rows.is_sorted_by(|a, b| a < b)
        {
            return Err(LedgerError::Misuse("refused rows that do not ascend".to_owned()));
        }
        let mut inner = self.inner.lock();
        let strength = fate.strength() + 1;
        let Some(known) = inner.settled.get(request.0 as usize).copied() else {
            return Err(LedgerError::Misuse("a request of another ledger".to_owned()));
        };
        if known >= strength {
            return Ok(());
        }
        inner.payload.clear();
        frame::encode_fate(request.0, fate, &mut inner.payload);
        self.append(&mut inner, frame::FATE)?;
        inner.settled[request.0 as usize] = strength;
        Ok(())
    }

    /// What has been recorded so far.
    pub fn totals(&self) -> Totals {
        self.inner.lock().totals()
    }

    /// Ends the journal, syncs it to the disk, and returns what it holds.
    pub fn close(self) -> Result<Totals, LedgerError> {
        let mut inner = self.inner.lock();
        let totals = inner.totals();
        inner.payload.clear();
        inner.payload.extend_from_slice(&totals.series.to_le_bytes());
        inner.payload.extend_from_slice(&totals.requests.to_le_bytes());
        inner.payload.extend_from_slice(&totals.rows.to_le_bytes());
        self.append(&mut inner, frame::END)?;
        inner
            .file
            .sync_all()
            .map_err(|source| self.failed("sync", source))?;
        Ok(totals)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `payload` as a frame, at once: the page cache outlives this process.
    fn append(&self, inner: &mut Inner, kind: u8) -> Result<(), LedgerError> {
        let Inner {
            file,
            payload,
            frames,
            has_failed,
            ..
        } = inner;
        if *has_failed {
            return Err(LedgerError::Misuse("more after a write that failed".to_owned()));
        }
        if payload.len() > frame::MAX_PAYLOAD_BYTES {
            return Err(LedgerError::Misuse(format!(
                "{} bytes at once, more than {}",
                payload.len(),
                frame::MAX_PAYLOAD_BYTES
            )));
        }
        frame::seal(kind, payload, frames);
        let written = file.write_all(frames);
        frames.clear();
        *has_failed = written.is_err();
        written.map_err(|source| self.failed("append to the journal", source))
    }

    fn failed(&self, what: &'static str, source: io::Error) -> LedgerError {
        LedgerError::File {
            what,
            path: self.path.clone(),
            source,
        }
    }
}

impl Inner {
    fn totals(&self) -> Totals {
        Totals {
            series: self.series.len() as u32,
            requests: self.settled.len() as u32,
            rows: self.rows,
        }
    }
}
