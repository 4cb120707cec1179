use proptest::prelude::*;
use vigie_model::{Labels, NORMAL_NAN_BITS};

use super::*;
use crate::TextEncoder;

/// One line per entry, then the error if there is one.
fn render(mut parser: Parser<'_>) -> String {
    let mut lines = String::new();
    loop {
        let line = match parser.next() {
            Ok(None) => return lines,
            Err(error) => format!("error {error}"),
            Ok(Some(Entry::Type { name, kind })) => format!("type {name} {}", kind.as_str()),
            Ok(Some(Entry::Help { name, text })) => format!("help {name} {text:?}"),
            Ok(Some(Entry::Unit { name, unit })) => format!("unit {name} {unit:?}"),
            Ok(Some(Entry::Histogram(histogram))) => format!("{histogram:?}"),
            Ok(Some(Entry::Comment(text))) => format!("comment {}", String::from_utf8_lossy(text)),
            Ok(Some(Entry::Series(series))) => {
                let labels = match series.labels() {
                    Ok(pairs) => format!("{:?}", Labels::from_pairs(pairs).unwrap()),
                    Err(error) => format!("error {error}"),
                };
                let exemplar = series.exemplar.map_or(String::new(), |exemplar| {
                    let labels = Labels::from_pairs(exemplar.labels().unwrap()).unwrap();
                    format!(
                        " exemplar {labels} {} {:?}",
                        exemplar.value, exemplar.timestamp_ms
                    )
                });
                let timestamp = series
                    .timestamp_ms
                    .map_or(String::new(), |time| format!(" @{time}"));
                format!("{labels} {}{timestamp}{exemplar}", series.value)
            }
        };
        lines.push_str(&line);
        lines.push('\n');
    }
}

fn check_text(input: impl AsRef<[u8]>, expected: &str) {
    assert_eq!(render(Parser::text(input.as_ref())), expected);
}

fn check_open_metrics(input: impl AsRef<[u8]>, expected: &str) {
    assert_eq!(render(Parser::open_metrics(input.as_ref())), expected);
}

#[test]
fn text_reads_samples_and_metadata() {
    check_text(
        "# HELP requests_total How \\\\ many\\nrequests \"so far\".\n\
         # TYPE requests_total counter\n\
         requests_total{code=\"200\",path=\"/a\\\"b\\\\c\\n\\x\"} 1027 1395066363000\n\
         \n  \t\n\
         requests_total{ code = \"400\" , } \t 3\t-5 \n\
         # just a remark\n#TYPE not a type\n# HELPLESS\n\
         plain +Inf\nplain2{} -0.5\nspaced {a=\"1\"} 2\ntight{a=\"}\"}7\n\
         no_line_end NaN",
        "help requests_total \"How \\\\ many\\nrequests \\\"so far\\\".\"\n\
         type requests_total counter\n\
         {__name__=\"requests_total\", code=\"200\", path=\"/a\\\"b\\\\c\\n\\\\x\"} 1027 @1395066363000\n\
         {__name__=\"requests_total\", code=\"400\"} 3 @-5\n\
         comment # just a remark\ncomment #TYPE not a type\ncomment # HELPLESS\n\
         {__name__=\"plain\"} inf\n{__name__=\"plain2\"} -0.5\n{__name__=\"spaced\", a=\"1\"} 2\n\
         {__name__=\"tight\", a=\"}\"} 7\n{__name__=\"no_line_end\"} NaN\n",
    );
}

#[test]
fn text_reads_quoted_names() {
    check_text(
        "# TYPE \"my.\\\"metric\" gauge\n# HELP \"é\" x\n\
         {\"my.metric\",\"a.b\"=\"c\"} 1\n{a=\"b\",\"late\"} 2\n{\"alone\"} 3\n",
        "type my.\"metric gauge\nhelp é \"x\"\n\
         {__name__=\"my.metric\", \"a.b\"=\"c\"} 1\n{__name__=\"late\", a=\"b\"} 2\n{__name__=\"alone\"} 3\n",
    );
}

#[test]
fn bounds_are_normalised_by_type() {
    check_text(
        "a{le=\"1\"} 1\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_bucket{le=\"x\"} 1\n\
         # TYPE s summary\ns{quantile=\"1e-1\",le=\"1\"} 1\n",
        "{__name__=\"a\", le=\"1\"} 1\ntype h histogram\n{__name__=\"h_bucket\", le=\"1.0\"} 1\n\
         {__name__=\"h_bucket\", le=\"+Inf\"} 1\n{__name__=\"h_bucket\", le=\"x\"} 1\n\
         type s summary\n{__name__=\"s\", le=\"1\", quantile=\"0.1\"} 1\n",
    );
}

