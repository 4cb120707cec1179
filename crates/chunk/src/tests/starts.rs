//! Chunks with start times: the floats are those of chunks without, and each has its start time.

use super::*;

/// Time, bits, and when the value began to count.
type Started = (i64, u64, i64);

fn decoded_started(bytes: &[u8]) -> Result<Vec<Started>, ChunkError> {
    let (mut times, mut values, mut starts) = (vec![7], vec![7.0], vec![7]);
    let outcome = decode_with_starts_into(bytes, &mut times, &mut values, &mut starts);
    if outcome.is_err() {
        assert_eq!(
            (times.len(), values.len(), &starts[..]),
            (1, 1, &[7][..]),
            "an error leaves nothing behind"
        );
    }
    outcome?;
    assert!(starts.len() == 1 || starts.len() == times.len());
    starts.resize(times.len(), 0);
    let samples = times.into_iter().zip(values).zip(starts).skip(1);
    Ok(samples
        .map(|((time, value), start)| (time, value.to_bits(), start))
        .collect())
}

/// Writes the samples as an open chunk, saved and restored in the middle, and as a sealed one, and reads both
/// back, with their start times and without.
fn check_started(samples: &[Started]) -> (Vec<u8>, Vec<u8>) {
    let mut open = OpenChunk::new();
    let mut starts = StartRuns::default();
    let written = |open: &OpenChunk, starts: &StartRuns| {
        let mut bytes = Vec::new();
        open.write_with_starts(starts, &mut bytes);
        bytes
    };
    for (at, &(time, bits, start)) in samples.iter().enumerate() {
        open.append(time, f64::from_bits(bits)).unwrap();
        starts.push(at, start);
        if at == samples.len() / 2 {
            let bytes = written(&open, &starts);
            let restored = OpenChunk::from_bytes_with_starts(&bytes).unwrap();
            assert_eq!(written(&restored.0, &restored.1), bytes);
            (open, starts) = restored;
        }
    }
    let without: Samples = samples.iter().map(|sample| (sample.0, sample.1)).collect();
    let times: Vec<i64> = samples.iter().map(|sample| sample.0).collect();
    let values: Vec<f64> = samples.iter().map(|sample| f64::from_bits(sample.1)).collect();
    let starts_ms: Vec<i64> = samples.iter().map(|sample| sample.2).collect();
    let sealed = seal_with_starts(&times, &values, &starts_ms).unwrap();
    let open = written(&open, &starts);
    for bytes in [&open, &sealed] {
        assert_eq!(decoded_started(bytes).unwrap(), samples);
        assert_eq!(decoded(bytes).unwrap(), without);
        let info = ChunkInfo {
            values: ChunkValues::Floats,
            count: samples.len() as u32,
            min_time_ms: times[0],
            max_time_ms: times[times.len() - 1],
        };
        assert_eq!(ChunkInfo::read(bytes), Ok(info));
    }
    assert_eq!(reseal(&open).unwrap(), sealed);
    (open, sealed)
}

#[test]
fn chunks_without_start_times_are_as_they_were() {
    let samples = every_15s(50, |at| at as f64 * 0.5);
    let started: Vec<Started> = samples.iter().map(|&(time, bits)| (time, bits, 0)).collect();
    assert_eq!(check_started(&started), check(&samples));
}

#[test]
fn a_start_time_that_stays_costs_next_to_nothing() {
    let samples = every_15s(480, |at| (at * 5 + noise(at) as usize % 3) as f64);
    let (open, sealed) = check(&samples);
    let counter: Vec<Started> = samples.iter().map(|s| (s.0, s.1, samples[0].0 - 999)).collect();
    let (open_started, sealed_started) = check_started(&counter);
    assert!(open_started.len() <= open.len() + 12);
    assert!(sealed_started.len() <= sealed.len() + 12);
    // A delta counts from the sample before it.
    let delta: Vec<Started> = samples.iter().map(|s| (s.0, s.1, s.0 - 15_000)).collect();
    let (_, sealed_delta) = check_started(&delta);
    assert!(sealed_delta.len() <= sealed.len() + 24);
}

#[test]
fn hostile_start_times_survive() {
    let starts = [0, 1, -1, i64::MIN, i64::MAX, 0, i64::MIN, i64::MIN, 5, 5, 0, 0, 6];
    let samples: Vec<Started> = (0..)
        .zip(starts)
        .map(|(at, start)| (at * 1000, 3, start))
        .collect();
    check_started(&samples);
    check_started(&samples[4..5]);
    let full = every_15s(MAX_CHUNK_SAMPLES, |at| (at / 1000) as f64);
    let full: Vec<Started> = full.iter().map(|s| (s.0, s.1, 1 + s.0 % 7)).collect();
    check_started(&full);
}

#[test]
fn start_times_that_cannot_be_are_not_noted() {
    let mut starts = StartRuns::default();
    starts.push(3, 0);
    starts.push(MAX_CHUNK_SAMPLES, 5);
    assert!(starts.is_empty() && starts.heap_bytes() == 0);
    starts.push(3, 5);
    let one = starts.clone();
    starts.push(3, 6);
    starts.push(2, 6);
    assert_eq!(starts, one);
    assert_eq!(
        seal_with_starts(&[1, 2], &[0.0, 0.0], &[1]),
        Err(SealError::LengthMismatch)
    );
}

