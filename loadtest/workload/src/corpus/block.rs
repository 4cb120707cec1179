//! The blocks of a sender's file: what is checked at once, and read at once.

use std::io::{self, Write};

use crate::request::Request;

pub(super) const MAGIC: [u8; 4] = *b"VGCB";
/// Of a block, before its content.
pub(super) const HEADER_BYTES: usize = 16;
/// Of a request, before its body.
pub(super) const REQUEST_BYTES: usize = 48;
/// A block's content ends at the first request beyond this.
const FULL_BYTES: usize = 1 << 20;
/// What a reader allocates at most. A request of 100,000 samples has some megabytes.
pub(super) const MAX_CONTENT_BYTES: usize = 64 << 20;

/// The checksum of a block: of its header's first twelve bytes and its content.
pub(super) fn checksum(header: &[u8], content: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(header), content)
}

#[derive(Debug)]
pub(super) struct BlockWriter<W> {
    out: W,
    content: Vec<u8>,
    requests: u32,
    file_bytes: u64,
}

impl<W: Write> BlockWriter<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            content: Vec::with_capacity(FULL_BYTES + (FULL_BYTES >> 2)),
            requests: 0,
            file_bytes: 0,
        }
    }

    /// Adds a request; true if that completed a block. `tenant` is 0 for none, otherwise 1 + its position.
    pub(super) fn push(&mut self, request: &Request, tenant: u32) -> io::Result<bool> {
        let out = &mut self.content;
        out.extend_from_slice(&(request.body.len() as u32).to_le_bytes());
        out.extend_from_slice(&tenant.to_le_bytes());
        out.extend_from_slice(&request.round.to_le_bytes());
        out.extend_from_slice(&request.time_ms.to_le_bytes());
        out.extend_from_slice(&request.due_ms.to_le_bytes());
        for field in [
            request.samples,
            request.histograms,
            request.exemplars,
            u32::from(request.replica),
        ] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        out.extend_from_slice(&request.body);
        self.requests += 1;
        let full = out.len() >= FULL_BYTES;
        if full {
            self.write_block()?;
        }
        Ok(full)
    }

    fn write_block(&mut self) -> io::Result<()> {
        if self.content.len() > MAX_CONTENT_BYTES {
            return Err(io::Error::other(format!(
                "a request of {} bytes is more than a block may hold; lower `max_samples_per_request`",
                self.content.len()
            )));
        }
        let mut header = [0; HEADER_BYTES];
        header[..4].copy_from_slice(&MAGIC);
        header[4..8].copy_from_slice(&(self.content.len() as u32).to_le_bytes());
        header[8..12].copy_from_slice(&self.requests.to_le_bytes());
        let checksum = checksum(&header[..12], &self.content);
        header[12..].copy_from_slice(&checksum.to_le_bytes());
        self.out.write_all(&header)?;
        self.out.write_all(&self.content)?;
        self.file_bytes += (HEADER_BYTES + self.content.len()) as u64;
        self.content.clear();
        self.requests = 0;
        Ok(())
    }

    /// Bytes of complete blocks so far.
    pub(super) fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    pub(super) fn finish(mut self) -> io::Result<W> {
        if self.requests > 0 {
            self.write_block()?;
        }
        Ok(self.out)
    }
}
