//! The frames of the journal, as docs/formats/loadtest-ledger.md describes them.

use crate::codec::{Cursor, Malformed, unzigzag, write_uvarint, zigzag};
use crate::{Fate, HaPair, Presence, Refusal, SampleValue, SeriesRef};

pub(crate) const MAGIC: [u8; 8] = *b"VIGIELDG";
pub(crate) const VERSION: u16 = 1;
pub(crate) const FILE_HEADER_BYTES: u64 = 10;
/// Kind and length before the payload, checksum after it.
pub(crate) const FRAME_OVERHEAD_BYTES: u64 = 9;
/// A reader allocates no more than this for a frame, whatever its length says.
pub(crate) const MAX_PAYLOAD_BYTES: usize = 64 << 20;

pub(crate) const DESCRIPTION: u8 = 1;
pub(crate) const SERIES: u8 = 2;
pub(crate) const REQUEST_ROWS: u8 = 3;
pub(crate) const REQUEST_REFERENCE: u8 = 4;
pub(crate) const FATE: u8 = 5;
pub(crate) const END: u8 = 6;

/// The samples of one request, encoded as they are pushed. Reuse one with [`Rows::clear`] to save allocations.
#[derive(Debug, Default, Clone)]
pub struct Rows {
    bytes: Vec<u8>,
    count: u32,
    newest_series: u32,
    newest_time_ms: i64,
}

impl Rows {
    pub fn push(&mut self, series: SeriesRef, time_ms: i64, value: SampleValue) {
        let step = zigzag(i64::from(series.0) - i64::from(self.newest_series));
        let is_histogram = matches!(value, SampleValue::Histogram(_));
        write_uvarint(&mut self.bytes, step << 1 | u64::from(is_histogram));
        write_uvarint(&mut self.bytes, zigzag(time_ms.wrapping_sub(self.newest_time_ms)));
        self.bytes.extend_from_slice(&value.bits().to_le_bytes());
        self.newest_series = series.0;
        self.newest_time_ms = time_ms;
        self.count += 1;
    }

    /// The number of rows so far; a row's position in the request is this before it is pushed.
    pub fn len(&self) -> u32 {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
        self.newest_series = 0;
        self.newest_time_ms = 0;
    }
}

/// What a request holds, as it is kept in the journal.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// The samples themselves.
    Rows(&'a Rows),
    /// Where [`Regenerate`](crate::Regenerate) finds them: `number` in `source`, with the number of rows and the
    /// digest of the body that proves it is the same.
    Reference {
        source: u32,
        number: u64,
        rows: u32,
        digest: u128,
    },
}

/// A request as it is read from the journal.
#[derive(Debug)]
pub(crate) struct RequestHead<'a> {
    pub(crate) pair: Option<HaPair>,
    pub(crate) content: StoredContent<'a>,
}

#[derive(Debug)]
pub(crate) enum StoredContent<'a> {
    Rows(StoredRows<'a>),
    Reference {
        source: u32,
        number: u64,
        rows: u32,
        digest: u128,
    },
}

impl RequestHead<'_> {
    pub(crate) fn row_count(&self) -> u32 {
        match &self.content {
            StoredContent::Rows(rows) => rows.left,
            StoredContent::Reference { rows, .. } => *rows,
        }
    }
}

/// Decodes the rows of a request one by one.
#[derive(Debug)]
pub(crate) struct StoredRows<'a> {
    cursor: Cursor<'a>,
    left: u32,
    series: i64,
    time_ms: i64,
}

impl StoredRows<'_> {
    pub(crate) fn next_row(&mut self) -> Result<Option<(u32, i64, SampleValue)>, Malformed> {
        if self.left == 0 {
            return if self.cursor.is_empty() {
                Ok(None)
            } else {
                Err(Malformed("bytes follow the last row"))
            };
        }
        self.left -= 1;
        let step = self.cursor.uvarint()?;
        let series = self
            .series
            .checked_add(unzigzag(step >> 1))
            .ok_or(Malformed("a series is out of range"))?;
        let id = u32::try_from(series).map_err(|_| Malformed("a series is out of range"))?;
        self.series = series;
        self.time_ms = self.time_ms.wrapping_add(unzigzag(self.cursor.uvarint()?));
        let bits = self.cursor.u64()?;
        Ok(Some((id, self.time_ms, SampleValue::new(step & 1 == 1, bits))))
    }
}

