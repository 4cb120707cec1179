//! Every test goes through [`check`]: samples in, the same bits out of both kinds of chunk.

mod starts;

use proptest::prelude::*;
use vigie_model::STALE_NAN_BITS;

use super::*;

type Samples = Vec<(i64, u64)>;

fn decoded(bytes: &[u8]) -> Result<Samples, ChunkError> {
    let (mut times, mut values) = (vec![7], vec![7.0]);
    let outcome = decode_into(bytes, &mut times, &mut values);
    if outcome.is_err() {
        assert_eq!(
            (times.len(), values.len()),
            (1, 1),
            "an error leaves nothing behind"
        );
    }
    outcome?;
    Ok(times
        .into_iter()
        .zip(values)
        .skip(1)
        .map(|(time, value)| (time, value.to_bits()))
        .collect())
}

/// Writes the samples as an open chunk, saved and restored in the middle, and as a sealed one, and
/// reads both back. Gives both encodings.
fn check(samples: &[(i64, u64)]) -> (Vec<u8>, Vec<u8>) {
    let mut open = OpenChunk::new();
    for (at, &(time, bits)) in samples.iter().enumerate() {
        open.append(time, f64::from_bits(bits)).unwrap();
        assert_eq!(
            (open.last_time_ms(), open.last_value_bits()),
            (Some(time), Some(bits))
        );
        if at == samples.len() / 2 {
            let restored = OpenChunk::from_bytes(&open.to_bytes()).unwrap();
            assert_eq!(restored.to_bytes(), open.to_bytes());
            open = restored;
        }
    }
    assert_eq!(
        (open.len(), open.first_time_ms()),
        (samples.len(), samples.first().map(|s| s.0))
    );
    let times: Vec<i64> = samples.iter().map(|sample| sample.0).collect();
    let values: Vec<f64> = samples.iter().map(|sample| f64::from_bits(sample.1)).collect();
    let sealed = seal(&times, &values).unwrap();
    let open = open.to_bytes();
    for bytes in [&open, &sealed] {
        assert_eq!(decoded(bytes).unwrap(), samples);
        let info = ChunkInfo {
            values: ChunkValues::Floats,
            count: samples.len() as u32,
            min_time_ms: samples[0].0,
            max_time_ms: samples[samples.len() - 1].0,
        };
        assert_eq!(ChunkInfo::read(bytes), Ok(info));
    }
    assert_eq!(reseal(&open).unwrap(), sealed);
    (open, sealed)
}

/// A regular series of `count` values.
fn every_15s(count: usize, value: impl Fn(usize) -> f64) -> Samples {
    (0..count)
        .map(|at| (1_700_000_000_000 + at as i64 * 15_000, value(at).to_bits()))
        .collect()
}

