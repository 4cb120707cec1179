use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// Log indices that a running snapshot transfer will continue from: purging beyond one would make its
/// receiver need another snapshot at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct SnapshotFloors {
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    next_token: u64,
    floors: BTreeMap<u64, u64>,
}

/// Releases its floor when dropped.
#[derive(Debug)]
pub(crate) struct HeldFloor {
    floors: SnapshotFloors,
    token: u64,
}

impl SnapshotFloors {
    pub(crate) fn hold(&self, index: u64) -> HeldFloor {
        let mut held = self.held.lock();
        let token = held.next_token;
        held.next_token += 1;
        held.floors.insert(token, index);
        HeldFloor {
            floors: self.clone(),
            token,
        }
    }

    /// The lowest index held.
    pub(crate) fn lowest(&self) -> Option<u64> {
        self.held.lock().floors.values().min().copied()
    }
}

impl Drop for HeldFloor {
    fn drop(&mut self) {
        self.floors.held.lock().floors.remove(&self.token);
    }
}