/// Appends a request's payload and returns the kind of its frame.
pub(crate) fn encode_request(content: Content<'_>, pair: Option<HaPair>, into: &mut Vec<u8>) -> u8 {
    match pair {
        None => into.push(0),
        Some(HaPair { id, replica }) => {
            into.push(1);
            into.extend_from_slice(&id.to_le_bytes());
            into.push(replica);
        }
    }
    match content {
        Content::Rows(rows) => {
            into.extend_from_slice(&rows.count.to_le_bytes());
            into.extend_from_slice(&rows.bytes);
            REQUEST_ROWS
        }
        Content::Reference {
            source,
            number,
            rows,
            digest,
        } => {
            into.extend_from_slice(&rows.to_le_bytes());
            into.extend_from_slice(&source.to_le_bytes());
            into.extend_from_slice(&number.to_le_bytes());
            into.extend_from_slice(&digest.to_le_bytes());
            REQUEST_REFERENCE
        }
    }
}

pub(crate) fn decode_request(kind: u8, payload: &[u8]) -> Result<RequestHead<'_>, Malformed> {
    let mut cursor = Cursor::new(payload);
    let pair = match cursor.u8()? {
        0 => None,
        1 => Some(HaPair {
            id: cursor.u64()?,
            replica: cursor.u8()?,
        }),
        _ => return Err(Malformed("it is neither with nor without a pair")),
    };
    let rows = cursor.u32()?;
    let content = if kind == REQUEST_ROWS {
        StoredContent::Rows(StoredRows {
            cursor,
            left: rows,
            series: 0,
            time_ms: 0,
        })
    } else {
        let content = StoredContent::Reference {
            source: cursor.u32()?,
            number: cursor.u64()?,
            rows,
            digest: u128::from_le_bytes(cursor.array()?),
        };
        if !cursor.is_empty() {
            return Err(Malformed("bytes follow the digest"));
        }
        content
    };
    Ok(RequestHead { pair, content })
}

pub(crate) fn encode_fate(request: u32, fate: &Fate, into: &mut Vec<u8>) {
    into.extend_from_slice(&request.to_le_bytes());
    into.push(fate.strength());
    if let Fate::Refused(refusal) = fate {
        into.push(refusal.named as u8);
        into.push(refusal.rest as u8);
        let mut newest = 0;
        for row in &refusal.rows {
            write_uvarint(into, u64::from(row.wrapping_sub(newest)));
            newest = *row;
        }
    }
}

pub(crate) fn decode_fate(payload: &[u8]) -> Result<(u32, Fate), Malformed> {
    let mut cursor = Cursor::new(payload);
    let request = cursor.u32()?;
    let fate = match cursor.u8()? {
        0 => Fate::NotSent,
        1 => {
            let (named, rest) = (presence(cursor.u8()?)?, presence(cursor.u8()?)?);
            let mut rows = Vec::new();
            let mut newest = 0_u32;
            while !cursor.is_empty() {
                newest = newest
                    .checked_add(cursor.uvarint_u32()?)
                    .ok_or(Malformed("a row is out of range"))?;
                rows.push(newest);
            }
            Fate::Refused(Refusal { rows, named, rest })
        }
        2 => Fate::Unknown,
        3 => Fate::Acked,
        _ => return Err(Malformed("a fate is none that is known")),
    };
    if cursor.is_empty() {
        Ok((request, fate))
    } else {
        Err(Malformed("bytes follow the fate"))
    }
}

fn presence(code: u8) -> Result<Presence, Malformed> {
    match code {
        0 => Ok(Presence::MustNot),
        1 => Ok(Presence::May),
        2 => Ok(Presence::Must),
        _ => Err(Malformed("a presence is none that is known")),
    }
}

/// The frame around a payload.
pub(crate) fn seal(kind: u8, payload: &[u8], into: &mut Vec<u8>) {
    let start = into.len();
    into.push(kind);
    into.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    into.extend_from_slice(payload);
    let checksum = crc32c::crc32c(&into[start..]);
    into.extend_from_slice(&checksum.to_le_bytes());
}
