use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hdrhistogram::{
    Histogram,
    serialization::{Deserializer as HdrDeserializer, Serializer as _, V2Serializer},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

/// Latencies in microseconds, up to an hour, to three significant digits. Longer ones count as an hour.
///
/// In JSON it is HdrHistogram's V2 encoding in base64, which tools of that family read, beside percentiles for people,
/// which are not read back.
#[derive(Clone, PartialEq)]
pub struct LatencyHistogram {
    histogram: Histogram<u64>,
}

const MAX_US: u64 = 3_600_000_000;
/// A full histogram within the bounds above is far smaller.
const MAX_BASE64_BYTES: usize = 4 << 20;

impl Default for LatencyHistogram {
    fn default() -> Self {
        // These bounds are valid for HdrHistogram; the second call would fail only if the first did.
        let histogram = Histogram::new_with_bounds(1, MAX_US, 3)
            .unwrap_or_else(|error| unreachable!("constant bounds were refused: {error}"));
        Self { histogram }
    }
}

impl LatencyHistogram {
    pub fn record_us(&mut self, latency_us: u64) {
        self.histogram.saturating_record(latency_us.clamp(1, MAX_US));
    }

    pub fn merge(&mut self, other: &Self) {
        for value in other.histogram.iter_recorded() {
            self.histogram
                .saturating_record_n(value.value_iterated_to(), value.count_since_last_iteration());
        }
    }

    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The latency that `quantile` (0 to 1) of all do not exceed; nothing if there are none.
    pub fn quantile_us(&self, quantile: f64) -> Option<u64> {
        (self.count() > 0).then(|| self.histogram.value_at_quantile(quantile))
    }

    pub fn max_us(&self) -> Option<u64> {
        (self.count() > 0).then(|| self.histogram.max())
    }

    pub fn mean_us(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.histogram.mean())
    }
}

#[derive(Serialize, Deserialize)]
struct Json {
    #[serde(skip_deserializing)]
    count: u64,
    #[serde(skip_deserializing)]
    mean_us: Option<f64>,
    #[serde(skip_deserializing)]
    p50_us: Option<u64>,
    #[serde(skip_deserializing)]
    p90_us: Option<u64>,
    #[serde(skip_deserializing)]
    p99_us: Option<u64>,
    #[serde(skip_deserializing)]
    p999_us: Option<u64>,
    #[serde(skip_deserializing)]
    max_us: Option<u64>,
    hdr_v2_base64: String,
}

impl Serialize for LatencyHistogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::new();
        V2Serializer::new()
            .serialize(&self.histogram, &mut bytes)
            .map_err(ser::Error::custom)?;
        Json {
            count: self.count(),
            mean_us: self.mean_us(),
            p50_us: self.quantile_us(0.5),
            p90_us: self.quantile_us(0.9),
            p99_us: self.quantile_us(0.99),
            p999_us: self.quantile_us(0.999),
            max_us: self.max_us(),
            hdr_v2_base64: STANDARD.encode(bytes),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for LatencyHistogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Json::deserialize(deserializer)?;
        if json.hdr_v2_base64.len() > MAX_BASE64_BYTES {
            return Err(de::Error::custom("the histogram is too long"));
        }
        let bytes = STANDARD.decode(json.hdr_v2_base64).map_err(de::Error::custom)?;
        let read: Histogram<u64> = HdrDeserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|error| de::Error::custom(format!("the histogram cannot be read: {error:?}")))?;
        // Into our own bounds, whatever the bytes say theirs are.
        let mut own = Self::default();
        own.merge(&Self { histogram: read });
        Ok(own)
    }
}

impl fmt::Debug for LatencyHistogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LatencyHistogram")
            .field("count", &self.count())
            .field("p50_us", &self.quantile_us(0.5))
            .field("p99_us", &self.quantile_us(0.99))
            .finish()
    }
}
