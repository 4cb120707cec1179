//! Requests read back: a block at a time, bodies as slices of it.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Buf, Bytes};

use super::block::{HEADER_BYTES, MAGIC, MAX_CONTENT_BYTES, REQUEST_BYTES, checksum};
use super::{CorpusError, io_error};
use crate::spec::Protocol;

/// A request of a corpus. Made to be used again and again: [`CorpusReader::next`] overwrites it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CorpusRequest {
    /// `None` where the workload has no tenants.
    pub tenant: Option<Arc<str>>,
    /// 0 or 1 for an HA replica's request; otherwise 0.
    pub replica: u8,
    pub round: u64,
    /// Time of the newest sample.
    pub time_ms: i64,
    /// When the request is due after the start of the run.
    pub due_ms: i64,
    pub protocol: Protocol,
    /// Samples and native histograms.
    pub samples: u32,
    /// Native histograms among them.
    pub histograms: u32,
    pub exemplars: u32,
    /// Compressed with snappy's block format. It keeps its block of about a megabyte alive.
    pub body: Bytes,
}

/// The requests of one sender, in order. Memory: a block of about a megabyte.
#[derive(Debug)]
pub struct CorpusReader {
    file: File,
    path: PathBuf,
    tenants: Vec<Arc<str>>,
    protocol: Protocol,
    /// What is left of the present block.
    content: Bytes,
    in_block: u32,
    /// Requests of the whole file not yet read.
    left: u64,
}

impl CorpusReader {
    pub(super) fn new(
        file: File,
        path: PathBuf,
        tenants: Vec<Arc<str>>,
        protocol: Protocol,
        requests: u64,
    ) -> Self {
        Self {
            file,
            path,
            tenants,
            protocol,
            content: Bytes::new(),
            in_block: 0,
            left: requests,
        }
    }

    /// Requests not yet read.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Overwrites `request` with the next one; false at the end. Blocks the thread while it reads a file.
    pub fn next(&mut self, request: &mut CorpusRequest) -> Result<bool, CorpusError> {
        if self.left == 0 {
            return Ok(false);
        }
        // The block before is freed first, if nothing else uses it.
        request.body = Bytes::new();
        if self.in_block == 0 {
            self.read_block()?;
        }
        if self.content.len() < REQUEST_BYTES {
            return Err(self.damaged("a block ends within a request"));
        }
        let length = self.content.get_u32_le() as usize;
        let tenant = self.content.get_u32_le() as usize;
        request.round = self.content.get_u64_le();
        request.time_ms = self.content.get_i64_le();
        request.due_ms = self.content.get_i64_le();
        request.samples = self.content.get_u32_le();
        request.histograms = self.content.get_u32_le();
        request.exemplars = self.content.get_u32_le();
        request.replica = self.content.get_u32_le() as u8;
        request.protocol = self.protocol;
        if self.content.len() < length {
            return Err(self.damaged("a block ends within a body"));
        }
        request.body = self.content.split_to(length);
        request.tenant = match tenant.checked_sub(1) {
            None => None,
            Some(index) => {
                let name = self.tenants.get(index);
                let known = name.ok_or_else(|| self.damaged("a tenant that the workload does not have"))?;
                Some(Arc::clone(known))
            }
        };
        self.in_block -= 1;
        self.left -= 1;
        if self.in_block == 0 && !self.content.is_empty() {
            return Err(self.damaged("a block has bytes after its last request"));
        }
        Ok(true)
    }

    fn read_block(&mut self) -> Result<(), CorpusError> {
        let mut header = [0; HEADER_BYTES];
        self.file
            .read_exact(&mut header)
            .map_err(io_error("read a block of", &self.path))?;
        let field =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (length, requests, expected) = (field(4) as usize, field(8), field(12));
        if header[..4] != MAGIC || length > MAX_CONTENT_BYTES || requests == 0 {
            return Err(self.damaged("no block where one should begin"));
        }
        // Reading to the end of a limit fills fresh memory without clearing it first.
        let mut content = Vec::with_capacity(length);
        let read = Read::by_ref(&mut self.file)
            .take(length as u64)
            .read_to_end(&mut content)
            .map_err(io_error("read a block of", &self.path))?;
        if read != length {
            return Err(self.damaged("the file ends within a block"));
        }
        if checksum(&header[..12], &content) != expected {
            return Err(self.damaged("a block has a wrong checksum"));
        }
        self.content = content.into();
        self.in_block = requests;
        Ok(())
    }

    fn damaged(&self, what: &str) -> CorpusError {
        CorpusError::Damaged {
            path: self.path.clone(),
            what: what.to_owned(),
        }
    }
}
