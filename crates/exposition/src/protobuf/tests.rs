use proptest::prelude::*;
use vigie_model::{Labels, write_uvarint, write_varint};

use super::*;

/// Writes messages.
#[derive(Debug, Clone, Default)]
struct Message(Vec<u8>);

impl Message {
    fn tag(mut self, number: u64, wire_type: u64) -> Message {
        write_uvarint(&mut self.0, number << 3 | wire_type);
        self
    }

    fn varint(self, number: u64, value: u64) -> Message {
        let mut message = self.tag(number, 0);
        write_uvarint(&mut message.0, value);
        message
    }

    fn signed(self, number: u64, value: i64) -> Message {
        let mut message = self.tag(number, 0);
        write_varint(&mut message.0, value);
        message
    }

    fn double(self, number: u64, value: f64) -> Message {
        let mut message = self.tag(number, 1);
        message.0.extend_from_slice(&value.to_le_bytes());
        message
    }

    fn bytes(self, number: u64, bytes: &[u8]) -> Message {
        let mut message = self.tag(number, 2);
        write_uvarint(&mut message.0, bytes.len() as u64);
        message.0.extend_from_slice(bytes);
        message
    }

    fn message(self, number: u64, inner: Message) -> Message {
        self.bytes(number, &inner.0)
    }

    fn labels(self, number: u64, pairs: &[(&str, &str)]) -> Message {
        pairs.iter().fold(self, |message, (name, value)| {
            let pair = Message::default()
                .bytes(1, name.as_bytes())
                .bytes(2, value.as_bytes());
            message.message(number, pair)
        })
    }

    /// With its length before it.
    fn delimited(self) -> Vec<u8> {
        let mut out = Vec::new();
        write_uvarint(&mut out, self.0.len() as u64);
        out.extend_from_slice(&self.0);
        out
    }
}

fn family(name: &str, kind: u64, metrics: impl IntoIterator<Item = Message>) -> Vec<u8> {
    let family = Message::default()
        .bytes(1, name.as_bytes())
        .bytes(2, b"Help.")
        .varint(3, kind);
    metrics
        .into_iter()
        .fold(family, |family, metric| family.message(4, metric))
        .delimited()
}

fn timestamp(seconds: u64, nanos: u64) -> Message {
    Message::default().varint(1, seconds).varint(2, nanos)
}

fn exemplar(id: &str, value: f64, time: Option<Message>) -> Message {
    let exemplar = Message::default().labels(1, &[("trace_id", id)]).double(2, value);
    match time {
        Some(time) => exemplar.message(3, time),
        None => exemplar,
    }
}

fn span(offset: i64, length: u64) -> Message {
    Message::default().signed(1, offset).varint(2, length)
}

fn bucket(bound: f64, cumulative: u64) -> Message {
    Message::default().varint(1, cumulative).double(2, bound)
}

fn metric(labels: &[(&str, &str)], number: u64, value: Message) -> Message {
    Message::default().labels(1, labels).message(number, value)
}

const ALL: ExpositionOptions = ExpositionOptions {
    native: true,
    keep_classic: true,
    convert_classic: false,
    start_timestamps: false,
};

/// One line per entry, then the error if there is one.
fn render(input: &[u8], options: ExpositionOptions) -> String {
    let mut lines = String::new();
    let mut parser = ProtobufParser::new(input, options);
    loop {
        let line = match parser.next() {
            Ok(None) => return lines,
            Err(error) => format!("error {error}"),
            Ok(Some(Entry::Type { name, kind })) => format!("type {name} {}", kind.as_str()),
            Ok(Some(Entry::Help { name, text })) => format!("help {name} {text:?}"),
            Ok(Some(Entry::Unit { name, unit })) => format!("unit {name} {unit:?}"),
            Ok(Some(Entry::Comment(_))) => "comment".to_owned(),
            Ok(Some(Entry::Series(series))) => format!(
                "{} {}{}",
                shown(series.raw, series.kind),
                series.value,
                tail(
                    series.timestamp_ms,
                    series.start_timestamp_ms,
                    series.exemplar.into_iter()
                )
            ),
            Ok(Some(Entry::Histogram(series))) => {
                let form = match series.value {
                    NativeValue::Integer(_) => "integer",
                    NativeValue::Float(_) => "float",
                };
                let float = series.value.to_float();
                format!(
                    "{} {form} {float}{}",
                    shown(series.raw, series.kind),
                    tail(
                        series.timestamp_ms,
                        series.start_timestamp_ms,
                        series.exemplars.iter()
                    )
                )
            }
        };
        lines.push_str(&line);
        lines.push('\n');
    }
}

