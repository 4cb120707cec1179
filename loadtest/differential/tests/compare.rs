//! What counts as a difference.

use vigie_differential::{Answer, Identity, Tolerance, compare};

fn vector(series: &[(&str, &str)]) -> Answer {
    let series: Vec<String> = series
        .iter()
        .map(|(label, value)| format!(r#"{{"metric":{{"l":"{label}"}},"value":[1,"{value}"]}}"#))
        .collect();
    let body = format!(
        r#"{{"status":"success","data":{{"resultType":"vector","result":[{}]}},"warnings":["w"]}}"#,
        series.join(",")
    );
    Answer::parse(200, &body).expect("the body is well formed")
}

fn error(status: u16, error_type: &str, message: &str) -> Answer {
    let body = format!(r#"{{"status":"error","errorType":"{error_type}","error":"{message}"}}"#);
    Answer::parse(status, &body).expect("the body is well formed")
}

/// `expected` is the difference, or empty.
fn check(a: &Answer, b: &Answer, tolerance: Tolerance, expected: &str) {
    let found = compare(a, b, &tolerance).map_or(String::new(), |difference| difference.to_string());
    assert_eq!(found, expected);
}

fn exact() -> Tolerance {
    Tolerance {
        relative: 0.0,
        ..Tolerance::default()
    }
}

#[test]
fn floats_are_equal_within_the_tolerance() {
    let same = Tolerance::default();
    for (a, b) in [
        ("1", "1.0000000000001"),
        ("NaN", "NaN"),
        ("+Inf", "+Inf"),
        ("0", "-0"),
        ("1.7976931348623157e308", "1.7976931348623155e308"),
    ] {
        check(&vector(&[("x", a)]), &vector(&[("x", b)]), same, "");
    }
    for (a, b, shown) in [
        ("1", "1.00000000001", "1.0 and 1.00000000001"),
        ("NaN", "1", "NaN and 1.0"),
        ("+Inf", "-Inf", "inf and -inf"),
        ("0", "1e-300", "0.0 and 1e-300"),
        (
            "1.7976931348623157e308",
            "-1.7976931348623157e308",
            "1.7976931348623157e308 and -1.7976931348623157e308",
        ),
    ] {
        let expected = format!("Value: {{l=\"x\"}}: {shown} at 1000 ms");
        check(&vector(&[("x", a)]), &vector(&[("x", b)]), same, &expected);
    }
    check(
        &vector(&[("x", "1")]),
        &vector(&[("x", "1.0000000000000002")]),
        exact(),
        "Value: {l=\"x\"}: 1.0 and 1.0000000000000002 at 1000 ms",
    );
}

#[test]
fn series_are_sets_unless_a_sequence_is_asked_for() {
    let (ab, ba) = (
        vector(&[("a", "1"), ("b", "2")]),
        vector(&[("b", "2"), ("a", "1")]),
    );
    check(&ab, &ba, exact(), "");
    let ordered = Tolerance {
        ordered: true,
        ..exact()
    };
    check(
        &ab,
        &ba,
        ordered,
        "Order: the sequence of values differs at position 0",
    );
    let tied = |order: [&str; 2]| vector(&order.map(|label| (label, "1")));
    check(&tied(["a", "b"]), &tied(["b", "a"]), ordered, "");
    check(
        &ab,
        &vector(&[("b", "2"), ("c", "3")]),
        exact(),
        "Series: {l=\"a\"}: only in the first answer (and 1 more series)",
    );
    check(
        &ab,
        &vector(&[("a", "1"), ("a", "1")]),
        exact(),
        "Duplicate: {l=\"a\"} appears twice in one answer",
    );
}

#[test]
fn a_choice_among_equals_is_compared_by_value() {
    let by_value = Tolerance {
        identity: Identity::Values,
        ..exact()
    };
    let (a, b) = (
        vector(&[("a", "1"), ("b", "NaN")]),
        vector(&[("d", "NaN"), ("c", "1")]),
    );
    check(&a, &b, by_value, "");
    check(
        &a,
        &vector(&[("a", "1")]),
        by_value,
        "Value: values [1.0 NaN] and [1.0] at 1000 ms",
    );
}

#[test]
fn errors_are_equal_by_status_and_type() {
    let (a, b) = (error(422, "execution", "one"), error(422, "execution", "other"));
    check(&a, &b, exact(), "");
    let strict = Tolerance {
        error_messages: true,
        ..exact()
    };
    check(&a, &b, strict, "ErrorMessage: \"one\" and \"other\"");
    check(
        &a,
        &error(400, "bad_data", "x"),
        exact(),
        "ErrorType: 422 execution (one) and 400 bad_data (x)",
    );
    check(
        &vector(&[]),
        &a,
        exact(),
        "Outcome: 200 vector and 422 execution (one)",
    );
}

#[test]
fn annotations_are_compared_when_asked() {
    let mut other = vector(&[]);
    other.warnings.clear();
    check(&vector(&[]), &other, exact(), "");
    let strict = Tolerance {
        annotations: true,
        ..exact()
    };
    check(
        &vector(&[]),
        &other,
        strict,
        "Annotations: only in one answer: [\"w\"]",
    );
}
