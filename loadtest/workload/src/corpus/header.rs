//! The file that says what a corpus holds.

use crate::corpus::CorpusError;
use crate::workload::{GENERATOR, Workload};

pub(super) const FILE: &str = "corpus";
const MAGIC: &[u8; 8] = b"VGCORPUS";
const VERSION: u32 = 1;

/// What there is of a sender's, or of all senders'.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CorpusTotals {
    pub requests: u64,
    /// Samples and native histograms.
    pub samples: u64,
    /// Different ones over the whole time, both HA replicas' counted.
    pub series: u64,
    /// Compressed.
    pub body_bytes: u64,
    pub file_bytes: u64,
}

impl CorpusTotals {
    /// Senders share no series, so everything adds up.
    pub(super) fn plus(&self, other: &Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            samples: self.samples + other.samples,
            series: self.series + other.series,
            body_bytes: self.body_bytes + other.body_bytes,
            file_bytes: self.file_bytes + other.file_bytes,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    generator: u32,
    seed: u64,
    inputs_hash: u64,
    /// Compared as text: numbers read back from text might differ in their last bit.
    spec_json: String,
    pub(super) senders: Vec<CorpusTotals>,
}

impl Header {
    /// Of a corpus without senders yet.
    pub(super) fn new(workload: &Workload) -> Result<Self, CorpusError> {
        Ok(Self {
            generator: GENERATOR,
            seed: workload.seed(),
            inputs_hash: workload.inputs_hash(),
            spec_json: serde_json::to_string(workload.spec())?,
            senders: Vec::new(),
        })
    }

    /// What makes it a header of other requests, if anything.
    pub(super) fn differs_from(&self, other: &Self) -> Option<&'static str> {
        if self.spec_json != other.spec_json {
            Some("specification")
        } else if self.seed != other.seed {
            Some("seed")
        } else if self.generator != other.generator {
            Some("version of the generator")
        } else if self.inputs_hash != other.inputs_hash {
            Some("content of the files that its specification names")
        } else {
            None
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.spec_json.len() + 40 * self.senders.len());
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.generator.to_le_bytes());
        out.extend_from_slice(&self.seed.to_le_bytes());
        out.extend_from_slice(&self.inputs_hash.to_le_bytes());
        out.extend_from_slice(&(self.spec_json.len() as u32).to_le_bytes());
        out.extend_from_slice(self.spec_json.as_bytes());
        out.extend_from_slice(&(self.senders.len() as u32).to_le_bytes());
        for own in &self.senders {
            for field in [
                own.requests,
                own.samples,
                own.series,
                own.body_bytes,
                own.file_bytes,
            ] {
                out.extend_from_slice(&field.to_le_bytes());
            }
        }
        out.extend_from_slice(&crc32c::crc32c(&out).to_le_bytes());
        out
    }

    /// The error says what is wrong.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let (content, checksum) = bytes.split_last_chunk::<4>().ok_or("it is too short")?;
        let mut rest = content;
        if take::<8>(&mut rest)? != *MAGIC {
            return Err("it does not begin as a corpus does".into());
        }
        let version = take_u32(&mut rest)?;
        if version != VERSION {
            return Err(format!(
                "it has version {version} of the format; {VERSION} is known"
            ));
        }
        if crc32c::crc32c(content) != u32::from_le_bytes(*checksum) {
            return Err("wrong checksum".into());
        }
        let generator = take_u32(&mut rest)?;
        let seed = take_u64(&mut rest)?;
        let inputs_hash = take_u64(&mut rest)?;
        let length = take_u32(&mut rest)? as usize;
        let (spec, after) = rest
            .split_at_checked(length)
            .ok_or("the specification is cut off")?;
        rest = after;
        let spec_json = String::from_utf8(spec.to_vec()).map_err(|error| error.to_string())?;
        let count = take_u32(&mut rest)?;
        let mut senders = Vec::new();
        for _ in 0..count {
            senders.push(CorpusTotals {
                requests: take_u64(&mut rest)?,
                samples: take_u64(&mut rest)?,
                series: take_u64(&mut rest)?,
                body_bytes: take_u64(&mut rest)?,
                file_bytes: take_u64(&mut rest)?,
            });
        }
        if !rest.is_empty() {
            return Err(format!("{} bytes too many", rest.len()));
        }
        Ok(Self {
            generator,
            seed,
            inputs_hash,
            spec_json,
            senders,
        })
    }
}

fn take<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], String> {
    let (head, rest) = input.split_first_chunk::<N>().ok_or("it is cut off")?;
    *input = rest;
    Ok(*head)
}

fn take_u32(input: &mut &[u8]) -> Result<u32, String> {
    take(input).map(u32::from_le_bytes)
}

fn take_u64(input: &mut &[u8]) -> Result<u64, String> {
    take(input).map(u64::from_le_bytes)
}