fn shown(raw: &[u8], kind: MetricKind) -> String {
    match crate::parse_series(raw, kind) {
        Ok(pairs) => format!(
            "{} => {}",
            String::from_utf8_lossy(raw),
            Labels::from_pairs(pairs).unwrap()
        ),
        Err(error) => format!("{} => error {error}", String::from_utf8_lossy(raw)),
    }
}

fn tail<'a>(
    timestamp_ms: Option<i64>,
    start_ms: Option<i64>,
    exemplars: impl Iterator<Item = crate::Exemplar<'a>>,
) -> String {
    let mut tail = String::new();
    if let Some(time) = timestamp_ms {
        tail += &format!(" @{time}");
    }
    if let Some(time) = start_ms {
        tail += &format!(" since {time}");
    }
    for exemplar in exemplars {
        let labels = Labels::from_pairs(exemplar.labels().unwrap()).unwrap();
        tail += &format!(
            " exemplar {labels} {} {:?}",
            exemplar.value, exemplar.timestamp_ms
        );
    }
    tail
}

fn check(input: &[u8], options: ExpositionOptions, expected: &str) {
    assert_eq!(render(input, options), expected);
}

#[test]
fn simple_metrics() {
    let mut input = family(
        "requests_total",
        0,
        [
            metric(
                &[("code", "200"), ("path", "a\"b\\c\n")],
                3,
                Message::default()
                    .double(1, 7.0)
                    .message(2, exemplar("x", 0.5, Some(timestamp(3, 1_500_000))))
                    .message(3, timestamp(2, 0)),
            )
            .varint(6, 5000),
            metric(&[], 3, Message::default()),
        ],
    );
    input.extend(
        Message::default()
            .bytes(1, b"size.bytes")
            .varint(3, 1)
            .bytes(5, b"bytes")
            .message(
                4,
                metric(&[("a.b", "c")], 2, Message::default().double(1, f64::NAN)),
            )
            .delimited(),
    );
    input.extend(family("nothing", 1, []));
    input.extend(family(
        "any",
        3,
        [metric(&[], 5, Message::default().double(1, 1.5))],
    ));
    check(
        &input,
        ALL,
        "help requests_total \"Help.\"\ntype requests_total counter\n\
         requests_total{code=\"200\",path=\"a\\\"b\\\\c\\n\"} => \
         {__name__=\"requests_total\", code=\"200\", path=\"a\\\"b\\\\c\\n\"} 7 @5000 since 2000 \
         exemplar {trace_id=\"x\"} 0.5 Some(3001)\n\
         requests_total{} => {__name__=\"requests_total\"} 0\n\
         help size.bytes \"\"\nunit size.bytes \"bytes\"\ntype size.bytes gauge\n\
         {\"size.bytes\",\"a.b\"=\"c\"} => {__name__=\"size.bytes\", \"a.b\"=\"c\"} NaN\n\
         help any \"Help.\"\ntype any unknown\nany{} => {__name__=\"any\"} 1.5\n",
    );
}

#[test]
fn summaries_become_series() {
    let quantile = |of: f64, value: f64| Message::default().double(1, of).double(2, value);
    let summary = Message::default()
        .varint(1, 3)
        .double(2, 4.5)
        .message(3, quantile(0.5, 1.0))
        .message(3, quantile(1.0, 2.0));
    let bare = Message::default().varint(1, 3);
    check(
        &family("s", 2, [metric(&[("a", "b")], 4, summary), metric(&[], 4, bare)]),
        ALL,
        "help s \"Help.\"\ntype s summary\n\
         s_count{a=\"b\"} => {__name__=\"s_count\", a=\"b\"} 3\n\
         s_sum{a=\"b\"} => {__name__=\"s_sum\", a=\"b\"} 4.5\n\
         s{a=\"b\",quantile=\"0.5\"} => {__name__=\"s\", a=\"b\", quantile=\"0.5\"} 1\n\
         s{a=\"b\",quantile=\"1.0\"} => {__name__=\"s\", a=\"b\", quantile=\"1.0\"} 2\n\
         s_count{} => {__name__=\"s_count\"} 3\ns_sum{} => {__name__=\"s_sum\"} 0\n",
    );
}

/// With classic buckets and a native part.
fn both() -> Message {
    Message::default()
        .varint(1, 6)
        .double(2, 9.0)
        .message(3, bucket(1.0, 2).message(3, exemplar("c", 0.5, None)))
        .message(3, bucket(2.0, 5))
        .signed(5, 3)
        .double(6, 0.001)
        .varint(7, 1)
        .message(12, span(0, 2))
        .message(12, span(1, 2))
        .signed(13, 2)
        .signed(13, -1)
        .bytes(13, &[1, 2])
        .message(15, timestamp(1, 0))
        .message(16, exemplar("n", 1.5, Some(timestamp(4, 0))))
        .message(16, exemplar("without time", 1.5, None))
}

