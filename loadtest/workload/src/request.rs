//! A request to be sent, with what a ledger needs to know of it.

use std::sync::Arc;

use crate::page::Page;
use crate::series::SeriesKey;
use crate::spec::Protocol;

/// One remote write request. Made to be used again and again: [`crate::Stream::next_request`] overwrites it.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `None` where the workload has no tenants.
    pub tenant: Option<Arc<str>>,
    /// 0 or 1 for an HA replica's request; otherwise 0.
    pub replica: u8,
    /// Number of the round whose data this is; late samples count to the round they are sent in.
    pub round: u64,
    /// Time of the newest sample.
    pub time_ms: i64,
    /// When the request is due after the start of the run; 0 during a backfill as fast as possible.
    pub due_ms: i64,
    /// Compressed with snappy's block format. Empty if the stream makes rows only.
    pub body: Vec<u8>,
    /// Samples and native histograms.
    pub samples: u32,
    /// Native histograms among them.
    pub histograms: u32,
    pub exemplars: u32,
    pub protocol: Protocol,
    pub(crate) page: Option<Arc<Page>>,
    pub(crate) rows: Vec<Row>,
}

/// A sample by the position of its series in the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) slot: u32,
    pub(crate) native: bool,
    pub(crate) time_ms: i64,
    pub(crate) bits: u64,
}

/// A sample of a request.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    pub key: SeriesKey,
    pub time_ms: i64,
    /// Bits of the value; of a native histogram its [`crate::NativeHistogram::content_hash`].
    pub bits: u64,
    pub is_native: bool,
    page: &'a Page,
    slot: u32,
}

impl Sample<'_> {
    /// The canonical text of the series' labels; made on request, as it is rarely needed.
    pub fn series_text(&self) -> String {
        self.page.text(self.slot)
    }
}

impl Request {
    /// All samples, in the order of the body.
    pub fn visit(&self) -> impl Iterator<Item = Sample<'_>> {
        self.page.iter().flat_map(|page| {
            self.rows.iter().map(move |row| Sample {
                key: page.key(row.slot),
                time_ms: row.time_ms,
                bits: row.bits,
                is_native: row.native,
                page,
                slot: row.slot,
            })
        })
    }
}
