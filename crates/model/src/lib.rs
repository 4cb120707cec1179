//! The nouns of the system: labels, matchers, samples, native histograms, identifiers, and the
//! hashes and textual forms that every part has to agree on.
//!
//! This crate decides nothing and stores nothing. It must not know tokio, clocks, random numbers,
//! files or the network, and no format but the packed form of [`Labels`].

mod duration;
mod exemplar;
mod hash;
mod histogram;
mod ids;
mod labels;
mod matcher;
mod metadata;
mod number;
mod quote;
mod re2;
mod sample;
mod varint;

pub use duration::{DurationError, format_duration_ms, parse_duration_ms};
pub use exemplar::Exemplar;
pub use hash::{SLOT_COUNT, SeriesHash, series_hash};
pub use histogram::{
    Bucket, CUSTOM_BUCKETS_SCHEMA, Combined, Compensated, CounterResetHint, EXPONENTIAL_SCHEMAS,
    FloatHistogram, Histogram, HistogramSum, IncompatibleSchemas, InvalidHistogram,
    KNOWN_EXPONENTIAL_SCHEMAS, NativeHistogram, SchemaError, Span, kahan_add,
};
pub use ids::{InvalidTenant, SeriesId, ShardId, TenantId};
pub use labels::{InvalidLabels, Labels, LabelsBuilder, is_legacy_label_name, is_legacy_metric_name};
pub use matcher::{Condition, Finder, InvalidMatcher, MatchOp, Matcher, MatcherRegex, ValueSet};
pub use metadata::{MetricKind, MetricMetadata};
pub use number::{format_go_exponent, format_go_f, format_go_g, format_json_number, parse_go_float};
pub use quote::{is_go_printable, quote_go, quote_go_char};
pub use re2::{InvalidPattern, anchored_regex, re2_to_rust};
pub use sample::{NORMAL_NAN_BITS, STALE_NAN_BITS, Sample, is_stale_nan, stale_nan};
pub use varint::{read_uvarint, read_varint, write_uvarint, write_varint};

/// The label that carries the metric name.
pub const METRIC_NAME: &str = "__name__";
