//! Every test goes through [`check`]: histograms in, the same bits out of both kinds of chunk.

use proptest::prelude::*;
use vigie_model::{CounterResetHint, FloatHistogram, Histogram, STALE_NAN_BITS, Span};

use super::*;
use crate::{AppendError, ChunkInfo, ChunkValues, SealError, merge, read_series, reseal};

fn decoded(bytes: &[u8]) -> Result<Vec<HistogramSample>, ChunkError> {
    let mut samples = Vec::new();
    decode_histograms_into(bytes, &mut samples)?;
    Ok(samples)
}

/// Writes the samples as an open chunk, saved and restored in the middle, and as a sealed one, and
/// reads both back. Gives both encodings.
fn check(samples: &[HistogramSample]) -> (Vec<u8>, Vec<u8>) {
    let mut open = OpenHistogramChunk::new();
    for (at, sample) in samples.iter().enumerate() {
        open.append(sample.clone()).unwrap();
        assert_eq!(open.last(), Some(sample));
        assert_eq!(open.append(sample.clone()), Err(AppendError::NotAscending));
        if at == samples.len() / 2 {
            let restored = OpenHistogramChunk::from_bytes(&open.to_bytes()).unwrap();
            assert_eq!(restored.to_bytes(), open.to_bytes());
            open = restored;
        }
    }
    let first_ms = samples.first().map(|sample| sample.time_ms);
    assert_eq!((open.len(), open.first_time_ms()), (samples.len(), first_ms));
    let (open, sealed) = (open.to_bytes(), seal_histograms(samples).unwrap());
    for bytes in [&open, &sealed] {
        assert_eq!(decoded(bytes).unwrap(), samples);
        let info = ChunkInfo {
            values: ChunkValues::Histograms,
            count: samples.len() as u32,
            min_time_ms: samples[0].time_ms,
            max_time_ms: samples[samples.len() - 1].time_ms,
        };
        assert_eq!(ChunkInfo::read(bytes), Ok(info));
        assert!(crate::decode_into(bytes, &mut Vec::new(), &mut Vec::new()).is_err());
    }
    assert_eq!(reseal(&open).unwrap(), sealed);
    for sample in samples {
        let mut record = Vec::new();
        sample.histogram.write(&mut record);
        let mut input = record.as_slice();
        assert_eq!(FlatHistogram::read(&mut input).as_ref(), Ok(&sample.histogram));
        assert!(input.is_empty());
        let again = sample.histogram.to_any().flatten().unwrap();
        assert_eq!(again, sample.histogram);
    }
    (open, sealed)
}

fn span(offset: i32, length: u32) -> Span {
    Span { offset, length }
}

/// Schema 3, three positive buckets and one negative, counting up.
fn counting(step: i64) -> Histogram {
    let count = step * 10;
    Histogram {
        schema: 3,
        zero_threshold: f64::exp2(-128.0),
        zero_count: step as u64,
        count: step as u64 + 25 * step as u64,
        sum: 18.5 * step as f64,
        positive_spans: vec![span(-2, 2), span(3, 1)],
        positive_deltas: vec![count, -5 * step, -3 * step],
        negative_spans: vec![span(1, 1)],
        negative_deltas: vec![8 * step],
        ..Histogram::default()
    }
}

fn sample(time_ms: i64, histogram: &AnyHistogram) -> HistogramSample {
    HistogramSample {
        time_ms,
        start_ms: 0,
        histogram: histogram.flatten().unwrap(),
    }
}

/// The bytes of docs/formats/chunk.md. A change here is a new version of the format.
#[test]
fn the_format_is_the_documented_one() {
    let samples: Vec<HistogramSample> = (1..4)
        .map(|step| HistogramSample {
            start_ms: 500,
            ..sample(step * 1000, &AnyHistogram::Integer(counting(step)))
        })
        .collect();
    let (open, sealed) = check(&samples);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&open), GOLDEN_OPEN);
    assert_eq!(hex(&sealed), GOLDEN_SEALED);
}

const GOLDEN_OPEN: &str = "030103f02e03d00fe80708060203020601010201c0e480043402140a041000e80780e0013402140a041000e807809280023402140a0410322a54ca";
const GOLDEN_SEALED: &str = concat!(
    "04010003d00fd00f00f40303080602030206010102010109010002f202f202000000000101020028010a0500805201",
    "050400a00a01020300200101080500004207668d41",
);

