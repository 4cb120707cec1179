//! The section of exemplars.

use vigie_model::{Exemplar, SeriesId, read_varint, write_uvarint, write_varint};

use super::decode::{BatchView, expect_end, take_bytes, take_uvarint};
use super::encode::write_bytes;
use super::{BatchEncoder, CorruptEntry, DeclaredIndex, TenantIndex};
use crate::index::are_labels;

/// Bits of a record's first number; the rest of it depends on how the series is named.
const FORM_BITS: u64 = 0b11;
const KNOWN: u64 = 0;
const DECLARED: u64 = 1;
const NAMED: u64 = 2;
const OWN_TIME_BIT: u64 = 0b100;
const SHIFT: u32 = 3;

/// How a batch names the series of an exemplar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExemplarSeries<'a> {
    Known(SeriesId),
    Declared(DeclaredIndex),
    /// By its packed labels, without declaring it: an exemplar never makes a series.
    Named(TenantIndex, &'a [u8]),
}

/// Exemplars as they are collected.
#[derive(Debug, Default)]
pub(super) struct ExemplarColumn {
    pub(super) bytes: Vec<u8>,
    pub(super) count: u32,
    last_time_ms: i64,
}

/// An exemplar as it stands in a batch.
#[derive(Debug)]
pub(crate) struct ExemplarView<'a> {
    pub(crate) series: ExemplarSeries<'a>,
    pub(crate) time_ms: i64,
    pub(crate) has_own_time: bool,
    pub(crate) value: f64,
    /// Valid; may be empty.
    pub(crate) packed_labels: &'a [u8],
}

impl BatchEncoder {
    /// Exemplars are numbered in the order they are pushed, by themselves.
    pub fn push_exemplar(&mut self, series: ExemplarSeries<'_>, exemplar: &Exemplar) {
        let column = &mut self.exemplars;
        column.count += 1;
        let (form, number) = match series {
            ExemplarSeries::Known(id) => (KNOWN, id.0),
            ExemplarSeries::Declared(index) => (DECLARED, index.0),
            ExemplarSeries::Named(tenant, _) => (NAMED, tenant.0),
        };
        let own_time = if exemplar.has_own_time { OWN_TIME_BIT } else { 0 };
        write_uvarint(&mut column.bytes, u64::from(number) << SHIFT | own_time | form);
        if let ExemplarSeries::Named(_, packed_labels) = series {
            write_bytes(&mut column.bytes, packed_labels);
        }
        let difference = exemplar.timestamp_ms.wrapping_sub(column.last_time_ms);
        write_varint(&mut column.bytes, difference);
        column.last_time_ms = exemplar.timestamp_ms;
        column
            .bytes
            .extend_from_slice(&exemplar.value.to_bits().to_le_bytes());
        write_bytes(&mut column.bytes, exemplar.labels.as_packed());
    }

    pub fn exemplar_count(&self) -> usize {
        self.exemplars.count as usize
    }
}

impl<'a> BatchView<'a> {
    pub(super) fn read_exemplars(&mut self, mut input: &'a [u8]) -> Result<(), CorruptEntry> {
        let mut time_ms = 0i64;
        for _ in 0..take_uvarint(&mut input)? {
            let tag = take_uvarint(&mut input)?;
            let number = u32::try_from(tag >> SHIFT)
                .map_err(|_| CorruptEntry::Inconsistent("series of an exemplar"))?;
            let series = self.exemplar_series(tag & FORM_BITS, number, &mut input)?;
            time_ms = time_ms.wrapping_add(read_varint(&mut input).ok_or(CorruptEntry::Truncated)?);
            let (bits, rest) = input.split_first_chunk::<8>().ok_or(CorruptEntry::Truncated)?;
            input = rest;
            let packed_labels = take_bytes(&mut input)?;
            if !packed_labels.is_empty() && !are_labels(packed_labels) {
                return Err(CorruptEntry::Labels);
            }
            self.exemplars.push(ExemplarView {
                series,
                time_ms,
                has_own_time: tag & OWN_TIME_BIT != 0,
                value: f64::from_bits(u64::from_le_bytes(*bits)),
                packed_labels,
            });
        }
        expect_end(input)
    }

    /// The tables the number points into come in sections before this one.
    fn exemplar_series(
        &self,
        form: u64,
        number: u32,
        input: &mut &'a [u8],
    ) -> Result<ExemplarSeries<'a>, CorruptEntry> {
        match form {
            KNOWN => Ok(ExemplarSeries::Known(SeriesId(number))),
            DECLARED if (number as usize) < self.declared.len() => {
                Ok(ExemplarSeries::Declared(DeclaredIndex(number)))
            }
            NAMED if (number as usize) < self.tenants.len() => {
                let packed_labels = take_bytes(input)?;
                if are_labels(packed_labels) {
                    Ok(ExemplarSeries::Named(TenantIndex(number), packed_labels))
                } else {
                    Err(CorruptEntry::Labels)
                }
            }
            _ => Err(CorruptEntry::Inconsistent("series of an exemplar")),
        }
    }
}

#[cfg(test)]
mod tests {
    use vigie_model::{Labels, ShardId, TenantId};

    use super::*;
    use crate::batch::{Stamp, encode_retain, stamp, verify};
    use crate::{ExemplarError, Head, HeadOptions};

