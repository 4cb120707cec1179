//! Finding series by their labels.

mod label_index;
mod labels_table;
mod packed;
mod postings;
mod segment;

pub(crate) use label_index::{LabelIndex, LabelName};
pub(crate) use labels_table::{LabelsTable, labels_hash};
pub(crate) use packed::{are_labels, packed_pairs};
pub(crate) use postings::{Marked, Postings};
