//! What is encoded is read back, and nothing else is accepted.

use proptest::prelude::*;
use vigie_model::{Labels, MetricKind, MetricMetadata, SeriesId, TenantId};

use super::*;

/// A row as pushed: known id or declared index, time, value bits.
type Row = (Result<u32, u32>, i64, u64);

fn sample_batch(rows: &[Row], declared: &[Labels]) -> Vec<u8> {
    let mut encoder = BatchEncoder::new();
    let tenant = encoder.tenant(&TenantId::anonymous());
    let other = encoder.tenant(&TenantId::new("other").unwrap());
    assert_eq!(encoder.tenant(&TenantId::anonymous()), tenant);
    for (at, labels) in declared.iter().enumerate() {
        let tenant = if at % 2 == 0 { tenant } else { other };
        assert_eq!(
            encoder.declare(tenant, labels.as_packed()),
            DeclaredIndex(at as u32)
        );
    }
    for &(series, time_ms, bits) in rows {
        // Some of them, so that damage hits start times too.
        encoder.next_began_at(if bits % 4 == 3 { time_ms } else { 0 });
        match series {
            Ok(id) => encoder.push_known(SeriesId(id), time_ms, f64::from_bits(bits)),
            Err(index) => encoder.push_declared(DeclaredIndex(index), time_ms, f64::from_bits(bits)),
        }
    }
    let metadata = MetricMetadata {
        kind: MetricKind::Counter,
        help: "Requests.".into(),
        unit: "requests".into(),
    };
    encoder.metadata(other, "requests_total", &metadata);
    assert_eq!(encoder.row_count(), rows.len());
    let estimate = encoder.len_bytes();
    let bytes = encoder.finish();
    assert!(bytes.len().abs_diff(estimate) <= 100);
    bytes
}

fn check(rows: &[Row], declared: &[Labels]) -> Vec<u8> {
    let mut bytes = sample_batch(rows, declared);
    let stamped = Stamp {
        proposed_at_ms: 1_700_000_000_000,
        out_of_order_window_ms: 60_000,
        flags: 0,
        max_exemplars: 0,
    };
    stamp(&mut bytes, stamped).unwrap();
    assert_eq!(verify(&bytes), Ok(rows.len()));
    let Ok(Entry::Batch(view)) = Entry::parse(&bytes) else {
        panic!("not a batch");
    };
    assert_eq!((view.stamp, view.row_count), (stamped, rows.len()));
    assert_eq!(view.tenants.len(), 2);
    let read: Vec<&[u8]> = view
        .declared
        .iter()
        .map(|declared| declared.packed_labels)
        .collect();
    let sent: Vec<&[u8]> = declared.iter().map(Labels::as_packed).collect();
    assert_eq!(read, sent);
    assert_eq!((view.metadata[0].0, view.metadata[0].1), (1, "requests_total"));
    let mut columns = Rows::default();
    view.rows_into(&mut columns).unwrap();
    for (at, &(series, time_ms, bits)) in rows.iter().enumerate() {
        let is_declared = columns.declared_rows.iter().any(|range| range.contains(&at));
        let read = if is_declared {
            Err(columns.ids[at])
        } else {
            Ok(columns.ids[at])
        };
        assert_eq!(
            (read, columns.times_ms[at], columns.values[at].to_bits()),
            (series, time_ms, bits)
        );
    }
    bytes
}

fn labels(value: &str) -> Labels {
    Labels::from_pairs([("__name__", "up"), ("job", value)]).unwrap()
}

/// The bytes of docs/formats/sample-batch.md. A change here is a new version of the format.
#[test]
fn the_format_is_the_documented_one() {
    let rows = [
        (Ok(7), 1000, 1.0f64.to_bits()),
        (Err(0), 1000, 2.0f64.to_bits()),
        (Ok(9), 1001, 3.0f64.to_bits()),
    ];
    let bytes = check(&rows, &[labels("a")]);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&bytes), GOLDEN_BATCH);
    assert_eq!(hex(&encode_retain(1_700_000_000_000)), GOLDEN_RETAIN);
}

