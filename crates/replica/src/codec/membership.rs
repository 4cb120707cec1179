use std::collections::{BTreeMap, BTreeSet};

use bytes::BufMut;

use super::{DecodeError, Reader, put_optional_log_id, take_optional_log_id};
use crate::raft_types::{MachineId, Membership, StoredMembership};

/// The joint configurations (each a list of replica ids), then every replica with its machine.
pub(crate) fn put_membership(out: &mut Vec<u8>, membership: &Membership) {
    let configs = membership.get_joint_config();
    put_count(out, configs.len());
    for config in configs {
        put_count(out, config.len());
        for replica in config {
            out.put_u64_le(*replica);
        }
    }
    put_count(out, membership.nodes().count());
    for (replica, machine) in membership.nodes() {
        out.put_u64_le(*replica);
        out.put_u64_le(machine.0);
    }
}

pub(crate) fn take_membership(reader: &mut Reader) -> Result<Membership, DecodeError> {
    let mut configs = Vec::new();
    for _ in 0..reader.count(4)? {
        let mut config = BTreeSet::new();
        for _ in 0..reader.count(8)? {
            config.insert(reader.u64()?);
        }
        configs.push(config);
    }
    let mut machines = BTreeMap::new();
    for _ in 0..reader.count(16)? {
        machines.insert(reader.u64()?, MachineId(reader.u64()?));
    }
    if configs.is_empty() && machines.is_empty() {
        return Ok(Membership::default());
    }
    Membership::new(configs, machines).map_err(|_| DecodeError::Inconsistent { what: reader.what() })
}

pub(crate) fn put_stored_membership(out: &mut Vec<u8>, stored: &StoredMembership) {
    put_optional_log_id(out, stored.log_id().as_ref());
    put_membership(out, stored.membership());
}

pub(crate) fn take_stored_membership(reader: &mut Reader) -> Result<StoredMembership, DecodeError> {
    let log_id = take_optional_log_id(reader)?;
    Ok(StoredMembership::new(log_id, take_membership(reader)?))
}

/// Members are counted in tens; a count that overflows cannot be built.
fn put_count(out: &mut Vec<u8>, count: usize) {
    out.put_u32_le(u32::try_from(count).unwrap_or(u32::MAX));
}
