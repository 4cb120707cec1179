//! Bodies of the messages, without the envelope. Entries travel in the bytes the log keeps.

use bytes::{BufMut, Bytes};
use openraft::raft::{StreamAppendError, TransferLeaderError};

use crate::codec::{
    DecodeError, Reader, encoded_bytes, put_entry, put_log_id, put_optional_log_id, put_vote, take_entry,
    take_log_id, take_optional_log_id, take_vote,
};
use crate::position::Position;
use crate::raft_types::{TypeConfig, Vote};

pub(crate) type AppendRequest = openraft::raft::AppendEntriesRequest<TypeConfig>;
pub(crate) type AppendResult = openraft::raft::StreamAppendResult<TypeConfig>;
pub(crate) type VoteRequest = openraft::raft::VoteRequest<TypeConfig>;
pub(crate) type VoteResponse = openraft::raft::VoteResponse<TypeConfig>;
pub(crate) type TransferRequest = openraft::raft::TransferLeaderRequest<TypeConfig>;
pub(crate) type TransferResponse = openraft::raft::TransferLeaderResponse<TypeConfig>;

pub(crate) fn put_append(out: &mut Vec<u8>, request: &AppendRequest) {
    // An entry adds an index and a length.
    out.reserve(
        64 + request
            .entries
            .iter()
            .map(|entry| encoded_bytes(entry) + 12)
            .sum::<usize>(),
    );
    put_vote(out, &request.vote);
    put_optional_log_id(out, request.prev_log_id.as_ref());
    put_optional_log_id(out, request.leader_commit.as_ref());
    out.put_u32_le(u32::try_from(request.entries.len()).unwrap_or(u32::MAX));
    for entry in &request.entries {
        put_entry(out, entry);
    }
}

pub(crate) fn take_append(reader: &mut Reader) -> Result<AppendRequest, DecodeError> {
    let vote = take_vote(reader)?;
    let prev_log_id = take_optional_log_id(reader)?;
    let leader_commit = take_optional_log_id(reader)?;
    // Index, length, version, kind, term: no entry is shorter.
    let count = reader.count(22)?;
    let entries = (0..count).map(|_| take_entry(reader)).collect::<Result<_, _>>()?;
    Ok(AppendRequest {
        vote,
        prev_log_id,
        entries,
        leader_commit,
    })
}

const OK: u8 = 0;
const CONFLICT: u8 = 1;
const HIGHER_VOTE: u8 = 2;
const NOT_FLUSHED: u8 = 3;

pub(crate) fn encode_append_result(result: &AppendResult) -> Bytes {
    let mut out = Vec::with_capacity(32);
    match result {
        Ok(matched) => {
            out.put_u8(OK);
            put_optional_log_id(&mut out, matched.as_ref());
        }
        Err(StreamAppendError::Conflict(at)) => {
            out.put_u8(CONFLICT);
            put_log_id(&mut out, at);
        }
        Err(StreamAppendError::HigherVote(vote)) => {
            out.put_u8(HIGHER_VOTE);
            put_vote(&mut out, vote);
        }
    }
    out.into()
}

pub(crate) fn decode_append_result(bytes: Bytes) -> Result<AppendResult, DecodeError> {
    let mut reader = Reader::new("append response", bytes);
    let result = match reader.u8()? {
        OK => Ok(take_optional_log_id(&mut reader)?),
        CONFLICT => Err(StreamAppendError::Conflict(take_log_id(&mut reader)?)),
        HIGHER_VOTE => Err(StreamAppendError::HigherVote(take_vote(&mut reader)?)),
        other => return Err(reader.unknown(other)),
    };
    reader.finish()?;
    Ok(result)
}

pub(crate) fn put_vote_request(out: &mut Vec<u8>, request: &VoteRequest) {
    put_vote(out, &request.vote);
    put_optional_log_id(out, request.last_log_id.as_ref());
    out.put_u8(u8::from(request.leadership_transfer));
}

pub(crate) fn take_vote_request(reader: &mut Reader) -> Result<VoteRequest, DecodeError> {
    let mut request = VoteRequest::new(take_vote(reader)?, take_optional_log_id(reader)?);
    request.leadership_transfer = reader.bool()?;
    Ok(request)
}

pub(crate) fn encode_vote_response(response: &VoteResponse) -> Bytes {
    let mut out = Vec::with_capacity(48);
    put_vote(&mut out, &response.vote);
    put_optional_log_id(&mut out, response.last_log_id.as_ref());
    out.put_u8(u8::from(response.vote_granted));
    out.into()
}

pub(crate) fn decode_vote_response(bytes: Bytes) -> Result<VoteResponse, DecodeError> {
    let mut reader = Reader::new("vote response", bytes);
    let vote = take_vote(&mut reader)?;
    let last_log_id = take_optional_log_id(&mut reader)?;
    let granted = reader.bool()?;
    reader.finish()?;
    Ok(VoteResponse::new(vote, last_log_id, granted))
}

pub(crate) fn put_transfer_request(out: &mut Vec<u8>, request: &TransferRequest) {
    put_vote(out, request.from_leader());
    out.put_u64_le(*request.to_node_id());
    put_optional_log_id(out, request.last_log_id());
}

pub(crate) fn take_transfer_request(reader: &mut Reader) -> Result<TransferRequest, DecodeError> {
    Ok(TransferRequest::new(
        take_vote(reader)?,
        reader.u64()?,
        take_optional_log_id(reader)?,
    ))
}

pub(crate) fn encode_transfer_response(response: &TransferResponse) -> Bytes {
    let mut out = Vec::with_capacity(48);
    match response {
        Ok(()) => out.put_u8(OK),
        Err(TransferLeaderError::VoteChanged { expected, actual }) => {
            out.put_u8(HIGHER_VOTE);
            put_vote(&mut out, expected);
            put_vote(&mut out, actual);
        }
        Err(TransferLeaderError::LogNotFlushed { expected, actual }) => {
            out.put_u8(NOT_FLUSHED);
            put_optional_log_id(&mut out, expected.as_ref());
            put_optional_log_id(&mut out, actual.as_ref());
        }
    }
    out.into()
}

pub(crate) fn decode_transfer_response(bytes: Bytes) -> Result<TransferResponse, DecodeError> {
    let mut reader = Reader::new("transfer response", bytes);
    let response = match reader.u8()? {
        OK => Ok(()),
        HIGHER_VOTE => Err(TransferLeaderError::VoteChanged {
            expected: take_vote(&mut reader)?,
            actual: take_vote(&mut reader)?,
        }),
        NOT_FLUSHED => Err(TransferLeaderError::LogNotFlushed {
            expected: take_optional_log_id(&mut reader)?,
            actual: take_optional_log_id(&mut reader)?,
        }),
        other => return Err(reader.unknown(other)),
    };
    reader.finish()?;
    Ok(response)
}

/// Opens a snapshot: the leader's vote, then the position the snapshot stands at.
pub(crate) fn put_snapshot_head(out: &mut Vec<u8>, vote: &Vote, position: &Position) {
    put_vote(out, vote);
    out.extend_from_slice(&position.encode());
}

pub(crate) fn take_snapshot_head(mut reader: Reader) -> Result<(Vote, Position), DecodeError> {
    let vote = take_vote(&mut reader)?;
    Ok((vote, Position::decode(reader.into_rest())?))
}