const GOLDEN_BATCH: &str = concat!(
    "01010000c7baa4430068e5cf8b01000060ea000000000000030000000000000001110000000209616e6f6e796d6f7573",
    "056f746865720215000000010012085f5f6e616d655f5f027570036a6f620161032500000001010e7265717565737473",
    "5f746f74616c010952657175657374732e087265717565737473040300000001010105020000000e0406010000000007",
    "04000000d00f00020818000000000000000000f03f00000000000000400000000000000840",
);
/// The second example of docs/formats/sample-batch.md.
#[test]
fn histograms_are_a_column_of_their_own() {
    let histogram = vigie_model::Histogram {
        schema: 3,
        zero_threshold: 0.5,
        count: 5,
        sum: 2.0,
        positive_spans: vec![vigie_model::Span {
            offset: -1,
            length: 2,
        }],
        positive_deltas: vec![2, 1],
        ..vigie_model::Histogram::default()
    };
    let flat = vigie_chunk::FlatHistogram::from_integer(&histogram).unwrap();
    let mut record = Vec::new();
    flat.write(&mut record);
    let mut encoder = BatchEncoder::new();
    encoder.push_known(SeriesId(7), 1000, 1.0);
    let record = HistogramRecord {
        start_ms: 5,
        record: &record,
    };
    encoder.push_known_histogram(SeriesId(8), 1000, record);
    encoder.push_known_histogram(
        SeriesId(9),
        1000,
        HistogramRecord {
            start_ms: 0,
            ..record
        },
    );
    let batch = encoder.finish();
    assert_eq!(verify(&batch), Ok(3));
    let Ok(Entry::Batch(view)) = Entry::parse(&batch) else {
        panic!("not a batch");
    };
    let mut rows = Rows::default();
    view.rows_into(&mut rows).unwrap();
    let row = |row, start_ms| HistogramRow {
        row,
        start_ms,
        histogram: flat.clone(),
    };
    assert_eq!(rows.histograms, [row(1, 5), row(2, 0)]);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&batch[HEADER_BYTES..]), GOLDEN_HISTOGRAMS);
}

/// The third example of docs/formats/sample-batch.md.
#[test]
fn start_times_are_runs_of_rows() {
    let mut encoder = BatchEncoder::new();
    for start_ms in [0, 500, 500, 0, 900] {
        encoder.next_began_at(start_ms);
        encoder.push_known(SeriesId(7), 1000, 1.0);
    }
    let batch = encoder.finish();
    assert_eq!(verify(&batch), Ok(5));
    let run = |rows, start_ms| StartRun { rows, start_ms };
    assert_eq!(starts_of(&batch), [run(1..3, 500), run(4..5, 900)]);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&batch[batch.len() - 14..]), "0b09000000020102e8070101a006");
    // Within the rows; of at least one row; of a time.
    for runs in [
        &[1, 4, 2, 2][..],
        &[1, 0, 0, 2],
        &[1, 0, 1, 0],
        &[2, 0, 1, 2],
        &[1, 0, 1, 2, 0],
    ] {
        let mut damaged = batch[..batch.len() - 14].to_vec();
        damaged.extend_from_slice(&[section::STARTS, runs.len() as u8, 0, 0, 0]);
        damaged.extend_from_slice(runs);
        let checksum = crc32c::crc32c(&damaged[HEADER_BYTES..]);
        damaged[4..8].copy_from_slice(&checksum.to_le_bytes());
        assert!(verify(&damaged).is_err(), "{runs:?}");
    }
}

fn starts_of(batch: &[u8]) -> Vec<StartRun> {
    let Ok(Entry::Batch(view)) = Entry::parse(batch) else {
        panic!("not a batch");
    };
    let mut rows = Rows::default();
    view.rows_into(&mut rows).unwrap();
    rows.starts
}

