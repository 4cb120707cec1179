//! Requests made before they are sent, so that sending costs little and every system gets the same bytes.
//! The format: `docs/formats/loadtest-corpus.md`.

mod block;
mod header;
mod reader;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub use header::CorpusTotals;
pub use reader::{CorpusReader, CorpusRequest};

use crate::corpus::block::BlockWriter;
use crate::corpus::header::Header;
use crate::request::Request;
use crate::series::SeriesKey;
use crate::workload::Workload;

/// Why a corpus cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    #[error("{doing} {}", path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// The directory holds requests of another workload; it is never overwritten.
    #[error("{} holds a corpus of another {what}; take another directory or remove it", path.display())]
    Other { path: PathBuf, what: &'static str },
    #[error("{} is damaged: {what}; remove the directory and prepare the corpus again", path.display())]
    Damaged { path: PathBuf, what: String },
    /// A workload without `rounds` has no end.
    #[error("a corpus needs a workload that ends; set `rounds`")]
    Endless,
    #[error("write the specification as JSON")]
    Spec(#[from] serde_json::Error),
}

/// A directory with all requests of a workload.
#[derive(Debug, Clone)]
pub struct RequestCorpus {
    dir: PathBuf,
    workload: Workload,
    header: Header,
}

impl RequestCorpus {
    /// Opens the corpus in `dir` or, if there is none, writes it. One sender is made after the other, so memory holds the
    /// series of one. `progress` is called after each megabyte with what is written so far.
    pub fn prepare(
        workload: &Workload,
        dir: &Path,
        mut progress: impl FnMut(&CorpusTotals),
    ) -> Result<Self, CorpusError> {
        if dir.join(header::FILE).exists() {
            return Self::open(workload, dir);
        }
        if workload.spec().rounds.is_none() {
            return Err(CorpusError::Endless);
        }
        fs::create_dir_all(dir).map_err(io_error("create", dir))?;
        let mut header = Header::new(workload)?;
        let mut before = CorpusTotals::default();
        for sender in 0..workload.spec().senders {
            let path = sender_path(dir, sender);
            let written = write_sender(workload, sender, &path, |own| progress(&before.plus(own)))?;
            before = before.plus(&written);
            header.senders.push(written);
        }
        let (path, partial) = (dir.join(header::FILE), dir.join("corpus.partial"));
        fs::write(&partial, header.to_bytes()).map_err(io_error("write", &partial))?;
        // The name says that all senders are complete.
        fs::rename(&partial, &path).map_err(io_error("rename", &partial))?;
        Ok(Self {
            dir: dir.to_owned(),
            workload: workload.clone(),
            header,
        })
    }

    /// Opens a corpus that was prepared for exactly this workload: specification, seed and generator.
    pub fn open(workload: &Workload, dir: &Path) -> Result<Self, CorpusError> {
        let path = dir.join(header::FILE);
        let bytes = fs::read(&path).map_err(io_error("read", &path))?;
        let damaged = |path: &Path, what: String| CorpusError::Damaged {
            path: path.to_owned(),
            what,
        };
        let header = Header::from_bytes(&bytes).map_err(|what| damaged(&path, what))?;
        if let Some(what) = header.differs_from(&Header::new(workload)?) {
            return Err(CorpusError::Other {
                path: dir.to_owned(),
                what,
            });
        }
        if header.senders.len() != workload.spec().senders as usize {
            return Err(damaged(
                &path,
                "it has not the senders of its specification".into(),
            ));
        }
        for (sender, totals) in header.senders.iter().enumerate() {
            let path = sender_path(dir, sender as u32);
            let length = fs::metadata(&path).map_err(io_error("look at", &path))?.len();
            if length != totals.file_bytes {
                return Err(damaged(
                    &path,
                    format!("{length} bytes instead of {}", totals.file_bytes),
                ));
            }
        }
        Ok(Self {
            dir: dir.to_owned(),
            workload: workload.clone(),
            header,
        })
    }

    /// Of all senders together.
    pub fn totals(&self) -> CorpusTotals {
        let none = CorpusTotals::default();
        self.header.senders.iter().fold(none, |sum, own| sum.plus(own))
    }

    /// Of one sender; zeros for one that there is not.
    pub fn sender_totals(&self, sender: u32) -> CorpusTotals {
        self.header
            .senders
            .get(sender as usize)
            .copied()
            .unwrap_or_default()
    }

    pub fn workload(&self) -> &Workload {
        &self.workload
    }

    /// The requests of a sender from the first one on.
    pub fn reader(&self, sender: u32) -> Result<CorpusReader, CorpusError> {
        let path = sender_path(&self.dir, sender);
        let file = File::open(&path).map_err(io_error("open", &path))?;
        let tenants = self.workload.tenants();
        let protocol = self.workload.spec().protocol;
        let requests = self.sender_totals(sender).requests;
        Ok(CorpusReader::new(file, path, tenants, protocol, requests))
    }
}

fn write_sender(
    workload: &Workload,
    sender: u32,
    path: &Path,
    mut progress: impl FnMut(&CorpusTotals),
) -> Result<CorpusTotals, CorpusError> {
    let file = File::create(path).map_err(io_error("create", path))?;
    let tenants = workload.tenants();
    let mut blocks = BlockWriter::new(file);
    let mut totals = CorpusTotals::default();
    let mut series: HashSet<SeriesKey> = HashSet::new();
    let mut stream = workload.stream(sender);
    let mut request = Request::default();
    while stream.next_request(&mut request) {
        let tenant = request.tenant.as_ref().map_or(0, |name| {
            tenants
                .iter()
                .position(|known| known == name)
                .map_or(0, |i| i + 1)
        });
        let block_written = blocks
            .push(&request, tenant as u32)
            .map_err(io_error("write", path))?;
        series.extend(request.visit().map(|sample| sample.key));
        totals.requests += 1;
        totals.samples += u64::from(request.samples);
        totals.body_bytes += request.body.len() as u64;
        totals.series = series.len() as u64;
        totals.file_bytes = blocks.file_bytes();
        if block_written {
            progress(&totals);
        }
    }
    let mut file = blocks.finish().map_err(io_error("write", path))?;
    file.flush().map_err(io_error("write", path))?;
    totals.file_bytes = fs::metadata(path).map_err(io_error("look at", path))?.len();
    progress(&totals);
    Ok(totals)
}

fn sender_path(dir: &Path, sender: u32) -> PathBuf {
    dir.join(format!("sender-{sender:04}"))
}

fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CorpusError {
    move |source| CorpusError::Io {
        doing,
        path: path.to_owned(),
        source,
    }
}