#[test]
fn sizes_stay_within_what_the_budgets_assume() {
    // 20 buckets, each counting up by a few every 15 s.
    let noise = |at: u64| at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61;
    let mut counts = [0i64; 20];
    let samples: Vec<HistogramSample> = (0..480u64)
        .map(|at| {
            for (bucket, count) in counts.iter_mut().enumerate() {
                *count += noise(at * 20 + bucket as u64) as i64;
            }
            let mut before = 0;
            let deltas = counts
                .iter()
                .map(|count| count - std::mem::replace(&mut before, *count));
            let histogram = Histogram {
                schema: 3,
                count: counts.iter().sum::<i64>() as u64,
                sum: counts.iter().sum::<i64>() as f64 * 0.125,
                positive_spans: vec![span(0, 20)],
                positive_deltas: deltas.collect(),
                ..Histogram::default()
            };
            sample(at as i64 * 15_000, &AnyHistogram::Integer(histogram))
        })
        .collect();
    let (open, sealed) = check(&samples);
    assert!(open.len() < 480 * 31, "{}", open.len());
    assert!(sealed.len() < 480 * 11, "{}", sealed.len());
}

#[test]
fn what_cannot_be_sealed_is_refused() {
    let one = sample(5, &AnyHistogram::Integer(counting(1)));
    assert_eq!(seal_histograms(&[]), Err(SealError::Empty));
    assert_eq!(seal_histograms(&[one.clone(), one]), Err(SealError::NotAscending));
    let uneven = Histogram {
        positive_spans: vec![span(0, 2)],
        ..Histogram::default()
    };
    assert_eq!(FlatHistogram::from_integer(&uneven), None);
}

#[test]
fn a_stale_marker_keeps_the_form() {
    for any in [
        AnyHistogram::Integer(counting(2)),
        AnyHistogram::Float(counting(2).to_float()),
    ] {
        let last = any.flatten().unwrap();
        let stale = last.stale_after();
        assert!(stale.is_stale() && !last.is_stale());
        assert!(stale.to_float().is_stale());
        assert_eq!(stale.layout().is_float, last.layout().is_float);
        assert_eq!(stale.to_any().validate(), Ok(()));
    }
}

#[test]
fn floats_and_histograms_of_a_series_are_merged() {
    let histogram = |time_ms: i64| sample(time_ms, &AnyHistogram::Integer(counting(time_ms)));
    let histograms = |times: &[i64]| {
        let samples: Vec<HistogramSample> = times.iter().map(|time| histogram(*time)).collect();
        seal_histograms(&samples).unwrap()
    };
    let floats = |times: &[i64]| {
        let values: Vec<f64> = times.iter().map(|time| *time as f64).collect();
        crate::seal(times, &values).unwrap()
    };
    // 25 is in two chunks, the float's starting first; 40 is there twice.
    let chunks = [
        histograms(&[30, 40, 50]),
        floats(&[10, 20, 25]),
        floats(&[60, 70]),
        histograms(&[22, 25, 40]),
    ];
    let series = read_series(&chunks).unwrap();
    assert_eq!(series.times_ms, [10, 20, 25, 60, 70]);
    let times = |samples: &[HistogramSample]| samples.iter().map(|s| s.time_ms).collect::<Vec<_>>();
    assert_eq!(times(&series.histograms), [22, 30, 40, 50]);
    let merged = merge(&chunks, 100).unwrap();
    let ranges: Vec<(i64, i64)> = merged
        .iter()
        .map(|chunk| ChunkInfo::read(chunk).unwrap())
        .map(|info| (info.min_time_ms, info.max_time_ms))
        .collect();
    assert_eq!(ranges, [(10, 20), (22, 22), (25, 25), (30, 50), (60, 70)]);
    assert_eq!(read_series(&merged).unwrap(), series);
    assert_eq!(merge(&merged, 100).unwrap(), merged);
    assert_eq!(merge(&merged, 2).unwrap().len(), 6);
}

fn any_spans() -> impl Strategy<Value = Vec<Span>> {
    prop::collection::vec(
        (any::<i32>(), 0u32..5).prop_map(|(offset, length)| Span { offset, length }),
        0..4,
    )
}