#[test]
fn chunks_with_and_without_start_times_merge() {
    let first = [(1000, 1, 500), (2000, 2, 500)];
    let (third, plain) = ([(5000, 5, 0), (6000, 6, 900)], [(3000, 3), (4000, 4)]);
    let (first_open, first_sealed) = check_started(&first);
    let parts = [check_started(&third).1, check(&plain).0, first_open, first_sealed];
    let whole = [&first[..], &[(3000, 3, 0), (4000, 4, 0)], &third].concat();
    assert_eq!(
        merge(&parts, MAX_CHUNK_SAMPLES),
        Ok(vec![check_started(&whole).1])
    );
    let samples = read_series(&parts).unwrap();
    assert_eq!(samples.starts_ms, [500, 500, 0, 0, 0, 900]);
    // Split where the start times end, the second half has nothing of them.
    let halves = merge(&[check_started(&whole[..4]).1], 2).unwrap();
    assert_eq!(halves, [check_started(&first).1, check(&plain).1]);
}

#[test]
fn damage_to_start_times_is_noticed() {
    let (open, sealed) = check_started(&[(1000, 1, 500), (2000, 2, 500), (3000, 3, 2500)]);
    for bytes in [open, sealed] {
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(decoded_started(&damaged).is_err(), "byte {at}");
            assert!(decoded_started(&bytes[..at]).is_err(), "cut at {at}");
        }
    }
    // Runs of an open chunk of one sample, with a right checksum.
    for runs in [
        &[0][..],               // none
        &[1, 0, 1, 0],          // of time 0
        &[1, 0, 0, 2],          // of no sample
        &[1, 1, 1, 2],          // beyond the last
        &[1, 0, 2, 2],          // beyond the last
        &[2, 0, 1, 2],          // cut short
        &[1, 0, 1, 2, 0],       // too long
        &[2, 0, 1, 2, 0, 1, 2], // two of one sample
        &[1, 0x80, 0x80, 4, 1, 2],
    ] {
        let (plain, _) = check(&[(1000, 1)]);
        let mut bytes = vec![
            frame::Kind::OpenWithStarts as u8,
            frame::VERSION,
            runs.len() as u8,
        ];
        bytes.extend_from_slice(runs);
        bytes.extend_from_slice(&plain[2..plain.len() - 4]);
        let bytes = finished(bytes);
        assert_eq!(decoded(&bytes), Ok(vec![(1000, 1)]));
        assert!(decoded_started(&bytes).is_err(), "{runs:?}");
        assert!(OpenChunk::from_bytes_with_starts(&bytes).is_err(), "{runs:?}");
    }
}

/// The bytes of docs/formats/chunk.md. A change here is a new version of the format.
#[test]
fn the_format_is_the_documented_one() {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let (open, sealed) = check_started(&[
        (1000, 1.0f64.to_bits(), 500),
        (2000, 2.0f64.to_bits(), 500),
        (3000, 3.0f64.to_bits(), 500),
        (4000, 1.0f64.to_bits(), 3500),
        (5000, vigie_model::STALE_NAN_BITS, 0),
    ]);
    assert_eq!(hex(&open), GOLDEN_OPEN);
    assert_eq!(hex(&sealed), GOLDEN_SEALED);
}

const GOLDEN_OPEN: &str =
    "050109020003e8070001f02e000005904ee807020000000000f07fd00f0989e807090a1f02000000000000406c25a70e";
const GOLDEN_SEALED: &str =
    "06010b01f403000203f02e01d736000105d00fa01f000104020000000000f07f010202003a28dc7489";

fn any_started() -> impl Strategy<Value = Vec<Started>> {
    let start = prop_oneof![
        Just(None),
        Just(Some(0)),
        (0i64..3).prop_map(Some),
        any::<i64>().prop_map(Some)
    ];
    (any_samples(), prop::collection::vec(start, 320)).prop_map(|(samples, starts)| {
        let mut before = 0;
        let started = samples.into_iter().zip(starts).map(|((time, bits), start)| {
            before = start.unwrap_or(before);
            (time, bits, before)
        });
        started.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_start_times_survive(samples in any_started()) {
        check_started(&samples);
    }

    #[test]
    fn merging_parts_with_start_times_is_sealing_the_whole(
        samples in any_started(),
        cuts in prop::collection::vec((1usize..40, any::<bool>()), 1..40),
        rotation in any::<prop::sample::Index>(),
    ) {
        let (_, whole) = check_started(&samples);
        let (mut parts, mut rest) = (Vec::new(), samples.as_slice());
        for (length, take_open) in cuts.into_iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (part, after) = rest.split_at(length.min(rest.len()));
            let (open, sealed) = check_started(part);
            parts.push(if take_open { open } else { sealed });
            rest = after;
        }
        let at = rotation.index(parts.len());
        parts.rotate_left(at);
        parts.push(whole.clone());
        prop_assert_eq!(merge(&parts, MAX_CHUNK_SAMPLES), Ok(vec![whole]));
    }

    #[test]
    fn damaged_start_times_never_panic(
        samples in any_started(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (open, sealed) = check_started(&samples);
        for mut bytes in [open, sealed] {
            for (index, value) in &damage {
                // Where the start times are, if there are any.
                let at = index.index(bytes.len().min(40));
                bytes[at] = *value;
            }
            let bytes = with_checksum(bytes);
            if let Ok(samples) = decoded_started(&bytes) {
                prop_assert!(samples.len() <= MAX_CHUNK_SAMPLES);
            }
            let _ = (decoded(&bytes), ChunkInfo::read(&bytes), reseal(&bytes));
            if let Ok((mut chunk, mut starts)) = OpenChunk::from_bytes_with_starts(&bytes) {
                starts.push(chunk.len(), 5);
                let _ = chunk.append(i64::MAX, 1.5);
            }
        }
    }
}
