//! The messages of remote read, and how they are framed. The protocol is Prometheus's
//! (prompb/remote.proto, and "Streamed" in the specification of remote read).

mod bits;
mod frames;
mod histogram;
mod messages;
mod xor;
mod xor2;

pub(crate) use frames::{frames, sample_response};
pub(crate) use messages::{ACCEPTS_CHUNKS, ACCEPTS_SAMPLES, LabelMatcher, Query, ReadRequest};

/// A request larger than this is not read.
pub(crate) const MAX_REQUEST_BYTES: usize = 32 << 20;

/// Labels that stand in for those a series lacks, because it leaves its server.
pub(crate) fn with_external(
    labels: &vigie_model::Labels,
    external: &vigie_model::Labels,
) -> Vec<messages::Label> {
    let mut merged: Vec<(&str, &str)> = labels.iter().collect();
    merged.extend(external.iter().filter(|(name, _)| labels.get(name).is_none()));
    merged.sort_unstable();
    merged
        .into_iter()
        .map(|(name, value)| messages::Label {
            name: name.to_owned(),
            value: value.to_owned(),
        })
        .collect()
}
