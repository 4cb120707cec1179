//! What the verdict says in cases of one series, and how journals end.

mod support;

use std::{fs, path::Path};

use expect_test::{Expect, expect};
use support::Store;
use vigie_ledger::{
    BoxError, Content, Fate, HaPair, Ledger, LedgerError, MatchKind, Matcher, ReadTotals, Regenerate,
    RowVisitor, Rows, STALE_NAN_BITS, SampleValue, SeriesLabels, VerifyOptions, body_digest, selector,
    verify,
};

fn up(instance: &str) -> SeriesLabels {
    SeriesLabels::new([("__name__", "up"), ("instance", instance)])
}

/// One request: its samples of `up`, its fate, and its side of a pair.
type Request<'a> = (&'a [(i64, f64)], Fate, Option<HaPair>);

fn record(path: &Path, requests: &[Request<'_>]) -> Ledger {
    let ledger = Ledger::create(path, "d").expect("create");
    for (samples, fate, pair) in requests {
        let mut rows = Rows::default();
        for (time_ms, value) in *samples {
            rows.push(
                ledger.series(&up("a")).expect("series"),
                *time_ms,
                SampleValue::float(*value),
            );
        }
        let request = ledger.begin(Content::Rows(&rows), *pair).expect("begin");
        ledger.settle(request, fate).expect("settle");
    }
    ledger
}

fn stored(samples: &[(i64, f64)]) -> Store {
    let mut store = Store::default();
    for (time_ms, value) in samples {
        store.put(&up("a"), *time_ms, SampleValue::float(*value));
    }
    store
}

#[track_caller]
fn check(requests: &[Request<'_>], mut store: Store, expected: Expect) {
    let dir = tempfile::tempdir().expect("make a directory");
    let path = dir.path().join("journal");
    record(&path, requests).close().expect("close");
    let verdict = verify(&path, &VerifyOptions::default(), None, &mut store, &mut |_| {}).expect("verify");
    expected.assert_eq(&verdict.to_string());
}

const A: Option<HaPair> = Some(HaPair { id: 1, replica: 0 });
const B: Option<HaPair> = Some(HaPair { id: 1, replica: 1 });

#[test]
fn a_wrong_value_is_named_with_its_bits() {
    check(
        &[(&[(1, 1.0), (2, 0.1)], Fate::Acked, None)],
        stored(&[(1, 1.0), (2, 0.1 + f64::EPSILON)]),
        expect![[r#"
            requests: 1 acknowledged, 0 refused, 0 unknown, 0 not sent
            expected: 1 series, 2 samples; read: 1 series, 2 samples, of them 1 exact and 0 only NaN
            optional: 0 found, 0 absent; hidden staleness markers: 0; HA pairs: 0 proven, 0 unproven
            1 with a wrong value
              {__name__="up",instance="a"} at 2 ms: read 0.10000000000000023 (0x3fb99999999999aa), sent 0.1 (0x3fb999999999999a)
        "#]],
    );
}

#[test]
fn a_lost_series_is_named() {
    check(
        &[(&[(1, 1.0)], Fate::Acked, None)],
        Store::default(),
        expect![[r#"
        requests: 1 acknowledged, 0 refused, 0 unknown, 0 not sent
        expected: 1 series, 1 samples; read: 0 series, 0 samples, of them 0 exact and 0 only NaN
        optional: 0 found, 0 absent; hidden staleness markers: 0; HA pairs: 0 proven, 0 unproven
        1 missing
          {__name__="up",instance="a"} at 1 ms: acknowledged 1 (0x3ff0000000000000) is not there; nothing of the series was read
    "#]],
    );
}

#[test]
fn what_was_refused_or_never_left_must_not_be_there() {
    check(
        &[
            (&[(1, 1.0)], Fate::Acked, None),
            (&[(2, 1.0)], Fate::NotSent, None),
            (&[(3, 1.0)], Fate::from_status(Some(413)), None),
        ],
        stored(&[(1, 1.0), (2, 1.0), (3, 1.0)]),
        expect![[r#"
            requests: 1 acknowledged, 1 refused, 0 unknown, 1 not sent
            expected: 1 series, 1 samples; read: 1 series, 3 samples, of them 1 exact and 0 only NaN
            optional: 0 found, 0 absent; hidden staleness markers: 0; HA pairs: 0 proven, 0 unproven
            2 unexpected samples
              {__name__="up",instance="a"} at 2 ms: read 1 (0x3ff0000000000000); what was sent for this time was refused or never left
              {__name__="up",instance="a"} at 3 ms: read 1 (0x3ff0000000000000); what was sent for this time was refused or never left
        "#]],
    );
}

#[test]
fn both_of_a_pair_are_one_too_many() {
    check(
        &[(&[(1, 1.0)], Fate::Acked, A), (&[(2, 2.0)], Fate::Acked, B)],
        stored(&[(1, 1.0), (2, 2.0)]),
        expect![[r#"
            requests: 2 acknowledged, 0 refused, 0 unknown, 0 not sent
            expected: 1 series, 0 samples; read: 1 series, 2 samples, of them 2 exact and 0 only NaN
            optional: 0 found, 0 absent; hidden staleness markers: 0; HA pairs: 0 proven, 0 unproven
            1 duplicated
              {__name__="up",instance="a"} at 1 ms: more than one side of an HA pair is there
        "#]],
    );
}

#[test]
fn none_of_a_pair_is_a_loss() {
    check(
        &[(&[(1, 1.0)], Fate::Acked, A), (&[(2, 2.0)], Fate::Acked, B)],
        stored(&[]),
        expect![[r#"
            requests: 2 acknowledged, 0 refused, 0 unknown, 0 not sent
            expected: 1 series, 0 samples; read: 0 series, 0 samples, of them 0 exact and 0 only NaN
            optional: 0 found, 0 absent; hidden staleness markers: 0; HA pairs: 0 proven, 0 unproven
            1 missing
              {__name__="up",instance="a"} at 1 ms: of an HA pair, acknowledged from 2, no side is whole; nothing of the series was read
        "#]],
    );
}

#[test]
fn a_part_of_a_pair_is_a_loss() {
    check(
        &[
            (&[(1, 1.0), (5, 1.0)], Fate::Acked, A),
            (&[(2, 2.0)], Fate::Unknown, B),
        ],
        stored(&[(5, 1.0)]),
        expect![[r#"
            requests: 1 acknowledged, 0 refused, 1 unknown, 0 not sent
            expected: 1 series, 0 samples; read: 1 series, 1 samples, of them 1 exact and 0 only NaN
            optional: 0 found, 0 absent; hidden staleness markers: 0; HA pairs: 0 proven, 0 unproven
            1 missing
              {__name__="up",instance="a"} at 1 ms: of an HA pair, acknowledged from 1, no side is whole
        "#]],
    );
}

#[test]
fn one_acknowledged_side_may_have_been_dropped_rightly() {
    check(
        &[(&[(1, 1.0)], Fate::Acked, A), (&[(2, 2.0)], Fate::Unknown, B)],
        stored(&[]),
        expect![[r#"
            requests: 1 acknowledged, 0 refused, 1 unknown, 0 not sent
            expected: 1 series, 0 samples; read: 0 series, 0 samples, of them 0 exact and 0 only NaN
            optional: 0 found, 0 absent; hidden staleness markers: 0; HA pairs: 0 proven, 1 unproven
            no fault found
        "#]],
    );
}

#[test]
fn twins_that_say_the_same_are_not_two() {
    check(
        &[(&[(1, 1.0)], Fate::Acked, A), (&[(1, 1.0)], Fate::Acked, B)],
        stored(&[(1, 1.0)]),
        expect![[r#"
            requests: 2 acknowledged, 0 refused, 0 unknown, 0 not sent
            expected: 1 series, 0 samples; read: 1 series, 1 samples, of them 1 exact and 0 only NaN
            optional: 0 found, 0 absent; hidden staleness markers: 0; HA pairs: 1 proven, 0 unproven
            no fault found
        "#]],
    );
}

#[test]
fn json_hides_the_bits_of_nan_and_staleness_markers() {
    let stale = f64::from_bits(STALE_NAN_BITS);
    let payload = f64::from_bits(0x7ff8_0000_0000_0007);
    let samples = &[(1, 1.0), (2, payload), (3, stale)];
    check(
        &[(samples, Fate::Acked, None)],
        stored(samples).as_json_shows_it(),
        expect![[r#"
            requests: 1 acknowledged, 0 refused, 0 unknown, 0 not sent
            expected: 1 series, 2 samples; read: 1 series, 2 samples, of them 1 exact and 1 only NaN
            optional: 0 found, 0 absent; hidden staleness markers: 1; HA pairs: 0 proven, 0 unproven
            no fault found
        "#]],
    );
    // A staleness marker must not show as an ordinary NaN.
    let mut shown = stored(samples).as_json_shows_it();
    shown.put(&up("a"), 3, SampleValue::float(f64::NAN));
    check(
        &[(samples, Fate::Acked, None)],
        shown,
        expect![[r#"
        requests: 1 acknowledged, 0 refused, 0 unknown, 0 not sent
        expected: 1 series, 2 samples; read: 1 series, 3 samples, of them 1 exact and 1 only NaN
        optional: 0 found, 0 absent; hidden staleness markers: 1; HA pairs: 0 proven, 0 unproven
        1 with a wrong value
          {__name__="up",instance="a"} at 3 ms: read NaN (0x7ff8000000000000), sent stale marker
    "#]],
    );
}

#[test]
fn the_system_contradicts_itself() {
    let mut store = stored(&[(1, 1.0)]);
    store.totals = Some(ReadTotals {
        series: 1,
        samples: 2,
    });
    check(
        &[(&[(1, 1.0)], Fate::Acked, None)],
        store,
        expect![[r#"
        requests: 1 acknowledged, 0 refused, 0 unknown, 0 not sent
        expected: 1 series, 1 samples; read: 1 series, 1 samples, of them 1 exact and 0 only NaN
        optional: 0 found, 0 absent; hidden staleness markers: 0; HA pairs: 0 proven, 0 unproven
        1 totals that differ
          : the system counts 1 series and 2 samples, but gave 1 and 1
    "#]],
    );
}

#[test]
fn an_empty_ledger_proves_nothing() {
    check(
        &[],
        Store::default(),
        expect![[r#"
        requests: 0 acknowledged, 0 refused, 0 unknown, 0 not sent
        expected: 0 series, 0 samples; read: 0 series, 0 samples, of them 0 exact and 0 only NaN
        optional: 0 found, 0 absent; hidden staleness markers: 0; HA pairs: 0 proven, 0 unproven
        no fault found
        remark: nothing was read: the ledger has no sample, and no range was given
    "#]],
    );
}

/// The remark that a journal's end leads to, or the error.
#[track_caller]
fn check_end(change: &dyn Fn(&mut Vec<u8>), expected: Expect) {
    let dir = tempfile::tempdir().expect("make a directory");
    let path = dir.path().join("journal");
    record(&path, &[(&[(5, 1.0)], Fate::Acked, None)])
        .close()
        .expect("close");
    let mut bytes = fs::read(&path).expect("read");
    change(&mut bytes);
    fs::write(&path, bytes).expect("write");
    let mut store = stored(&[(5, 1.0)]);
    let said = match verify(&path, &VerifyOptions::default(), None, &mut store, &mut |_| {}) {
        Ok(verdict) => format!("{:?} {:?}", verdict.remarks, verdict.faults),
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&said);
}

#[test]
fn journals_end_in_several_ways() {
    const END_FRAME_BYTES: usize = 25;
    check_end(&|_| {}, expect!["[] {}"]);
    check_end(
        &|bytes| bytes.truncate(bytes.len() - END_FRAME_BYTES),
        expect![[r#"["the journal was not closed; requests without a fate count as unknown"] {}"#]],
    );
    check_end(
        &|bytes| bytes.truncate(bytes.len() - 1),
        expect![[
            r#"["the journal ends within a frame at byte 90; what was sent after that shows as unexpected"] {}"#
        ]],
    );
    // The fate is torn off: the request is unknown.
    check_end(
        &|bytes| bytes.truncate(bytes.len() - END_FRAME_BYTES - 1),
        expect![[
            r#"["the journal ends within a frame at byte 76; what was sent after that shows as unexpected"] {}"#
        ]],
    );
    check_end(
        &|bytes| bytes.push(0),
        expect!["the journal is damaged at byte 115: bytes follow its end"],
    );
    check_end(
        &|bytes| bytes[40] ^= 1,
        expect!["the journal is damaged at byte 20: a checksum is wrong"],
    );
    check_end(
        &|bytes| bytes[0] ^= 1,
        expect!["the journal is not one this version reads: it starts with other bytes"],
    );
    check_end(
        &|bytes| bytes[8] = 2,
        expect!["the journal is not one this version reads: it has version 2"],
    );
    check_end(
        &|bytes| bytes.truncate(5),
        expect!["the journal is not one this version reads: it has no header"],
    );
}

/// The example of docs/formats/loadtest-ledger.md.
#[test]
fn the_format_is_as_documented() {
    let dir = tempfile::tempdir().expect("make a directory");
    let path = dir.path().join("journal");
    let ledger = Ledger::create(&path, "d").expect("create");
    let mut rows = Rows::default();
    let series = ledger.series(&SeriesLabels::new([("a", "b")])).expect("series");
    rows.push(series, 5, SampleValue::float(1.0));
    let request = ledger.begin(Content::Rows(&rows), None).expect("begin");
    ledger.settle(request, &Fate::Acked).expect("settle");
    ledger.close().expect("close");
    let hex: Vec<String> = fs::read(&path)
        .expect("read")
        .chunks(16)
        .map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect())
        .collect();
    expect![[r#"
        56494749454c44470100010100000064
        427c5726020400000001610162460813
        ba030f0000000001000000000a000000
        000000f03f09df9d3405050000000000
        000003c6194732061000000001000000
        010000000100000000000000d5282d10"#]]
    .assert_eq(&hex.join("\n"));
}

/// Request `n` has the samples n and n + 1 of two series.
struct Corpus {
    asked: Vec<u64>,
}

impl Regenerate for Corpus {
    fn request(&mut self, _: u32, number: u64, row: &mut RowVisitor<'_>) -> Result<u128, BoxError> {
        self.asked.push(number);
        for series in 0..2_u64 {
            let instance = series.to_string();
            let value = SampleValue::float((number + series) as f64);
            row(u128::from(series), number as i64, value, &|| up(&instance));
        }
        Ok(body_digest(&number.to_le_bytes()))
    }
}

#[track_caller]
fn check_reference(rows: u32, body: u64, expected: Expect) {
    let dir = tempfile::tempdir().expect("make a directory");
    let path = dir.path().join("journal");
    let ledger = Ledger::create(&path, "d").expect("create");
    for number in [9_u64, 8] {
        let content = Content::Reference {
            source: 3,
            number,
            rows,
            digest: body_digest(&(number ^ body).to_le_bytes()),
        };
        let request = ledger.begin(content, None).expect("begin");
        ledger.settle(request, &Fate::Acked).expect("settle");
    }
    ledger.close().expect("close");
    let mut store = Store::default();
    for (instance, time_ms, value) in [("0", 8, 8.0), ("0", 9, 9.0), ("1", 8, 9.0)] {
        store.put(&up(instance), time_ms, SampleValue::float(value));
    }
    let mut corpus = Corpus { asked: Vec::new() };
    let said = match verify(
        &path,
        &VerifyOptions::default(),
        Some(&mut corpus),
        &mut store,
        &mut |_| {},
    ) {
        Ok(verdict) => verdict.to_string(),
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&format!("{:?}\n{said}", corpus.asked));
}

#[test]
fn requests_are_made_again() {
    check_reference(
        2,
        0,
        expect![[r#"
        [8, 9]
        requests: 2 acknowledged, 0 refused, 0 unknown, 0 not sent
        expected: 2 series, 4 samples; read: 2 series, 3 samples, of them 3 exact and 0 only NaN
        optional: 0 found, 0 absent; hidden staleness markers: 0; HA pairs: 0 proven, 0 unproven
        1 missing
          {__name__="up",instance="1"} at 9 ms: acknowledged 10 (0x4024000000000000) is not there
    "#]],
    );
    check_reference(
        2,
        1,
        expect![[r#"
        [8]
        request 8 of source 3, made again, is not what was sent: its body has another digest"#]],
    );
    check_reference(
        3,
        0,
        expect![[r#"
        [8]
        request 8 of source 3, made again, is not what was sent: it has another number of rows"#]],
    );
}

#[test]
fn misuse_is_told() {
    let dir = tempfile::tempdir().expect("make a directory");
    let path = dir.path().join("journal");
    let own = record(&path, &[]);
    let other = record(&dir.path().join("other"), &[(&[], Fate::Acked, None)]);
    let request = other.begin(Content::Rows(&Rows::default()), None).expect("begin");
    assert!(matches!(
        own.settle(request, &Fate::Acked),
        Err(LedgerError::Misuse(_))
    ));
    assert!(matches!(
        Ledger::create(&path, "again"),
        Err(LedgerError::File { .. })
    ));
}

#[test]
fn selectors_are_promql() {
    let matchers = [
        Matcher::new("__name__", MatchKind::Regex, ".+"),
        Matcher::new("path", MatchKind::Equal, "a\"\\\nb"),
    ];
    expect![[r#"{__name__=~".+",path="a\"\\\nb"}"#]].assert_eq(&selector(&matchers));
}