const CLASSIC: &str = "h_count{} => {__name__=\"h_count\"} 6 since 1000\n\
    h_sum{} => {__name__=\"h_sum\"} 9 since 1000\n\
    h_bucket{le=\"1.0\"} => {__name__=\"h_bucket\", le=\"1.0\"} 2 since 1000 exemplar {trace_id=\"c\"} 0.5 None\n\
    h_bucket{le=\"2.0\"} => {__name__=\"h_bucket\", le=\"2.0\"} 5 since 1000\n\
    h_bucket{le=\"+Inf\"} => {__name__=\"h_bucket\", le=\"+Inf\"} 6 since 1000\n";

#[test]
fn histograms_are_read_as_the_options_say() {
    let input = family("h", 4, [metric(&[], 7, both())]);
    let head = "help h \"Help.\"\ntype h histogram\n";
    for (native, keep_classic, convert_classic, parts) in [
        (false, false, false, "classic"),
        (true, false, false, "native"),
        (true, true, false, "native classic"),
        (true, false, true, "native"),
        (true, true, true, "native classic"),
        (false, false, true, "custom"),
        (false, true, true, "classic custom"),
    ] {
        let options = ExpositionOptions {
            native,
            keep_classic,
            convert_classic,
            start_timestamps: false,
        };
        let rendered = render(&input, options);
        let mut rest = rendered.strip_prefix(head).unwrap();
        for part in parts.split(' ') {
            if part == "classic" {
                rest = rest.strip_prefix(CLASSIC).unwrap_or_else(|| panic!("{rest}"));
                continue;
            }
            let (line, after) = rest.split_once('\n').unwrap();
            rest = after;
            assert!(
                line.starts_with("h{} => {__name__=\"h\"} integer {count:6, sum:9"),
                "{line}"
            );
            assert!(
                line.ends_with("exemplar {trace_id=\"n\"} 1.5 Some(4000)"),
                "{line}"
            );
        }
        assert_eq!(rest, "", "{options:?}");
    }
}

