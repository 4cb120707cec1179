use bytes::{BufMut, Bytes};

use crate::codec::{DecodeError, Reader};

const VERSION: u8 = 1;

/// What the rest of a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Append,
    Vote,
    PreVote,
    TransferLeader,
    /// Opens a stream of appends.
    LogStream,
    /// Opens a stream of snapshot blocks.
    SnapshotStream,
}

/// Whom a message is for. A replica refuses what is not for exactly itself, so that a stale address or a
/// re-used port cannot make it take part in a foreign group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) cluster_id: [u8; 16],
    pub(crate) group: u64,
    pub(crate) replica_id: u64,
}

/// Starts a message: version, kind, address.
pub(crate) fn open_message(kind: Kind, to: &Address) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.put_u8(VERSION);
    out.put_u8(kind.tag());
    out.extend_from_slice(&to.cluster_id);
    out.put_u64_le(to.group);
    out.put_u64_le(to.replica_id);
    out
}

/// Reads what [`open_message`] wrote.
pub(crate) fn read_envelope(message: Bytes) -> Result<(Kind, Address, Reader), DecodeError> {
    let mut reader = Reader::new("message", message);
    match reader.u8()? {
        VERSION => {}
        other => return Err(reader.unknown(other)),
    }
    let tag = reader.u8()?;
    let kind = Kind::of_tag(tag).ok_or_else(|| reader.unknown(tag))?;
    let mut cluster_id = [0; 16];
    cluster_id.copy_from_slice(&reader.bytes(16)?);
    let address = Address {
        cluster_id,
        group: reader.u64()?,
        replica_id: reader.u64()?,
    };
    Ok((kind, address, reader))
}

impl Kind {
    fn tag(self) -> u8 {
        match self {
            Self::Append => 1,
            Self::Vote => 2,
            Self::PreVote => 3,
            Self::TransferLeader => 4,
            Self::LogStream => 5,
            Self::SnapshotStream => 6,
        }
    }

    fn of_tag(tag: u8) -> Option<Self> {
        [
            Self::Append,
            Self::Vote,
            Self::PreVote,
            Self::TransferLeader,
            Self::LogStream,
            Self::SnapshotStream,
        ]
        .into_iter()
        .find(|kind| kind.tag() == tag)
    }
}
