//! Telling a torn end of the write-ahead log from damage within it.
//!
//! RocksDB's recovery stops at the first record it cannot read, whatever follows, since at the end of the log that
//! is what a crash leaves. But a batch is written only after the one before it was synced. So if a whole batch
//! follows the bad one, what was synced is damaged, and dropping the rest would drop acknowledged entries. Within a
//! file that is seen before anything is opened. Where a file's end is damaged and another file follows, it shows in
//! the sequence number that recovery came to: batches carry consecutive ones. (A gap between files says nothing, as
//! some of them only wait to be used again.)
//!
//! The format is RocksDB's: blocks of 32 KiB of fragments, `masked crc32c u32 | length u16 | type u8 | [log number
//! u32] | payload`, little endian; a batch starts with its sequence number, u64, and the number of its operations,
//! u32.

use std::path::{Path, PathBuf};

use crate::StorageError;

const BLOCK_BYTES: usize = 32 << 10;
const HEADER_BYTES: usize = 7;
const RECYCLABLE_HEADER_BYTES: usize = 11;
const BATCH_HEADER_BYTES: usize = 12;
const CRC_MASK_DELTA: u32 = 0xa282_ead8;

/// Checks all write-ahead logs in the folder of a closed database. Gives the sequence number that recovery has
/// to come to, 0 if there are none.
pub(super) fn check(folder: &Path) -> Result<u64, StorageError> {
    let mut last = 0;
    for (number, path) in files(folder)? {
        let bytes = std::fs::read(&path).map_err(|source| StorageError::Io {
            op: "read",
            path,
            source,
        })?;
        let batches = whole_batches(&bytes, number).ok_or(DAMAGED)?;
        for Batch { sequence, operations } in batches {
            last = last.max((sequence + u64::from(operations)).saturating_sub(1));
        }
    }
    Ok(last)
}

pub(super) const DAMAGED: StorageError = StorageError::Corrupt {
    what: "write-ahead log",
    reason: "a synced batch is damaged or missing",
};

/// Number and path of each log, ascending.
fn files(folder: &Path) -> Result<Vec<(u64, PathBuf)>, StorageError> {
    let list = |source| StorageError::Io {
        op: "list",
        path: folder.to_owned(),
        source,
    };
    if !folder.try_exists().map_err(list)? {
        return Ok(Vec::new());
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(list)? {
        let path = entry.map_err(list)?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        if let Some(number) = number
            && path.extension().is_some_and(|extension| extension == "log")
        {
            files.push((number, path));
        }
    }
    files.sort_unstable();
    Ok(files)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Batch {
    sequence: u64,
    operations: u32,
}

/// A fragment's place in its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Full,
    First,
    Middle,
    Last,
    /// Something about the log itself.
    Other,
}

/// The batches of one file all of whose fragments are right. After a bad fragment, reading goes on with the next
/// block, where a fragment begins in any case; `None` if a whole batch follows.
fn whole_batches(bytes: &[u8], number: u64) -> Option<Vec<Batch>> {
    let mut batches = Vec::new();
    let mut after_bad = false;
    // The beginning of the batch that is being put together.
    let mut open: Option<Vec<u8>> = None;
    for block in bytes.chunks(BLOCK_BYTES) {
        let mut rest = block;
        // What is shorter than a header is padding.
        while rest.len() >= HEADER_BYTES {
            let Some((part, payload, after)) = fragment(rest, number) else {
                // The longer header leaves more padding, which is zeros.
                if rest.len() >= RECYCLABLE_HEADER_BYTES || rest.iter().any(|byte| *byte != 0) {
                    open = None;
                    after_bad = true;
                }
                break;
            };
            rest = after;
            if matches!(part, Part::Full | Part::First) {
                after_bad |= open.is_some();
                open = Some(Vec::with_capacity(BATCH_HEADER_BYTES));
            }
            if part == Part::Other {
                continue;
            }
            if let Some(start) = &mut open {
                let missing = BATCH_HEADER_BYTES - start.len();
                start.extend_from_slice(&payload[..missing.min(payload.len())]);
            }
            if matches!(part, Part::Full | Part::Last)
                && let Some(start) = open.take()
            {
                if after_bad {
                    return None;
                }
                batches.extend(batch(&start));
            }
        }
    }
    Some(batches)
}

/// The fragment at the start of `bytes` and what follows it, if it is right and of the log with this number.
fn fragment(bytes: &[u8], number: u64) -> Option<(Part, &[u8], &[u8])> {
    let (crc, rest) = bytes.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_le_bytes(*length));
    let kind = *rest.first()?;
    let part = match kind {
        1 | 5 => Part::Full,
        2 | 6 => Part::First,
        3 | 7 => Part::Middle,
        4 | 8 => Part::Last,
        9..=11 | 130 | 131 => Part::Other,
        _ => return None,
    };
    let recyclable = matches!(kind, 5..=8 | 11 | 131);
    let header = if recyclable {
        RECYCLABLE_HEADER_BYTES
    } else {
        HEADER_BYTES
    };
    let end = header + length;
    if recyclable {
        let stored = rest.get(1..)?.first_chunk::<4>()?;
        if u32::from_le_bytes(*stored) != number as u32 {
            return None;
        }
    }
    // The checksum covers the type and all that follows.
    let covered = bytes.get(HEADER_BYTES - 1..end)?;
    let sum = crc32c::crc32c(covered);
    if sum.rotate_right(15).wrapping_add(CRC_MASK_DELTA) != u32::from_le_bytes(*crc) {
        return None;
    }
    Some((part, &bytes[header..end], &bytes[end..]))
}

fn batch(start: &[u8]) -> Option<Batch> {
    let (sequence, rest) = start.split_first_chunk::<8>()?;
    Some(Batch {
        sequence: u64::from_le_bytes(*sequence),
        operations: u32::from_le_bytes(*rest.first_chunk::<4>()?),
    })
}