#[test]
fn invalid_histograms_are_not_proposed() {
    let negative = vigie_model::FloatHistogram {
        count: -1.0,
        ..vigie_model::FloatHistogram::default()
    };
    let mut record = Vec::new();
    vigie_chunk::FlatHistogram::from_float(&negative)
        .unwrap()
        .write(&mut record);
    let mut encoder = BatchEncoder::new();
    let record = HistogramRecord {
        start_ms: 0,
        record: &record,
    };
    encoder.push_known_histogram(SeriesId(7), 1000, record);
    assert_eq!(verify(&encoder.finish()), Err(CorruptEntry::InvalidHistogram(0)));
    let mut encoder = BatchEncoder::new();
    let record = HistogramRecord {
        record: &record.record[..record.record.len() - 1],
        ..record
    };
    encoder.push_known_histogram(SeriesId(7), 1000, record);
    assert!(matches!(
        verify(&encoder.finish()),
        Err(CorruptEntry::Histogram(_))
    ));
}

const GOLDEN_HISTOGRAMS: &str = concat!(
    "04010000000305030000000e02020704000000d00f00000818000000000000000000f03f000000000000000000000000",
    "00000000092b00000002010a0006000000000000e03f01010200400a00040601000006000000000000e03f0101020040",
    "0a000406",
);
const GOLDEN_RETAIN: &str = "02010000000000000068e5cf8b01000015de9350";

#[test]
fn a_scrape_costs_about_ten_bytes_a_row() {
    let rows: Vec<Row> = (0..2000)
        .map(|at| (Ok(at * 3 + 70_000), 1_700_000_000_000, 5))
        .collect();
    let bytes = check(&rows, &[]);
    assert!(bytes.len() < 2000 * 10 + 300, "{}", bytes.len());
}

#[test]
fn contradictions_are_refused() {
    let good = check(&[(Ok(1), 5, 6), (Err(0), 5, 6)], &[labels("a")]);
    for at in 0..good.len() {
        let mut damaged = good.clone();
        damaged[at] ^= 1;
        // The leader's part is not covered by the checksum; the log's own covers it.
        let in_stamp = (8..24).contains(&at) || (28..32).contains(&at);
        assert_eq!(verify(&damaged).is_ok(), in_stamp, "byte {at}");
        assert!(verify(&good[..at]).is_err(), "cut at {at}");
    }
    assert!(verify(&encode_retain(5)).is_ok());
    assert!(verify(&encode_retain(5)[..19]).is_err());
    assert_eq!(
        stamp(&mut encode_retain(5), Stamp::default()),
        Err(CorruptEntry::Truncated)
    );
}

fn any_rows() -> impl Strategy<Value = Vec<Row>> {
    let series = prop_oneof![any::<u32>().prop_map(Ok), (0u32..3).prop_map(Err)];
    prop::collection::vec((series, any::<i64>(), any::<u64>()), 0..60)
}

proptest! {
    #[test]
    fn any_batch_survives(rows in any_rows()) {
        check(&rows, &[labels("a"), labels("b"), labels("c")]);
    }

    #[test]
    fn any_start_times_survive(starts in prop::collection::vec(prop_oneof![Just(0), 0i64..3, any::<i64>()], 0..60)) {
        let mut encoder = BatchEncoder::new();
        for start_ms in &starts {
            encoder.next_began_at(*start_ms);
            encoder.push_known(SeriesId(7), 1000, 1.0);
        }
        let mut read = vec![0; starts.len()];
        for run in starts_of(&encoder.finish()) {
            read[run.rows].fill(run.start_ms);
        }
        prop_assert_eq!(read, starts);
    }

    #[test]
    fn damaged_batches_never_panic(
        rows in any_rows(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = sample_batch(&rows, &[labels("a"), labels("b"), labels("c")]);
        for (index, value) in damage {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        // A right checksum, so that what is behind it gets tested too.
        let checksum = crc32c::crc32c(&bytes[HEADER_BYTES..]);
        bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
        let mut head = crate::Head::new(crate::HeadOptions::new(vigie_model::ShardId(0)));
        prop_assert_eq!(head.apply(&bytes).is_ok(), verify(&bytes).is_ok());
    }

    #[test]
    fn garbage_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(verify(&bytes).is_err());
    }
}
