//! Finding series by their labels.

mod label_index;
mod packed;
mod postings;

pub(crate) use label_index::{LabelIndex, LabelName};
pub(crate) use packed::packed_pairs;
pub(crate) use postings::Postings;