/// Stands in for noise: the splitmix64 sequence.
fn noise(at: usize) -> u64 {
    let mut mixed = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[test]
fn sizes_stay_within_what_the_budgets_assume() {
    let random = |at: usize| f64::from_bits(noise(at) >> 2 | 0x3f00 << 48);
    let table: [(&str, Samples, usize, usize); 7] = [
        ("constant", every_15s(480, |_| 3.25), 60, 28),
        (
            "counter by 0..8",
            every_15s(480, |at| (at * 5 + noise(at) as usize % 3) as f64),
            560,
            250,
        ),
        (
            "counter of bytes",
            every_15s(480, |at| (at * 150_000 + noise(at) as usize % 9_000) as f64),
            2000,
            1000,
        ),
        (
            "gauge, 2 places",
            every_15s(480, |at| (noise(at) % 1_000) as f64 / 100.0),
            1500,
            700,
        ),
        ("random", every_15s(480, random), 4400, 3900),
        (
            "missed scrapes",
            {
                let mut samples = every_15s(480, |_| 1.0);
                samples.retain(|sample| sample.0 / 15_000 % 97 != 0);
                samples
            },
            110,
            80,
        ),
        (
            "stale at the end",
            {
                let mut samples = every_15s(480, |at| at as f64);
                samples[479].1 = STALE_NAN_BITS;
                samples
            },
            540,
            60,
        ),
    ];
    for (name, samples, open_limit, sealed_limit) in table {
        let (open, sealed) = check(&samples);
        assert!(open.len() <= open_limit, "{name}: open {}", open.len());
        assert!(sealed.len() <= sealed_limit, "{name}: sealed {}", sealed.len());
    }
}

#[test]
fn hostile_samples_survive() {
    let specials = [
        0,
        1,
        (-0.0f64).to_bits(),
        f64::INFINITY.to_bits(),
        f64::NEG_INFINITY.to_bits(),
        STALE_NAN_BITS,
        0x7ff8_0000_0000_0001,
        0xffff_ffff_ffff_ffff,
        0x7ff4_dead_beef_0001,
        f64::MAX.to_bits(),
        f64::MIN_POSITIVE.to_bits(),
        9_007_199_254_740_992.0f64.to_bits(),
        (-9_007_199_254_740_991.0f64).to_bits(),
        0.1f64.to_bits(),
        (0.1f64 + 0.2).to_bits(),
    ];
    let values = || {
        specials
            .iter()
            .flat_map(|&a| specials.iter().flat_map(move |&b| [a, b, b]))
    };
    check(
        &values()
            .enumerate()
            .map(|(at, bits)| (at as i64 * 1000, bits))
            .collect::<Samples>(),
    );
    check(&[
        (i64::MIN, 1),
        (i64::MIN + 1, 1),
        (0, 2),
        (i64::MAX - 1, 2),
        (i64::MAX, 3),
    ]);
    check(&[(i64::MIN, 1), (i64::MAX, 1)]);
    check(&[(-5, 1)]);
    // Intervals around the one that no longer fits the open chunk's state.
    let wide = i64::from(u32::MAX);
    check(&[
        (0, 1),
        (wide, 1),
        (2 * wide, 1),
        (3 * wide + 1, 1),
        (4 * wide + 2, 1),
        (4 * wide + 3, 1),
    ]);
}

#[test]
fn the_fullest_chunk_is_read_and_not_exceeded() {
    let samples = every_15s(MAX_CHUNK_SAMPLES, |at| (at / 1000) as f64);
    let (open, _) = check(&samples);
    let mut full = OpenChunk::from_bytes(&open).unwrap();
    assert_eq!(full.append(i64::MAX, 0.0), Err(AppendError::Full));
    let (times, values) = (vec![0; MAX_CHUNK_SAMPLES + 1], vec![0.0; MAX_CHUNK_SAMPLES + 1]);
    assert_eq!(seal(&times, &values), Err(SealError::TooMany));
}

#[test]
fn merging_gives_days_in_one_chunk_and_splits_what_is_too_long() {
    let values = |at: usize| (at * 7 + noise(at) as usize % 5) as f64;
    let day = every_15s(5_760, values);
    let parts: Vec<Vec<u8>> = day.chunks(120).map(|part| check(part).1).collect();
    let merged = merge(&parts, MAX_CHUNK_SAMPLES).unwrap();
    assert_eq!(merged, [check(&day).1]);
    assert!(merged[0].len() < parts.iter().map(Vec::len).sum::<usize>());
    let long = every_15s(MAX_CHUNK_SAMPLES + 1, values);
    let (full, one) = long.split_at(MAX_CHUNK_SAMPLES);
    let (full, one) = (check(full).1, check(one).1);
    assert_eq!(
        merge(&[one.clone(), full.clone()], MAX_CHUNK_SAMPLES),
        Ok(vec![full, one])
    );
    // At the same time, the chunk that starts first has the say.
    let (early, late) = (check(&[(1, 1), (5, 2)]).1, check(&[(5, 3), (6, 4)]).1);
    let expected = check(&[(1, 1), (5, 2), (6, 4)]).1;
    assert_eq!(
        merge(&[late, early, OpenChunk::new().to_bytes()], MAX_CHUNK_SAMPLES),
        Ok(vec![expected])
    );
    assert_eq!(
        merge(&[[0u8; 3]], MAX_CHUNK_SAMPLES),
        Err(ChunkError::UnknownKind(0))
    );
    assert_eq!(merge::<Vec<u8>>(&[], MAX_CHUNK_SAMPLES), Ok(Vec::new()));
}

#[test]
fn misuse_is_an_error() {
    let mut open = OpenChunk::new();
    assert_eq!(decoded(&open.to_bytes()), Ok(Vec::new()));
    assert!(OpenChunk::from_bytes(&open.to_bytes()).unwrap().is_empty());
    open.append(5, 1.0).unwrap();
    assert_eq!(open.append(5, 1.0), Err(AppendError::NotAscending));
    assert_eq!(open.append(4, 1.0), Err(AppendError::NotAscending));
    assert_eq!(seal(&[], &[]), Err(SealError::Empty));
    assert_eq!(seal(&[1], &[]), Err(SealError::LengthMismatch));
    assert_eq!(seal(&[1, 1], &[0.0, 0.0]), Err(SealError::NotAscending));
}

#[test]
fn damage_is_noticed() {
    let (open, sealed) = check(&every_15s(50, |at| at as f64 * 0.5));
    for bytes in [open, sealed] {
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            assert!(decoded(&damaged).is_err(), "byte {at}");
            assert!(decoded(&bytes[..at]).is_err(), "cut at {at}");
        }
    }
}

/// The bytes of docs/formats/chunk.md. A change here is a new version of the format.
#[test]
fn the_format_is_the_documented_one() {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let small: Samples = [
        (1000, 1.0),
        (2000, 1.0),
        (3000, 1.0),
        (4000, 3.0),
        (5000, 3.25),
        (6500, 3.25),
    ]
    .map(|(time, value): (i64, f64)| (time, value.to_bits()))
    .to_vec();
    let (open, sealed) = check(&small);
    let (_, constant) = check(&every_15s(4, |_| 2.0));
    let (_, xor) = check(&[
        (0, 0x4000_0000_0000_0001),
        (1, 0x4000_0000_0000_0001),
        (2, 0x4000_0000_0100_0001),
    ]);
    assert_eq!(hex(&open), GOLDEN_OPEN);
    assert_eq!(hex(&sealed), GOLDEN_DECIMAL);
    assert_eq!(hex(&constant), GOLDEN_CONSTANT);
    assert_eq!(hex(&xor), GOLDEN_XOR);
}

