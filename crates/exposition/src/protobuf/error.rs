//! What can be wrong with an exposition in protobuf. Any of it fails the whole scrape.

/// A metric family that is not in the format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("metric family at byte {byte_offset}: {reason}")]
pub struct ProtobufError {
    /// Where the family starts in the input, its length included.
    pub byte_offset: usize,
    pub reason: ProtobufReason,
}

/// Why a metric family is not in the format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtobufReason {
    #[error("message is truncated")]
    Truncated,
    #[error("message has a length of more than 32 bits")]
    Length,
    #[error("unknown wire type {0}")]
    WireType(u8),
    #[error("field has number 0")]
    FieldNumber,
    #[error("wrong wire type for field {0}")]
    FieldType(&'static str),
    #[error("field {0} is not valid UTF-8")]
    NotUtf8(&'static str),
    #[error("invalid metric name: {0:?}")]
    MetricName(String),
    #[error("invalid label name: {0:?}")]
    LabelName(String),
    #[error("unknown metric type for metric {metric:?}: {number}")]
    MetricType { metric: String, number: u64 },
    #[error("histogram {metric:?}: {side} side: spans require {needed} buckets, have {held}")]
    Spans {
        metric: String,
        side: &'static str,
        needed: u64,
        held: usize,
    },
    #[error("histogram {metric:?}: {reason}")]
    Classic {
        metric: String,
        reason: Box<crate::ClassicError>,
    },
}
