//! What targets expose: parsing the Prometheus text format (0.0.4, and 1.0.0 with quoted names),
//! OpenMetrics (0.0.1 and 1.0.0) and length-delimited protobuf out of a borrowed buffer, and writing the
//! first.
//!
//! The text parser hands out the bytes of a series as they stand in the input; the one of protobuf makes
//! up the same bytes. A scraper that knows these bytes from the last scrape never looks inside; for a new
//! series [`parse_series`] checks and decodes them. The crate must not know where the bytes come from,
//! what time it is, or what becomes of the samples.

mod classic;
mod classic_series;
mod encode;
mod entry;
mod error;
mod exposition;
mod format;
mod labels;
mod native;
mod number;
mod openmetrics;
mod parser;
mod protobuf;
mod series_text;
mod start_times;
mod text;

pub use classic::ClassicError;
pub use encode::TextEncoder;
pub use entry::{Entry, Exemplar, Exemplars, HistogramSeries, Series};
pub use error::{ParseError, SyntaxError};
pub use exposition::{Exposition, ExpositionError, ExpositionOptions};
pub use format::{Format, UnusableContentType};
pub use labels::{LabelPair, LabelPairs, parse_series};
pub use native::NativeValue;
pub use parser::Parser;
pub use protobuf::{ProtobufError, ProtobufParser, ProtobufReason};