const GOLDEN_OPEN: &str = "0101000006c865dc0b0000000000000a40d00f0980e807c00b390280dc0baccddaff";
const GOLDEN_DECIMAL: &str = "0201010106d00ffc2ae807000103e807020001c80101020002c80101192fe2a9e5";
const GOLDEN_CONSTANT: &str = "020100000480a0abfef962c8df020000000000000040b1a9a2a5";
const GOLDEN_XOR: &str = "0201000203000201000000000000403e81f7ae648d";

fn any_bits() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        (-1000i64..1000).prop_map(|integer| (integer as f64).to_bits()),
        (-100_000i64..100_000, 0..10i32).prop_map(|(m, e)| (m as f64 / 10f64.powi(e)).to_bits()),
        Just(STALE_NAN_BITS),
        Just((-0.0f64).to_bits()),
    ]
}

fn any_samples() -> impl Strategy<Value = Samples> {
    let delta = prop_oneof![4 => Just(15_000i64), 1 => 14_800..15_200i64, 1 => 1..i64::MAX / 320];
    let value = prop_oneof![Just(None), any_bits().prop_map(Some)];
    (any::<i32>(), prop::collection::vec((delta, value), 1..320)).prop_map(|(start, steps)| {
        let (mut time, mut bits) = (i64::from(start), 0);
        let step = |(delta, value): (i64, Option<u64>)| {
            time = time.saturating_add(delta);
            bits = value.unwrap_or(bits);
            (time, bits)
        };
        let mut samples: Samples = steps.into_iter().map(step).collect();
        samples.dedup_by_key(|sample| sample.0);
        samples
    })
}

/// Puts a right checksum on damaged bytes, so that what is behind it gets tested too.
fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len().saturating_sub(4));
    finished(bytes)
}

fn finished(mut bytes: Vec<u8>) -> Vec<u8> {
    frame::finish_frame(0, &mut bytes);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_samples_survive(samples in any_samples()) {
        check(&samples);
    }

    /// Whatever the cuts, the kinds and the order of the parts, merging gives what sealing at once does.
    #[test]
    fn merging_parts_is_sealing_the_whole(
        samples in any_samples(),
        cuts in prop::collection::vec((1usize..40, any::<bool>()), 1..40),
        rotation in any::<prop::sample::Index>(),
    ) {
        let (_, whole) = check(&samples);
        let (mut parts, mut rest) = (Vec::new(), samples.as_slice());
        for (length, take_open) in cuts.into_iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (part, after) = rest.split_at(length.min(rest.len()));
            let (open, sealed) = check(part);
            parts.push(if take_open { open } else { sealed });
            rest = after;
        }
        let at = rotation.index(parts.len());
        parts.rotate_left(at);
        prop_assert_eq!(merge(&parts, MAX_CHUNK_SAMPLES), Ok(vec![whole.clone()]));
        // What is there twice changes nothing.
        parts.push(whole.clone());
        prop_assert_eq!(merge(&parts, MAX_CHUNK_SAMPLES), Ok(vec![whole]));
    }

    #[test]
    fn garbage_is_refused_or_read_within_bounds(
        kind in 0u8..8,
        mut body in prop::collection::vec(any::<u8>(), 0..120),
    ) {
        body.insert(0, kind);
        body.insert(1, frame::VERSION);
        let bytes = finished(body);
        if let Ok(samples) = decoded(&bytes) {
            prop_assert!(samples.len() <= MAX_CHUNK_SAMPLES);
        }
        let _ = (ChunkInfo::read(&bytes), OpenChunk::from_bytes_with_starts(&bytes), reseal(&bytes));
    }

    #[test]
    fn damaged_chunks_never_panic(
        samples in any_samples(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (open, sealed) = check(&samples);
        for mut bytes in [open, sealed] {
            for (index, value) in &damage {
                let at = index.index(bytes.len());
                bytes[at] = *value;
            }
            let bytes = with_checksum(bytes);
            let _ = decoded(&bytes);
            if let Ok(mut chunk) = OpenChunk::from_bytes(&bytes) {
                let _ = chunk.append(i64::MAX, 1.5);
            }
        }
    }

    /// pco is code of others: what it makes of damage that a checksum does not show.
    #[test]
    fn damaged_pco_streams_never_panic(
        scale in prop_oneof![Just(1.0f64), Just(0.01), Just(0.1234567)],
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let samples = every_15s(400, |at| ((noise(at) % 500) * (noise(at + 7) % 300)) as f64 * scale);
        let (_, mut sealed) = check(&samples);
        prop_assert!(sealed[3] >= 3, "value codec {}", sealed[3]);
        for (index, value) in &damage {
            let at = 4 + index.index(sealed.len() - 4);
            sealed[at] = *value;
        }
        let _ = decoded(&with_checksum(sealed));
    }
}
