use bytes::Bytes;

use crate::codec::{
    DecodeError, Reader, put_optional_log_id, put_stored_membership, take_optional_log_id,
    take_stored_membership,
};
use crate::raft_types::{LogId, SnapshotMeta, StoredMembership};

const VERSION: u8 = 1;

/// How far a state machine has come: the last entry applied and the membership in force there.
/// Its bytes are stored with each checkpoint (docs/formats/raft-entry.md).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) applied: Option<LogId>,
    pub(crate) membership: StoredMembership,
}

impl Position {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_optional_log_id(&mut out, self.applied.as_ref());
        put_stored_membership(&mut out, &self.membership);
        out
    }

    pub(crate) fn decode(bytes: Bytes) -> Result<Self, DecodeError> {
        let mut reader = Reader::new("checkpoint position", bytes);
        match reader.u8()? {
            VERSION => {}
            other => return Err(reader.unknown(other)),
        }
        let applied = take_optional_log_id(&mut reader)?;
        let membership = take_stored_membership(&mut reader)?;
        reader.finish()?;
        Ok(Self { applied, membership })
    }

    pub(crate) fn from_meta(meta: &SnapshotMeta) -> Self {
        Self {
            applied: meta.last_log_id,
            membership: meta.last_membership.clone(),
        }
    }

    pub(crate) fn into_meta(self) -> SnapshotMeta {
        SnapshotMeta {
            last_log_id: self.applied,
            last_membership: self.membership,
        }
    }
}
