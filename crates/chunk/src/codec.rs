//! Codecs of sealed chunks: one column of times, values or other numbers each.

pub(crate) mod column;
pub(crate) mod decimal;
pub(crate) mod pcodec;
pub(crate) mod scale;
pub(crate) mod times;
pub(crate) mod xor;