    const NOW_MS: i64 = 1_700_000_000_000;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        Labels::from_pairs(pairs.iter().copied()).unwrap()
    }

    fn exemplar(id: &str, timestamp_ms: i64) -> Exemplar {
        Exemplar {
            labels: labels(&[("trace_id", id)]),
            value: 2.5,
            timestamp_ms,
            has_own_time: true,
        }
    }

    fn finish(encoder: BatchEncoder, max_exemplars: u32) -> Vec<u8> {
        let mut bytes = encoder.finish();
        let stamped = Stamp {
            proposed_at_ms: NOW_MS,
            max_exemplars,
            ..Stamp::default()
        };
        stamp(&mut bytes, stamped).unwrap();
        bytes
    }

    /// A declared series with a sample and an exemplar each in the three forms.
    fn batch(max_exemplars: u32) -> Vec<u8> {
        let mut encoder = BatchEncoder::new();
        let tenant = encoder.tenant(&TenantId::anonymous());
        let series = labels(&[("__name__", "up")]);
        let declared = encoder.declare(tenant, series.as_packed());
        encoder.push_declared(declared, NOW_MS, 1.0);
        encoder.push_exemplar(ExemplarSeries::Declared(declared), &exemplar("a", NOW_MS));
        encoder.push_exemplar(
            ExemplarSeries::Named(tenant, series.as_packed()),
            &exemplar("b", NOW_MS + 1),
        );
        encoder.push_exemplar(ExemplarSeries::Known(SeriesId(0)), &exemplar("c", NOW_MS - 1));
        let unknown = labels(&[("__name__", "down")]);
        encoder.push_exemplar(
            ExemplarSeries::Named(tenant, unknown.as_packed()),
            &exemplar("d", NOW_MS),
        );
        finish(encoder, max_exemplars)
    }

    fn kept(head: &Head) -> Vec<String> {
        head.exemplars(SeriesId(0), i64::MIN, i64::MAX)
            .map(|exemplar| exemplar.labels.get("trace_id").unwrap_or_default().to_owned())
            .collect()
    }

    #[test]
    fn exemplars_reach_the_head_and_survive_a_checkpoint() {
        let mut head = Head::new(HeadOptions::new(ShardId(0)));
        let outcome = head.apply(&batch(10)).unwrap();
        assert_eq!(
            outcome.rejected_exemplars,
            [(2, ExemplarError::OutOfOrder), (3, ExemplarError::UnknownSeries)]
        );
        assert_eq!(head.series_count(), 1, "an exemplar makes no series");
        let image = head.begin_checkpoint();
        let restored = Head::restore(&image.meta, image.new_series.iter(), image.heads.iter()).unwrap();
        assert_eq!(restored.digest(), head.digest());
        for mut head in [head, restored] {
            assert_eq!(kept(&head), ["a", "b"]);
            // The same batch again, though its leader now keeps more exemplars.
            let digest = head.digest();
            assert_eq!(head.apply(&batch(11)).unwrap().duplicates, 1);
            assert_eq!(head.digest(), digest);
            head.apply(&encode_retain(i64::MAX)).unwrap();
            assert_eq!(kept(&head), [""; 0]);
        }
    }

    #[test]
    fn the_leader_says_how_many_are_kept() {
        for (max_exemplars, expected) in [(0, &[][..]), (1, &["b"]), (2, &["a", "b"])] {
            let mut head = Head::new(HeadOptions::new(ShardId(0)));
            head.apply(&batch(max_exemplars)).unwrap();
            assert_eq!(kept(&head), expected);
        }
        let mut head = Head::new(HeadOptions::new(ShardId(0)));
        head.apply(&batch(10)).unwrap();
        let mut encoder = BatchEncoder::new();
        encoder.push_exemplar(ExemplarSeries::Known(SeriesId(0)), &exemplar("e", NOW_MS + 2));
        head.apply(&finish(encoder, 2)).unwrap();
        assert_eq!(kept(&head), ["b", "e"]);
    }

    /// The bytes of docs/formats/sample-batch.md.
    #[test]
    fn the_section_is_the_documented_one() {
        let mut encoder = BatchEncoder::new();
        let exemplar = Exemplar {
            labels: labels(&[("id", "a")]),
            value: 1.0,
            timestamp_ms: 1000,
            has_own_time: true,
        };
        encoder.push_exemplar(ExemplarSeries::Known(SeriesId(7)), &exemplar);
        let bytes = encoder.finish();
        assert_eq!(
            bytes[super::super::HEADER_BYTES..],
            *b"\x0a\x12\0\0\0\x01\x3c\xd0\x0f\0\0\0\0\0\0\xf0\x3f\x05\x02id\x01a"
        );
        assert_eq!(verify(&bytes), Ok(0));
    }

    #[test]
    fn damage_is_refused() {
        let good = batch(10);
        for at in super::super::HEADER_BYTES..good.len() {
            let mut damaged = good.clone();
            damaged[at] ^= 0x11;
            // A right checksum, so that what is behind it gets tested too.
            let checksum = crc32c::crc32c(&damaged[super::super::HEADER_BYTES..]);
            damaged[4..8].copy_from_slice(&checksum.to_le_bytes());
            let mut head = Head::new(HeadOptions::new(ShardId(0)));
            assert_eq!(
                head.apply(&damaged).is_ok(),
                verify(&damaged).is_ok(),
                "byte {at}"
            );
        }
    }
}