fn only_histogram(histogram: Message, kind: u64, options: ExpositionOptions) -> NativeValue {
    let input = family("h", kind, [metric(&[], 7, histogram)]);
    let mut parser = ProtobufParser::new(&input, options);
    loop {
        match parser.next() {
            Ok(Some(Entry::Histogram(series))) => return series.value,
            Ok(Some(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn native_histograms_keep_their_layout() {
    let NativeValue::Integer(histogram) = only_histogram(both(), 4, ALL) else {
        panic!("not integer");
    };
    assert_eq!((histogram.schema, histogram.zero_threshold), (3, 0.001));
    assert_eq!(
        (histogram.count, histogram.zero_count, histogram.sum),
        (6, 1, 9.0)
    );
    let spans: Vec<_> = histogram
        .positive_spans
        .iter()
        .map(|span| (span.offset, span.length))
        .collect();
    // The third bucket is empty and cut out.
    assert_eq!(spans, [(0, 2), (2, 1)]);
    assert_eq!(histogram.positive_deltas, [2, -1, 0]);
}

#[test]
fn floats_and_gauges() {
    let histogram = Message::default()
        .double(4, 3.5)
        .double(8, 0.5)
        .signed(5, -1)
        .message(9, span(-2, 1))
        .double(11, 1.0)
        .message(12, span(0, 2))
        .bytes(14, &[1.0f64.to_le_bytes(), 1.0f64.to_le_bytes()].concat());
    let NativeValue::Float(histogram) = only_histogram(histogram, 5, ALL) else {
        panic!("not float");
    };
    assert_eq!(histogram.counter_reset_hint, CounterResetHint::Gauge);
    assert_eq!((histogram.count, histogram.zero_count), (3.5, 0.5));
    assert_eq!(histogram.negative_buckets, [1.0]);
    assert_eq!(histogram.positive_buckets, [1.0, 1.0]);
}

#[test]
fn what_is_malformed_ends_the_exposition() {
    let one = |message: Message| message.delimited();
    let named = || Message::default().bytes(1, b"m");
    for (input, reason) in [
        (vec![5, 1], "message is truncated"),
        (vec![0x80], "message is truncated"),
        (
            vec![0x80, 0x80, 0x80, 0x80, 0x80, 0],
            "message has a length of more than 32 bits",
        ),
        (
            one(named().message(4, Message::default()).varint(3, 9)),
            "unknown metric type for metric \"m\": 9",
        ),
        (
            one(Message::default().message(4, Message::default())),
            "invalid metric name: \"\"",
        ),
        (
            one(Message::default().bytes(1, b"\xff")),
            "field name is not valid UTF-8",
        ),
        (one(named().bytes(2, b"\xff")), "field help is not valid UTF-8"),
        (one(named().varint(4, 1)), "wrong wire type for field metric"),
        (one(named().tag(9, 3)), "unknown wire type 3"),
        (
            one(Message::default().tag(0, 0).varint(1, 1)),
            "field has number 0",
        ),
        (
            family("m", 1, [Message::default().labels(1, &[("", "x")])]),
            "invalid label name: \"\"",
        ),
        (
            family(
                "m",
                1,
                [Message::default().message(1, Message::default().bytes(1, b"a").bytes(2, b"\xff"))],
            ),
            "field label value is not valid UTF-8",
        ),
        (
            family(
                "m",
                4,
                [metric(
                    &[],
                    7,
                    Message::default().message(12, span(0, 4_000_000_000)),
                )],
            ),
            "histogram \"m\": positive side: spans require 4000000000 buckets, have 0",
        ),
        (
            family(
                "m",
                4,
                [metric(&[], 7, Message::default().signed(10, 1).double(6, 1.0))],
            ),
            "histogram \"m\": negative side: spans require 0 buckets, have 1",
        ),
    ] {
        let rendered = render(&input, ALL);
        let last = rendered.lines().last().unwrap_or_default();
        assert_eq!(last, format!("error metric family at byte 0: {reason}"));
    }
    let contradictory = Message::default()
        .varint(1, 1)
        .message(3, bucket(1.0, 2))
        .message(3, bucket(f64::INFINITY, 2));
    let options = ExpositionOptions {
        convert_classic: true,
        ..ExpositionOptions::default()
    };
    let rendered = render(&family("m", 4, [metric(&[], 7, contradictory)]), options);
    assert!(
        rendered.ends_with("histogram \"m\": count mismatch: count=1 != le=+Inf count=2\n"),
        "{rendered}"
    );
}

fn any_text() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop_oneof![
            any::<char>(),
            Just('"'),
            Just('\\'),
            Just('\n'),
            prop::char::range('a', 'z')
        ],
        1..12,
    )
    .prop_map(|characters| characters.into_iter().collect())
}

fn any_options() -> impl Strategy<Value = ExpositionOptions> {
    any::<(bool, bool, bool)>().prop_map(|(native, keep_classic, convert_classic)| ExpositionOptions {
        native,
        keep_classic,
        convert_classic,
        start_timestamps: false,
    })
}

proptest! {
    /// The made-up bytes of a series give back its name and labels, whatever characters they have.
    #[test]
    fn labels_survive(
        name in any_text(),
        labels in prop::collection::btree_map(any_text(), any_text(), 0..4),
        value in any::<f64>().prop_filter("not NaN", |value| !value.is_nan()),
    ) {
        prop_assume!(!labels.contains_key("__name__"));
        let pairs: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (&**name, &**value)).collect();
        let input = family(&name, 1, [metric(&pairs, 2, Message::default().double(1, value))]);
        let mut parser = ProtobufParser::new(&input, ALL);
        while let Some(entry) = parser.next().unwrap() {
            if let Entry::Series(series) = entry {
                prop_assert_eq!(series.value.to_bits(), value.to_bits());
                let mut expected = vec![("__name__", &*name)];
                expected.extend(&pairs);
                prop_assert_eq!(
                    Labels::from_pairs(series.labels().unwrap()).unwrap(),
                    Labels::from_pairs(expected).unwrap()
                );
            }
        }
    }

    #[test]
    fn integer_histograms_survive(
        schema in -4i64..=8,
        counts in prop::collection::vec(1u32..1000, 1..20),
        offset in -100i64..100,
    ) {
        let mut before = 0;
        let mut histogram = Message::default()
            .varint(1, counts.iter().map(|count| u64::from(*count)).sum())
            .signed(5, schema)
            .message(12, span(offset, counts.len() as u64));
        for count in &counts {
            histogram = histogram.signed(13, i64::from(*count) - before);
            before = i64::from(*count);
        }
        let value = only_histogram(histogram, 4, ALL);
        let NativeValue::Integer(integer) = &value else {
            return Err(TestCaseError::fail("not integer"));
        };
        prop_assert_eq!(integer.validate(), Ok(()));
        let float = value.to_float();
        let expected: Vec<f64> = counts.iter().map(|count| f64::from(*count)).collect();
        prop_assert_eq!(float.positive_buckets, expected);
        prop_assert_eq!(float.positive_spans[0].offset, offset as i32);
    }

    #[test]
    fn damage_never_panics(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        options in any_options(),
    ) {
        let mut input = family("h", 4, [metric(&[("a", "b")], 7, both()), metric(&[], 7, both())]);
        input.extend(family("c", 0, [metric(&[], 3, Message::default().double(1, 7.0))]));
        for (index, value) in damage {
            let at = index.index(input.len());
            input[at] = value;
        }
        render(&input, options);
    }

    #[test]
    fn garbage_never_panics(input in prop::collection::vec(any::<u8>(), 0..200), options in any_options()) {
        render(&input, options);
    }
}
