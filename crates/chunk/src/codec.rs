//! Codecs of sealed chunks: one column of times or values each.

pub(crate) mod decimal;
pub(crate) mod pcodec;
pub(crate) mod scale;
pub(crate) mod times;
pub(crate) mod xor;
