use bytes::{BufMut, Bytes};
use openraft::vote::RaftLeaderId;

use super::{DecodeError, Reader};
use crate::raft_types::{LogId, Vote, log_id};

/// Term, then index.
pub(crate) fn put_log_id(out: &mut Vec<u8>, id: &LogId) {
    out.put_u64_le(id.leader_id.term);
    out.put_u64_le(id.index);
}

pub(crate) fn take_log_id(reader: &mut Reader) -> Result<LogId, DecodeError> {
    Ok(log_id(reader.u64()?, reader.u64()?))
}

/// A flag byte, then the position if it is 1.
pub(crate) fn put_optional_log_id(out: &mut Vec<u8>, id: Option<&LogId>) {
    match id {
        None => out.put_u8(0),
        Some(id) => {
            out.put_u8(1);
            put_log_id(out, id);
        }
    }
}

pub(crate) fn take_optional_log_id(reader: &mut Reader) -> Result<Option<LogId>, DecodeError> {
    if reader.bool()? {
        Ok(Some(take_log_id(reader)?))
    } else {
        Ok(None)
    }
}

/// Term, replica voted for, and whether a quorum granted it.
pub(crate) fn put_vote(out: &mut Vec<u8>, vote: &Vote) {
    out.put_u64_le(vote.leader_id.term);
    out.put_u64_le(vote.leader_id.voted_for);
    out.put_u8(u8::from(vote.committed));
}

pub(crate) fn take_vote(reader: &mut Reader) -> Result<Vote, DecodeError> {
    let leader_id = RaftLeaderId::new(reader.u64()?, reader.u64()?);
    Ok(Vote {
        leader_id,
        committed: reader.bool()?,
    })
}

const VERSION: u8 = 1;

pub(crate) fn encode_log_id(id: &LogId) -> Bytes {
    let mut out = vec![VERSION];
    put_log_id(&mut out, id);
    out.into()
}

pub(crate) fn decode_log_id(bytes: Bytes) -> Result<LogId, DecodeError> {
    versioned("log position", bytes, take_log_id)
}

pub(crate) fn encode_vote(vote: &Vote) -> Bytes {
    let mut out = vec![VERSION];
    put_vote(&mut out, vote);
    out.into()
}

pub(crate) fn decode_vote(bytes: Bytes) -> Result<Vote, DecodeError> {
    versioned("vote", bytes, take_vote)
}

fn versioned<T>(
    what: &'static str,
    bytes: Bytes,
    take: impl FnOnce(&mut Reader) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let mut reader = Reader::new(what, bytes);
    match reader.u8()? {
        VERSION => {}
        other => return Err(reader.unknown(other)),
    }
    let value = take(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn votes_and_positions_come_back(term: u64, replica: u64, committed: bool, index: u64) {
            let vote = Vote { leader_id: RaftLeaderId::new(term, replica), committed };
            prop_assert_eq!(decode_vote(encode_vote(&vote)), Ok(vote));
            let id = log_id(term, index);
            prop_assert_eq!(decode_log_id(encode_log_id(&id)), Ok(id));
        }

        #[test]
        fn any_bytes_decode_or_fail(bytes: Vec<u8>) {
            let _ = decode_vote(bytes.clone().into());
            let _ = decode_log_id(bytes.into());
        }
    }
}
