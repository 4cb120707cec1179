//! Bytes of the log, of positions and of peer messages. Everything is versioned, fixed little-endian,
//! and decoded with bounds: bad bytes give a [`DecodeError`].

mod entry;
mod membership;
mod reader;
mod values;

pub(crate) use entry::{decode_entry, encode_entry, encoded_bytes, put_entry, take_entry};
pub(crate) use membership::{put_membership, put_stored_membership, take_membership, take_stored_membership};
pub(crate) use reader::{DecodeError, Reader};
pub(crate) use values::{
    decode_log_id, decode_vote, encode_log_id, encode_vote, put_log_id, put_optional_log_id, put_vote,
    take_log_id, take_optional_log_id, take_vote,
};
