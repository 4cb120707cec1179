//! Buffers that decompressed requests take turns in.
//!
//! A request of 2,000 samples decompresses to half a megabyte. Taken anew each time, that is memory to be
//! cleared, mapped and given back, which costs more than parsing what is in it.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use parking_lot::Mutex;

/// Buffers kept while nobody uses them.
const MAX_IDLE: usize = 8;
/// What has grown beyond this is not kept, so that a few huge requests do not hold memory for good.
const MAX_IDLE_BYTES: usize = 1 << 20;

/// Handles share the buffers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buffers {
    idle: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Buffers {
    /// A buffer of this length. What it holds is unspecified: bytes of earlier requests, or zeros.
    pub(crate) fn take(&self, len: usize) -> Buffer {
        let mut bytes = self.idle.lock().pop().unwrap_or_default();
        if bytes.len() < len {
            // All of it is overwritten, so what is there is not worth copying.
            bytes.clear();
            bytes.resize(len, 0);
        }
        Buffer {
            bytes,
            len,
            pool: self.clone(),
        }
    }
}

/// Goes back when dropped.
#[derive(Debug)]
pub(crate) struct Buffer {
    /// At least `len` long.
    bytes: Vec<u8>,
    len: usize,
    pool: Buffers,
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.bytes.capacity() <= MAX_IDLE_BYTES {
            let mut idle = self.pool.idle.lock();
            if idle.len() < MAX_IDLE {
                idle.push(std::mem::take(&mut self.bytes));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_take_turns() {
        let buffers = Buffers::default();
        let mut first = buffers.take(100);
        first.fill(7);
        let place = first.as_ptr();
        drop(first);
        let second = buffers.take(50);
        assert_eq!((second.len(), second.as_ptr()), (50, place));
        assert_ne!(buffers.take(10).as_ptr(), place, "it is in use");
        drop(second);
        drop(buffers.take(MAX_IDLE_BYTES + 1));
        let held: Vec<Buffer> = (0..MAX_IDLE + 3).map(|_| buffers.take(1)).collect();
        drop(held);
        let idle = buffers.idle.lock();
        assert_eq!(idle.len(), MAX_IDLE);
        assert!(idle.iter().all(|bytes| bytes.capacity() <= MAX_IDLE_BYTES));
    }
}
