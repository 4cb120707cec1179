use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use crate::LedgerError;
use crate::codec::Malformed;
use crate::frame;

/// How a journal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalEnd {
    /// As [`Ledger::close`](crate::Ledger::close) leaves it.
    Closed,
    /// With a whole frame: it is still being written, or its writer was killed.
    Open,
    /// Within the frame that starts at this byte: the machine stopped, or the disk was full.
    Torn { at: u64 },
}

/// Reads a journal frame by frame.
#[derive(Debug)]
pub(crate) struct Replay {
    path: PathBuf,
    file: BufReader<File>,
    /// Where the next frame starts, and where the file ended when it was opened: it may still grow.
    at: u64,
    len: u64,
    payload: Vec<u8>,
    end: Option<JournalEnd>,
}

impl Replay {
    pub(crate) fn open(path: &Path) -> Result<Self, LedgerError> {
        let file = File::open(path).map_err(|source| failed(path, "open the journal", source))?;
        let len = file
            .metadata()
            .map_err(|source| failed(path, "measure the journal", source))?
            .len();
        let mut replay = Self {
            path: path.to_owned(),
            file: BufReader::with_capacity(1 << 18, file),
            at: 0,
            len,
            payload: Vec::new(),
            end: None,
        };
        if len < frame::FILE_HEADER_BYTES {
            return Err(LedgerError::Foreign("it has no header".to_owned()));
        }
        let magic: [u8; 8] = replay.array()?;
        if magic != frame::MAGIC {
            return Err(LedgerError::Foreign("it starts with other bytes".to_owned()));
        }
        let version = u16::from_le_bytes(replay.array()?);
        if version != frame::VERSION {
            return Err(LedgerError::Foreign(format!("it has version {version}")));
        }
        Ok(replay)
    }

    /// The next frame's kind and payload; nothing at the end, which [`Self::end`] then tells.
    pub(crate) fn next_frame(&mut self) -> Result<Option<(u8, &[u8])>, LedgerError> {
        if self.end.is_some() {
            return Ok(None);
        }
        let start = self.at;
        if start == self.len {
            self.end = Some(JournalEnd::Open);
            return Ok(None);
        }
        if self.len - start < frame::FRAME_OVERHEAD_BYTES {
            self.end = Some(JournalEnd::Torn { at: start });
            return Ok(None);
        }
        let kind_and_len: [u8; 5] = self.array()?;
        let [kind, a, b, c, d] = kind_and_len;
        let payload_len = u32::from_le_bytes([a, b, c, d]) as usize;
        if payload_len > frame::MAX_PAYLOAD_BYTES {
            return Err(self.damaged(start, "a frame is too long"));
        }
        let frame_end = start + frame::FRAME_OVERHEAD_BYTES + payload_len as u64;
        if frame_end > self.len {
            self.end = Some(JournalEnd::Torn { at: start });
            return Ok(None);
        }
        self.payload.resize(payload_len, 0);
        self.file
            .read_exact(&mut self.payload)
            .map_err(|source| failed(&self.path, "read the journal", source))?;
        self.at += payload_len as u64;
        let stored = u32::from_le_bytes(self.array()?);
        let computed = crc32c::crc32c_append(crc32c::crc32c(&kind_and_len), &self.payload);
        if stored != computed {
            // What the disk had not yet is at the end; anywhere else the bytes were whole once.
            if frame_end == self.len {
                self.end = Some(JournalEnd::Torn { at: start });
                return Ok(None);
            }
            return Err(self.damaged(start, "a checksum is wrong"));
        }
        if kind == frame::END {
            if frame_end != self.len {
                return Err(self.damaged(frame_end, "bytes follow its end"));
            }
            self.end = Some(JournalEnd::Closed);
        }
        Ok(Some((kind, &self.payload)))
    }

    /// Once [`Self::next_frame`] has given nothing.
    pub(crate) fn end(&self) -> Option<JournalEnd> {
        self.end
    }

    /// The byte after the frame given last.
    pub(crate) fn position(&self) -> u64 {
        self.at
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], LedgerError> {
        let mut bytes = [0; N];
        self.file
            .read_exact(&mut bytes)
            .map_err(|source| failed(&self.path, "read the journal", source))?;
        self.at += N as u64;
        Ok(bytes)
    }

    fn damaged(&self, at: u64, what: &str) -> LedgerError {
        LedgerError::Damaged {
            at,
            what: what.to_owned(),
        }
    }
}

/// The frame that ends at `at` has a good checksum and makes no sense.
pub(crate) fn malformed(at: u64, malformed: Malformed) -> LedgerError {
    LedgerError::Damaged {
        at,
        what: malformed.0.to_owned(),
    }
}

fn failed(path: &Path, what: &'static str, source: io::Error) -> LedgerError {
    LedgerError::File {
        what,
        path: path.to_owned(),
        source,
    }
}
