//! Any bytes as a chunk: an error, or samples that survive being sealed again, start times and all. Then the bytes as
//! samples.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vigie_chunk::{ChunkInfo, OpenChunk, StartRuns, decode_into, decode_with_starts_into, merge, reseal, seal};

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
    if let (Ok(started), Ok(sealed)) = (started(data), reseal(data)) {
        assert_eq!(self::started(&sealed), Ok(started));
    }
    if let Ok((open, starts)) = OpenChunk::from_bytes_with_starts(data) {
        let mut written = Vec::new();
        open.write_with_starts(&starts, &mut written);
        assert_eq!(started(&written).ok(), started(data).ok());
    }

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
    let mut starts = StartRuns::default();
    for (position, (time_ms, value)) in samples.into_iter().enumerate() {
        if open.append(time_ms, value).is_err() {
            return;
        }
        starts.push(position, value as i64 % 3);
    }
    assert_eq!(bits(&open.to_bytes()), expected);
    let mut with_starts = Vec::new();
    open.write_with_starts(&starts, &mut with_starts);
    assert_eq!(bits(&with_starts), expected);
    let expected_starts = values.iter().map(|value| *value as i64 % 3).collect();
    assert_eq!(started(&with_starts), Ok((bits(&with_starts).unwrap(), expected_starts)));
    let merged = merge(&[open.to_bytes(), sealed], usize::MAX).expect("what was written is read");
    assert_eq!(bits(&merged[0]), expected);
});

type Bits = (Vec<i64>, Vec<u64>);

fn bits(chunk: &[u8]) -> Result<Bits, vigie_chunk::ChunkError> {
    let (mut times_ms, mut values) = (Vec::new(), Vec::new());
    decode_into(chunk, &mut times_ms, &mut values)?;
    Ok((times_ms, to_bits(&values)))
}

/// With the start time of each.
fn started(chunk: &[u8]) -> Result<(Bits, Vec<i64>), vigie_chunk::ChunkError> {
    let (mut times_ms, mut values, mut starts_ms) = (Vec::new(), Vec::new(), Vec::new());
    decode_with_starts_into(chunk, &mut times_ms, &mut values, &mut starts_ms)?;
    assert!(starts_ms.len() <= times_ms.len());
    starts_ms.resize(times_ms.len(), 0);
    Ok(((times_ms, to_bits(&values)), starts_ms))
}

fn to_bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}