#[test]
fn text_refuses_what_is_malformed() {
    for (line, reason) in [
        ("# TYPE a countre", "invalid metric type \"countre\""),
        ("# TYPE a", "invalid metric type \"\""),
        ("# TYPE a unknown", "invalid metric type \"unknown\""),
        ("# HELP ", "expected metric name after HELP"),
        ("# HELP a$ b", "expected text in HELP"),
        ("a", "expected value after metric, got \"\""),
        ("a 0x1p3", "expected value after metric, got \"0x1p3\""),
        ("a 1_0", "expected value after metric, got \"1_0\""),
        ("a 1e999", "expected value after metric, got \"1e999\""),
        ("a 1\r", "expected value after metric, got \"1\\r\""),
        ("a 1 2.5", "invalid timestamp \"2.5\""),
        ("a 1 2 3", "unexpected data at end of line: \"3\""),
        (
            "a 1 99999999999999999999",
            "invalid timestamp \"99999999999999999999\"",
        ),
        ("9a 1", "expected a valid start token, got \"9a 1\""),
        ("é 1", "expected a valid start token, got \"é 1\""),
        ("\0", "expected a valid start token, got \"\\0\""),
        ("a{b=\"c\" 1", "expected value after metric, got \"{b=\\\"c\\\"\""),
    ] {
        check_text(
            format!("ok 1\n{line}\nok 2\n"),
            &format!("{{__name__=\"ok\"}} 1\nerror line 2 (byte 5): {reason}\n"),
        );
    }
    check_text(
        b"# HELP a \xff\n",
        "error line 1 (byte 0): help text is not a valid utf8 string\n",
    );
}

#[test]
fn malformed_series_are_found_when_decoded() {
    for (raw, reason) in [
        ("a{b=c}", "expected quoted value of label \"b\""),
        ("a{b}", "expected equal after label \"b\""),
        (
            "a{b=\"c\" d=\"e\"}",
            "expected comma or brace close, got \"d=\\\"e\\\"\"",
        ),
        ("a{,}", "expected label name, got \",\""),
        ("a{9=\"c\"}", "expected label name, got \"9=\\\"c\\\"\""),
        ("a{b=\"c}", "expected quoted value of label \"b\""),
        ("a{b=\"c\\\"}", "expected quoted value of label \"b\""),
        (
            "a{b=\"c\"}{d=\"e\"}",
            "expected comma or brace close, got \"}{d=\\\"e\\\"\"",
        ),
        ("a{\"b\"}", "metric name already set"),
        ("{\"a\",\"b\"}", "metric name already set"),
        ("a{__name__=\"b\"}", "metric name already set"),
        ("{b=\"c\"}", "metric name not set"),
        ("{}", "metric name not set"),
        ("{\"\"}", "metric name not set"),
        ("a{\"\"=\"c\"}", "expected label name, got \"c\""),
        ("a{b=\"c\",d=\"e\",b=\"f\"}", "label name \"b\" is not unique"),
    ] {
        check_text(format!("{raw} 1\n"), &format!("error {reason} 1\n"));
        check_open_metrics(format!("{raw} 1\n# EOF"), &format!("error {reason} 1\n"));
    }
    check_text(
        b"a{b=\"\xff\"} 1\n",
        "error invalid UTF-8 in label name or value: \"\u{fffd}\" 1\n",
    );
}

#[test]
fn open_metrics_reads_samples_and_metadata() {
    check_open_metrics(
        "# HELP a_seconds \\\"quoted\\\"\n# UNIT a_seconds seconds\n# TYPE a_seconds counter\n# UNIT b \n\
         # TYPE \"c.d\" stateset\n\
         a_seconds_total{b=\"# {x}\"} 17 1520879607.789 # {trace_id=\"a}b\"} 0.5 -1.5\n\
         a_seconds_total 17 # {} NaN\n\
         {\"c.d\",\"e.f\"=\"g\"} 1\na_seconds_created 1520872607.1\n# EOF\n",
        "help a_seconds \"\\\"quoted\\\"\"\nunit a_seconds \"seconds\"\ntype a_seconds counter\nunit b \"\"\n\
         type c.d stateset\n\
         {__name__=\"a_seconds_total\", b=\"# {x}\"} 17 @1520879607789 exemplar {trace_id=\"a}b\"} 0.5 Some(-1500)\n\
         {__name__=\"a_seconds_total\"} 17 exemplar {} NaN None\n\
         {__name__=\"c.d\", \"e.f\"=\"g\"} 1\n{__name__=\"a_seconds_created\"} 1520872607.1\n",
    );
    check_open_metrics("# EOF", "");
}

