//! Many small byte strings by series id.

use vigie_model::SeriesId;

/// A list of series and bytes, held in one buffer: a checkpoint has a record per series, and an
/// allocation each would cost more than the copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records {
    ids: Vec<SeriesId>,
    ends: Vec<usize>,
    bytes: Vec<u8>,
}

impl Records {
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Bytes of all records together.
    pub fn len_bytes(&self) -> usize {
        self.bytes.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = (SeriesId, &[u8])> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        self.ids
            .iter()
            .zip(starts.zip(&self.ends))
            .map(|(&id, (start, &end))| (id, &self.bytes[start..end]))
    }

    pub(crate) fn with_capacity(records: usize, bytes: usize) -> Records {
        Records {
            ids: Vec::with_capacity(records),
            ends: Vec::with_capacity(records),
            bytes: Vec::with_capacity(bytes),
        }
    }

    /// Adds the record that `write` appends.
    pub(crate) fn push_with(&mut self, id: SeriesId, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ids.push(id);
        self.ends.push(self.bytes.len());
    }
}
