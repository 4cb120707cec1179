//! The ledger of a load test: what was acknowledged, and the proof afterwards that all of it is readable, with its
//! bits, exactly once, and that nothing else is there.
//!
//! While load runs, a [`Ledger`] appends to a journal file (`docs/formats/loadtest-ledger.md`): every request before
//! it is sent, and its [`Fate`] when that is known. A request is kept as its samples ([`Rows`], about 11 bytes each),
//! or, where it can be made again from a corpus or a seed, as 45 bytes that name it and a digest of its body. Memory
//! is a hash per series and a byte per request, whatever the number of samples.
//!
//! Afterwards [`verify`] sorts the journal into partitions by series in temporary files, and takes one partition
//! after the other to a [`Reader`], batch by batch. So its memory is one partition, or one batch if that is larger.
//! Full values are kept to the end, because a verdict that cannot name the sample that differs convinces nobody.
//!
//! The crate must not know HTTP, Prometheus's JSON, how load is made, or which system is under test.

mod codec;
mod error;
mod expected;
mod fate;
mod frame;
mod journal;
mod labels;
mod reader;
mod replay;
mod spill;
mod value;
mod verdict;
mod verify;

pub use error::{BoxError, LedgerError};
pub use fate::{Fate, Presence, Refusal};
pub use frame::{Content, Rows};
pub use journal::{HaPair, Ledger, RequestId, SeriesRef, Totals, body_digest};
pub use labels::SeriesLabels;
pub use reader::{
    Exactness, MatchKind, Matcher, ReadTotals, Reader, Regenerate, RowVisitor, SeriesVisitor, selector,
};
pub use replay::JournalEnd;
pub use value::{STALE_NAN_BITS, SampleValue, time_ms_from_seconds};
pub use verdict::{Example, FateCounts, Fault, Verdict};
pub use verify::{Progress, VerifyOptions, verify};
