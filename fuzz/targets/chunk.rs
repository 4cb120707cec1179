//! Any bytes as a chunk: an error, or samples that survive being sealed again. Then the bytes as samples.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vigie_chunk::{ChunkInfo, OpenChunk, decode_into, merge, reseal, seal};

fuzz_target!(|data: &[u8]| {
    let (mut times_ms, mut values) = (Vec::new(), Vec::new());
    if decode_into(data, &mut times_ms, &mut values).is_ok() {
        assert_eq!(times_ms.len(), values.len());
        if let Ok(info) = ChunkInfo::read(data) {
            assert_eq!(info.count as usize, times_ms.len());
        }
        if let Ok(sealed) = reseal(data) {
            assert_eq!(bits(&sealed), Ok((times_ms, to_bits(&values))));
        }
    }
    let _ = OpenChunk::from_bytes(data);

    // Nine bytes a sample: one for the time, eight for the value.
    let mut samples: Vec<(i64, f64)> = Vec::new();
    for sample in data.chunks_exact(9) {
        let value = f64::from_bits(u64::from_le_bytes(sample[1..].try_into().unwrap_or_default()));
        let step = 1i64 << (sample[0] % 40);
        samples.push((samples.last().map_or(0, |(time_ms, _)| time_ms + step), value));
    }
    if samples.is_empty() {
        return;
    }
    let (times_ms, values): (Vec<i64>, Vec<f64>) = samples.iter().copied().unzip();
    let expected = Ok((times_ms.clone(), to_bits(&values)));
    let sealed = seal(&times_ms, &values).expect("ascending samples can be sealed");
    assert_eq!(bits(&sealed), expected);
    let mut open = OpenChunk::new();
    for (time_ms, value) in samples {
        if open.append(time_ms, value).is_err() {
            return;
        }
    }
    assert_eq!(bits(&open.to_bytes()), expected);
    let merged = merge(&[open.to_bytes(), sealed], usize::MAX).expect("what was written is read");
    assert_eq!(bits(&merged[0]), expected);
});

type Bits = (Vec<i64>, Vec<u64>);

fn bits(chunk: &[u8]) -> Result<Bits, vigie_chunk::ChunkError> {
    let (mut times_ms, mut values) = (Vec::new(), Vec::new());
    decode_into(chunk, &mut times_ms, &mut values)?;
    Ok((times_ms, to_bits(&values)))
}

fn to_bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}
