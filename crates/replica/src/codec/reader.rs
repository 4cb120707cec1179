use bytes::{Buf, Bytes};

/// Why bytes were not what they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("{what} ends early")]
    Truncated { what: &'static str },
    #[error("{what} has unknown tag or version {tag}")]
    UnknownTag { what: &'static str, tag: u8 },
    #[error("{what} is followed by {count} stray bytes")]
    TrailingBytes { what: &'static str, count: usize },
    #[error("{what} is inconsistent")]
    Inconsistent { what: &'static str },
}

/// Takes values off the front of a buffer; `what` names the thing being read, for errors.
#[derive(Debug)]
pub(crate) struct Reader {
    rest: Bytes,
    what: &'static str,
}

impl Reader {
    pub(crate) fn new(what: &'static str, bytes: Bytes) -> Self {
        Self { rest: bytes, what }
    }

    pub(crate) fn what(&self) -> &'static str {
        self.what
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.need(1)?;
        Ok(self.rest.get_u8())
    }

    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        self.need(4)?;
        Ok(self.rest.get_u32_le())
    }

    pub(crate) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.need(8)?;
        Ok(self.rest.get_u64_le())
    }

    pub(crate) fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            tag => Err(self.unknown(tag)),
        }
    }

    /// The next `count` bytes, sharing the buffer.
    pub(crate) fn bytes(&mut self, count: usize) -> Result<Bytes, DecodeError> {
        self.need(count)?;
        Ok(self.rest.split_to(count))
    }

    /// A count of items of at least `item_bytes` each, refused when the buffer cannot hold them.
    pub(crate) fn count(&mut self, item_bytes: usize) -> Result<usize, DecodeError> {
        let count = self.u32()? as usize;
        match count.checked_mul(item_bytes) {
            Some(total) if total <= self.rest.len() => Ok(count),
            _ => Err(DecodeError::Truncated { what: self.what }),
        }
    }

    /// All that is left.
    pub(crate) fn into_rest(self) -> Bytes {
        self.rest
    }

    /// Ends the reading: nothing may be left.
    pub(crate) fn finish(self) -> Result<(), DecodeError> {
        self.end()
    }

    /// Checks that nothing is left.
    pub(crate) fn end(&self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            count => Err(DecodeError::TrailingBytes {
                what: self.what,
                count,
            }),
        }
    }

    pub(crate) fn unknown(&self, tag: u8) -> DecodeError {
        DecodeError::UnknownTag { what: self.what, tag }
    }

    fn need(&self, count: usize) -> Result<(), DecodeError> {
        if self.rest.len() < count {
            Err(DecodeError::Truncated { what: self.what })
        } else {
            Ok(())
        }
    }
}