#[test]
fn open_metrics_refuses_what_is_malformed() {
    for (line, reason) in [
        ("", "expected a valid start token, got \"\""),
        ("# remark", "expected a valid start token, got \"# remark\""),
        (
            "#  TYPE a counter",
            "expected a valid start token, got \"#  TYPE a counter\"",
        ),
        ("# TYPE a untyped", "invalid metric type \"untyped\""),
        ("# TYPE a", "expected text in TYPE"),
        (
            "# UNIT a_seconds minutes",
            "unit \"minutes\" not a suffix of metric \"a_seconds\"",
        ),
        (
            "# UNIT seconds seconds",
            "unit \"seconds\" not a suffix of metric \"seconds\"",
        ),
        (" a 1", "expected a valid start token, got \" a 1\""),
        ("a  1", "expected value after metric, got \"  1\""),
        ("a\t1", "expected value after metric, got \"\\t1\""),
        ("a 1 ", "invalid timestamp \" \""),
        ("a 1 NaN", "invalid timestamp \" NaN\""),
        ("a 1 2 3", "unexpected data at end of line: \" 3\""),
        ("a 1 # x", "invalid timestamp \" # x\""),
        ("a 1 # {\"q\"} 1", "expected label name, got \"q\""),
        (
            "a 1 # {b=\"c\"}",
            "expected value after exemplar labels, got \"\"",
        ),
        ("a 1 # {b=\"c\"} 1 2 3", "unexpected data at end of line: \" 3\""),
        ("a 1 # {b=\"c\" 1", "label set is not closed"),
        ("a{b=\"c\" 1", "label set is not closed"),
        ("# EOF", "unexpected data after # EOF"),
    ] {
        check_open_metrics(
            format!("ok 1\n{line}\n# EOF\n"),
            &format!("{{__name__=\"ok\"}} 1\nerror line 2 (byte 5): {reason}\n"),
        );
    }
    for input in ["a 1\n", "a 1\n# EO", "a 1\nb 2"] {
        check_open_metrics(
            input,
            "{__name__=\"a\"} 1\nerror line 2 (byte 4): data does not end with # EOF\n",
        );
    }
}

#[test]
fn staleness_cannot_be_forged() {
    for mut parser in [Parser::text(b"a nan\n"), Parser::open_metrics(b"a NaN\n# EOF\n")] {
        let Ok(Some(Entry::Series(series))) = parser.next() else {
            panic!("no series");
        };
        assert_eq!(series.value.to_bits(), NORMAL_NAN_BITS);
    }
}

proptest! {
    #[test]
    fn any_bytes_end_in_entries_or_an_error(input in prop::collection::vec(any::<u8>(), 0..200)) {
        render_any(&input);
    }

    /// Bytes of the grammar get further than random ones.
    #[test]
    fn any_grammar_bytes_end_in_entries_or_an_error(
        input in prop::collection::vec(prop::sample::select(b"a1{}=\",\\ #\n\tnT.".to_vec()), 0..80),
        prefix in prop::sample::select(vec!["", "# HELP ", "# TYPE ", "# UNIT ", "a{", "a 1 # {", "{\""]),
    ) {
        render_any(&[prefix.as_bytes(), &input].concat());
    }

    #[test]
    fn what_is_written_reads_back(
        name in "\\PC{1,8}|[a-z_:]{1,8}",
        pairs in prop::collection::btree_map("[a-z]{1,3}|\\PC{1,5}", "[\\PC\\n]{1,9}", 0..4),
        value in any::<f64>(),
        timestamp_ms in any::<Option<i64>>(),
    ) {
        let mut pairs = pairs;
        pairs.insert("__name__".to_owned(), name);
        let labels = Labels::from_pairs(&pairs).unwrap();
        let mut buffer = Vec::new();
        TextEncoder::new(&mut buffer).sample(&labels, value, timestamp_ms);
        let mut parser = Parser::text(&buffer);
        let Ok(Some(Entry::Series(series))) = parser.next() else {
            panic!("{:?}: {:?}", String::from_utf8_lossy(&buffer), Parser::text(&buffer).next());
        };
        prop_assert_eq!(Labels::from_pairs(series.labels().unwrap()).unwrap(), labels);
        prop_assert!(series.value == value || (series.value.is_nan() && value.is_nan()));
        prop_assert_eq!(series.timestamp_ms, timestamp_ms);
        prop_assert_eq!(parser.next(), Ok(None));
    }
}

/// Decodes all there is; only panics matter.
fn render_any(input: &[u8]) {
    for mut parser in [Parser::text(input), Parser::open_metrics(input)] {
        while let Ok(Some(entry)) = parser.next() {
            if let Entry::Series(series) = entry {
                let _ = series.labels();
                if let Some(exemplar) = series.exemplar {
                    let _ = exemplar.labels();
                }
            }
        }
    }
}