fn any_hint() -> impl Strategy<Value = CounterResetHint> {
    prop::sample::select(vec![
        CounterResetHint::Unknown,
        CounterResetHint::Reset,
        CounterResetHint::NotReset,
        CounterResetHint::Gauge,
    ])
}

fn any_bits() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        Just(STALE_NAN_BITS),
        Just(0x7ff8_0000_dead_beef),
        (0u64..100).prop_map(|whole| (whole as f64).to_bits()),
    ]
}

/// Any numbers, whether valid or not.
pub(crate) fn any_histogram() -> impl Strategy<Value = FlatHistogram> {
    let layout = (
        any::<bool>(),
        any_hint(),
        prop_oneof![Just(-53), -4i32..9, any::<i32>()],
        prop_oneof![Just(f64::exp2(-128.0)), any_bits().prop_map(f64::from_bits)],
        (any_spans(), any_spans()),
        prop::collection::vec(any_bits().prop_map(f64::from_bits), 0..4),
    );
    (
        layout,
        prop::collection::vec(prop_oneof![any_bits(), 0u64..50], 64),
    )
        .prop_map(
            |(
                (is_float, hint, schema, zero_threshold, (positive_spans, negative_spans), custom),
                numbers,
            )| {
                let layout = HistogramLayout {
                    is_float,
                    hint,
                    schema,
                    zero_threshold,
                    positive_spans,
                    negative_spans,
                    custom_values: custom.into(),
                };
                let width = 3 + layout.positive_count() + layout.negative_count();
                FlatHistogram {
                    layout: layout.into(),
                    numbers: numbers[..width].into(),
                }
            },
        )
}

/// Histograms of a few layouts in turns.
fn any_samples() -> impl Strategy<Value = Vec<HistogramSample>> {
    let step = (
        1u64..1_000_000,
        prop_oneof![Just(0i64), any::<i64>()],
        0usize..3,
        any_bits(),
    );
    let steps = prop::collection::vec(step, 1..40);
    (prop::collection::vec(any_histogram(), 3), any::<i32>(), steps).prop_map(|(kinds, first, steps)| {
        let mut time_ms = i64::from(first);
        steps
            .into_iter()
            .map(|(delta, start_ms, kind, number)| {
                time_ms += delta as i64;
                let mut histogram = kinds[kind].clone();
                let at = (number % histogram.numbers.len() as u64) as usize;
                histogram.numbers[at] = number;
                HistogramSample {
                    time_ms,
                    start_ms,
                    histogram,
                }
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn any_histograms_survive(samples in any_samples()) {
        check(&samples);
    }

    #[test]
    fn sent_forms_survive(samples in any_samples()) {
        for sample in samples {
            let any = sample.histogram.to_any();
            let again: AnyHistogram = any.flatten().unwrap().to_any();
            match (&any, &again) {
                (AnyHistogram::Integer(left), AnyHistogram::Integer(right)) => {
                    prop_assert_eq!(&left.positive_deltas, &right.positive_deltas);
                }
                (AnyHistogram::Float(left), AnyHistogram::Float(right)) => {
                    let bits = |histogram: &FloatHistogram| -> Vec<u64> {
                        histogram.positive_buckets.iter().map(|count| count.to_bits()).collect()
                    };
                    prop_assert_eq!(bits(left), bits(right));
                }
                _ => prop_assert!(false, "the form changed"),
            }
        }
    }

    #[test]
    fn damaged_chunks_never_panic(
        samples in any_samples(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (open, sealed) = check(&samples);
        for mut bytes in [open, sealed] {
            let body_end = bytes.len() - 4;
            for (index, value) in &damage {
                bytes[index.index(body_end)] = *value;
            }
            // A right checksum, so that what is behind it gets tested too.
            let checksum = crc32c::crc32c(&bytes[..body_end]);
            bytes[body_end..].copy_from_slice(&checksum.to_le_bytes());
            let _ = decoded(&bytes);
            let _ = OpenHistogramChunk::from_bytes(&bytes);
            let _ = ChunkInfo::read(&bytes);
        }
    }

    #[test]
    fn garbage_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(decoded(&bytes).is_err());
        let _ = FlatHistogram::read(&mut bytes.as_slice());
    }
}
