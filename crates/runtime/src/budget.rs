//! Bounds on bytes in flight.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number of bytes that may be held at once. Clones share it.
///
/// Taking from it never waits: a server that is full says so before it does any work, and its
/// clients come back later.
#[derive(Debug, Clone)]
pub struct ByteBudget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limit_bytes: u64,
    held_bytes: AtomicU64,
}

/// The right to hold some bytes, given back on drop.
#[derive(Debug)]
pub struct ByteLease {
    shared: Arc<Shared>,
    bytes: u64,
}

/// The budget is spent. Nothing was done; try again when others are through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{wanted_bytes} more bytes would exceed the {limit_bytes} bytes allowed in flight")]
pub struct Exhausted {
    pub wanted_bytes: u64,
    pub limit_bytes: u64,
}

impl ByteBudget {
    pub fn new(limit_bytes: u64) -> ByteBudget {
        ByteBudget {
            shared: Arc::new(Shared {
                limit_bytes,
                held_bytes: AtomicU64::new(0),
            }),
        }
    }

    pub fn try_lease(&self, bytes: u64) -> Result<ByteLease, Exhausted> {
        let limit_bytes = self.shared.limit_bytes;
        self.shared
            .held_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
                held.checked_add(bytes).filter(|&sum| sum <= limit_bytes)
            })
            .map_err(|_| Exhausted {
                wanted_bytes: bytes,
                limit_bytes,
            })?;
        Ok(ByteLease {
            shared: Arc::clone(&self.shared),
            bytes,
        })
    }

    pub fn held_bytes(&self) -> u64 {
        self.shared.held_bytes.load(Ordering::Relaxed)
    }
}

impl Drop for ByteLease {
    fn drop(&mut self) {
        self.shared.held_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_come_back_on_drop() {
        let budget = ByteBudget::new(10);
        let first = budget.try_lease(7).unwrap();
        assert_eq!(
            budget.try_lease(4).unwrap_err(),
            Exhausted {
                wanted_bytes: 4,
                limit_bytes: 10
            }
        );
        let second = budget.try_lease(3).unwrap();
        drop(first);
        assert_eq!(budget.held_bytes(), 3);
        drop(second);
        assert_eq!(budget.held_bytes(), 0);
        assert!(budget.try_lease(u64::MAX).is_err());
    }
}
