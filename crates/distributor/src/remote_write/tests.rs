use proptest::prelude::*;
use vigie_model::TenantId;

use super::*;

/// A length-delimited field, encoded by hand, so that malformed messages can be written too.
pub(super) fn bytes_field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    vigie_model::write_uvarint(&mut field, content.len() as u64);
    field.extend_from_slice(content);
    field
}

/// Field 2 of a `TimeSeries`: the same in both versions.
pub(super) fn sample(timestamp_ms: i64, value: f64) -> Vec<u8> {
    let mut message = vec![1 << 3 | 1];
    message.extend_from_slice(&value.to_bits().to_le_bytes());
    message.push(2 << 3);
    vigie_model::write_uvarint(&mut message, timestamp_ms.cast_unsigned());
    bytes_field(2, &message)
}

pub(super) fn tenant() -> TenantId {
    TenantId::new("test").unwrap()
}

fn decompressed(body: &[u8], limit_bytes: usize) -> Result<Vec<u8>, WriteError> {
    let buffers = Buffers::default();
    // What an earlier request left must not show.
    buffers.take(2000).fill(9);
    decompress(body, limit_bytes, &buffers).map(|decoded| decoded.to_vec())
}

#[test]
fn a_bomb_is_refused_before_memory_is_taken() {
    // The preamble claims 4 GiB.
    assert_eq!(
        decompressed(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0], 1 << 20),
        Err(WriteError::TooLarge {
            decoded_bytes: u64::from(u32::MAX),
            limit_bytes: 1 << 20
        })
    );
    let compressed = snap::raw::Encoder::new().compress_vec(&[7; 1000]).unwrap();
    assert_eq!(decompressed(&compressed, 1000).unwrap(), [7; 1000]);
    assert!(matches!(
        decompressed(&compressed[..20], 1000),
        Err(WriteError::Malformed(_))
    ));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decompressed(&bytes, 1 << 16);
    }
}
