//! What targets expose, as text: parsing the Prometheus text format (0.0.4, and 1.0.0 with quoted
//! names) and OpenMetrics (0.0.1 and 1.0.0) out of a borrowed buffer, and writing the former.
//!
//! The parser hands out the bytes of a series as they stand in the input. A scraper that knows
//! these bytes from the last scrape never looks inside; for a new series [`parse_series`] checks and
//! decodes them. The crate must not know where the bytes come from, what time it is, or what
//! becomes of the samples.

mod encode;
mod entry;
mod error;
mod format;
mod labels;
mod number;
mod openmetrics;
mod parser;
mod text;

pub use encode::TextEncoder;
pub use entry::{Entry, Exemplar, Series};
pub use error::{ParseError, SyntaxError};
pub use format::{Format, UnusableContentType};
pub use labels::{LabelPair, LabelPairs, parse_series};
pub use parser::Parser;
