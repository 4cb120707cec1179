//! Native histograms: counts in exponential buckets, encoded as both remote write protocols want them.

use xxhash_rust::xxh3::xxh3_64;

use crate::value::{Counter, Round};
use crate::wire;

/// Where the content of a histogram comes from: a counter per bucket.
#[derive(Debug, Clone)]
pub(crate) struct NativeModel {
    pub(crate) schema: i8,
    /// Index of the first bucket.
    pub(crate) first: i32,
    pub(crate) buckets: Vec<Counter>,
}

/// The content of a native histogram with integer counts and positive buckets.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NativeHistogram {
    /// Buckets grow by 2^(2^-schema).
    pub schema: i8,
    /// Index of the first bucket: its upper bound is base^index.
    pub first: i32,
    /// Observations in the buckets from `first` on, one after the other.
    pub buckets: Vec<u64>,
    pub zero_count: u64,
    pub sum: f64,
}

const ZERO_THRESHOLD: f64 = 2.938735877055719e-39;

impl NativeModel {
    pub(crate) fn fill(&self, round: &Round, out: &mut NativeHistogram) {
        out.schema = self.schema;
        out.first = self.first;
        out.buckets.clear();
        let mut weighted = 0;
        for (index, counter) in self.buckets.iter().enumerate() {
            let count = counter.at(round);
            weighted += count * (index as u64 + 1);
            out.buckets.push(count);
        }
        out.zero_count = out.buckets.first().map_or(0, |count| count / 64);
        out.sum = weighted as f64 / 1024.0;
    }
}

impl NativeHistogram {
    /// All observations.
    pub fn count(&self) -> u64 {
        self.zero_count + self.buckets.iter().sum::<u64>()
    }

    /// What a ledger keeps in place of a value's bits: xxh3-64 of schema (i64), first (i64), zero count, sum's bits,
    /// number of buckets and the buckets, each 8 bytes little-endian, without empty buckets at either end.
    pub fn content_hash(&self) -> u64 {
        let leading = self.buckets.iter().take_while(|count| **count == 0).count();
        let trailing = self.buckets.iter().rev().take_while(|count| **count == 0).count();
        let used = self
            .buckets
            .get(leading..self.buckets.len() - trailing)
            .unwrap_or_default();
        let mut bytes = Vec::with_capacity(40 + 8 * used.len());
        bytes.extend_from_slice(&i64::from(self.schema).to_le_bytes());
        bytes.extend_from_slice(&(i64::from(self.first) + leading as i64).to_le_bytes());
        bytes.extend_from_slice(&self.zero_count.to_le_bytes());
        bytes.extend_from_slice(&self.sum.to_bits().to_le_bytes());
        bytes.extend_from_slice(&(used.len() as u64).to_le_bytes());
        for count in used {
            bytes.extend_from_slice(&count.to_le_bytes());
        }
        xxh3_64(&bytes)
    }

    /// The message `Histogram`, equal in remote write 1.0 and 2.0 for what is used here.
    pub(crate) fn encode(&self, time_ms: i64, out: &mut Vec<u8>) {
        out.push(1 << 3);
        wire::put_varint(self.count(), out);
        wire::put_double(3, self.sum, out);
        wire::put_uint(4, wire::zigzag(i64::from(self.schema)), out);
        wire::put_double(5, ZERO_THRESHOLD, out);
        out.push(6 << 3);
        wire::put_varint(self.zero_count, out);
        let mut span = Vec::new();
        wire::put_uint(1, wire::zigzag(i64::from(self.first)), &mut span);
        wire::put_uint(2, self.buckets.len() as u64, &mut span);
        wire::put_bytes(11, &span, out);
        let mut deltas = Vec::with_capacity(self.buckets.len() * 3);
        let mut before = 0;
        for &count in &self.buckets {
            wire::put_varint(wire::zigzag(count as i64 - before), &mut deltas);
            before = count as i64;
        }
        wire::put_bytes(12, &deltas, out);
        out.push(15 << 3);
        wire::put_varint(time_ms as u64, out);
    }
}
