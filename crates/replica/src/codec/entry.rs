//! Log entries. The layout is described in docs/formats/raft-entry.md.

use bytes::{BufMut, Bytes};

use super::{DecodeError, Reader, put_membership, take_membership};
use crate::command::Command;
use crate::raft_types::{Entry, Payload, log_id};

const VERSION: u8 = 1;
/// Version, kind, term.
const HEADER_BYTES: usize = 10;

const BLANK: u8 = 0;
const NORMAL: u8 = 1;
const MEMBERSHIP: u8 = 2;

/// The bytes of one entry as the log keeps them under its index. The command is copied once.
pub(crate) fn encode_entry(entry: &Entry) -> Bytes {
    let mut out = Vec::with_capacity(encoded_bytes(entry));
    put_body(&mut out, entry);
    out.into()
}

/// The entry stored under `index`; its command shares `bytes`.
pub(crate) fn decode_entry(index: u64, bytes: Bytes) -> Result<Entry, DecodeError> {
    let mut reader = Reader::new("log entry", bytes);
    match reader.u8()? {
        VERSION => {}
        other => return Err(reader.unknown(other)),
    }
    let kind = reader.u8()?;
    let log_id = log_id(reader.u64()?, index);
    let payload = match kind {
        BLANK => {
            reader.finish()?;
            Payload::Blank
        }
        NORMAL => Payload::Normal(Command::unleased(reader.into_rest())),
        MEMBERSHIP => {
            let membership = take_membership(&mut reader)?;
            reader.finish()?;
            Payload::Membership(membership)
        }
        other => return Err(reader.unknown(other)),
    };
    Ok(Entry { log_id, payload })
}

/// An entry inside a message: index, length, then the bytes the log keeps.
pub(crate) fn put_entry(out: &mut Vec<u8>, entry: &Entry) {
    out.put_u64_le(entry.log_id.index);
    let length_at = out.len();
    out.put_u32_le(0);
    put_body(out, entry);
    // Far below 4 GiB: admission bounds an entry's bytes.
    let length = u32::try_from(out.len() - length_at - 4).unwrap_or(u32::MAX);
    out[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
}

pub(crate) fn take_entry(reader: &mut Reader) -> Result<Entry, DecodeError> {
    let index = reader.u64()?;
    let length = reader.u32()? as usize;
    decode_entry(index, reader.bytes(length)?)
}

/// About what an entry takes, for sizing a buffer.
pub(crate) fn encoded_bytes(entry: &Entry) -> usize {
    HEADER_BYTES
        + match &entry.payload {
            Payload::Blank => 0,
            Payload::Normal(command) => command.bytes.len(),
            Payload::Membership(_) => 256,
        }
}

fn put_body(out: &mut Vec<u8>, entry: &Entry) {
    let kind = match &entry.payload {
        Payload::Blank => BLANK,
        Payload::Normal(_) => NORMAL,
        Payload::Membership(_) => MEMBERSHIP,
    };
    out.put_u8(VERSION);
    out.put_u8(kind);
    out.put_u64_le(entry.log_id.leader_id.term);
    match &entry.payload {
        Payload::Blank => {}
        Payload::Normal(command) => out.extend_from_slice(&command.bytes),
        Payload::Membership(membership) => put_membership(out, membership),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::raft_types::{MachineId, Membership};

    fn payloads() -> impl Strategy<Value = Payload> {
        prop_oneof![
            Just(Payload::Blank),
            any::<Vec<u8>>().prop_map(|bytes| Payload::Normal(Command::unleased(bytes.into()))),
            proptest::collection::btree_set(any::<u64>(), 1..5).prop_map(|voters: BTreeSet<u64>| {
                let machines: BTreeMap<u64, MachineId> =
                    voters.iter().map(|id| (*id, MachineId(id / 2))).collect();
                Payload::Membership(Membership::new(vec![voters], machines).unwrap())
            }),
        ]
    }

    proptest! {
        #[test]
        fn entries_come_back(term: u64, index: u64, payload in payloads()) {
            let entry = Entry { log_id: log_id(term, index), payload };
            let encoded = encode_entry(&entry);
            let decoded = decode_entry(index, encoded.clone()).unwrap();
            prop_assert_eq!(decoded.log_id, entry.log_id);
            prop_assert_eq!(encode_entry(&decoded), encoded);

            let mut message = Vec::new();
            put_entry(&mut message, &entry);
            let mut reader = Reader::new("test", message.into());
            let taken = take_entry(&mut reader).unwrap();
            prop_assert_eq!(reader.finish(), Ok(()));
            prop_assert_eq!(taken.log_id, entry.log_id);
        }

        #[test]
        fn any_bytes_decode_or_fail(bytes: Vec<u8>) {
            let _ = decode_entry(1, bytes.clone().into());
            let mut membership = vec![VERSION, MEMBERSHIP, 0, 0, 0, 0, 0, 0, 0, 0];
            membership.extend_from_slice(&bytes);
            let _ = decode_entry(1, membership.into());
        }
    }

    #[test]
    fn a_command_shares_the_buffer_it_was_read_from() {
        let command = Command::unleased(Bytes::from(vec![7; 1000]));
        let stored = encode_entry(&Entry {
            log_id: log_id(1, 2),
            payload: Payload::Normal(command),
        });
        let Payload::Normal(read) = decode_entry(2, stored.clone()).unwrap().payload else {
            panic!()
        };
        assert_eq!(read.bytes.as_ptr(), stored[HEADER_BYTES..].as_ptr());
    }
}
