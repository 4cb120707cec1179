//! Random queries.

use proptest::{prelude::*, sample::select};

use crate::functions::FUNCTIONS;

/// A word of the language, for sequences that are mostly wrong.
pub(super) fn word() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "@",
        "=",
        "=~",
        "!~",
        "!=",
        "==",
        "<",
        "</",
        ">/",
        "+",
        "-",
        "*",
        "/",
        "%",
        "^",
        "and",
        "or",
        "unless",
        "atan2",
        "bool",
        "on",
        "ignoring",
        "group_left",
        "group_right",
        "fill",
        "fill_left",
        "offset",
        "anchored",
        "smoothed",
        "by",
        "without",
        "sum",
        "topk",
        "count_values",
        "start",
        "end",
        "step",
        "range",
        "min_of",
        "rate",
        "abs",
        "time",
        "info",
        "a",
        "b:c",
        "1",
        "0x1f",
        "5m",
        "1h30m",
        "NaN",
        "\"s\"",
        "'t'",
        "`u`",
        "[5m]",
        "[5m:1m]",
        "offset 5m",
        "{a=\"b\"}",
        "(a)",
        "()",
        "#c\n",
    ];
    select(WORDS).prop_map(str::to_owned)
}

fn label() -> impl Strategy<Value = String> {
    prop_oneof![
        select(&["job", "le", "by", "sum", "offset", "_x"][..]).prop_map(str::to_owned),
        select(&["\"a.b\"", "'ü'", "`1x`"][..]).prop_map(str::to_owned),
    ]
}

fn labels() -> impl Strategy<Value = String> {
    prop::collection::vec(label(), 0..3).prop_map(|labels| format!("({})", labels.join(", ")))
}

fn string() -> impl Strategy<Value = String> {
    "[a-z .*\\PC]{0,6}"
        .prop_filter("read as broken UTF-8", |text| {
            !text.contains(char::REPLACEMENT_CHARACTER)
        })
        .prop_map(|text| vigie_model::quote_go(&text))
}

fn selector() -> impl Strategy<Value = String> {
    let matcher = (
        select(&["a", "b_2", "\"c d\"", "sum"][..]),
        select(&["=", "!="][..]),
        string(),
    )
        .prop_map(|(name, op, value)| format!("{name}{op}{value}"));
    (
        select(&["up", "a:b", "sum", "fill", "step", "offset"][..]),
        prop::collection::vec(matcher, 0..3),
    )
        .prop_map(|(name, matchers)| format!("{name}{{{}}}", matchers.join(",")))
}

fn duration() -> impl Strategy<Value = String> {
    let leaf =
        select(&["5m", "1h30m", "300", "0.5", "step()", "range()", "7d", "1ms"][..]).prop_map(str::to_owned);
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (
                inner.clone(),
                select(&["+", "-", "*", "/", "%", "^"][..]),
                inner.clone()
            )
                .prop_map(|(left, op, right)| format!("{left} {op} {right}")),
            inner.clone().prop_map(|inner| format!("({inner})")),
            inner.clone().prop_map(|inner| format!("-({inner} + step())")),
            (inner.clone(), inner).prop_map(|(left, right)| format!("max_of({left}, {right})")),
        ]
    })
}

/// `@` and `offset` in either order.
fn modifiers() -> impl Strategy<Value = String> {
    let at = select(&["", " @ 10", " @ -1.25", " @ start()", " @ end()"][..]);
    let offset = prop_oneof![
        Just(String::new()),
        duration().prop_map(|duration| format!(" offset ({duration})")),
        Just(" offset -5m".to_owned()),
    ];
    (at, offset, any::<bool>()).prop_map(|(at, offset, first)| {
        if first {
            format!("{at}{offset}")
        } else {
            format!("{offset}{at}")
        }
    })
}

fn scalar() -> impl Strategy<Value = String> {
    select(
        &[
            "1",
            "-2.5",
            "0x1F",
            "1e9",
            "Inf",
            "NaN",
            "5m",
            "time()",
            "pi() * 2",
            "(1 == bool 2)",
        ][..],
    )
    .prop_map(str::to_owned)
}

/// A query whose value is an instant vector.
pub(super) fn vector() -> impl Strategy<Value = String> {
    let leaf = (selector(), modifiers()).prop_map(|(selector, modifiers)| format!("({selector}{modifiers})"));
    leaf.prop_recursive(5, 40, 3, |inner| {
        let operator = select(&["+", "-", "*", "/", "%", "^", "atan2", "</", ">/", "> bool", "=="][..]);
        let grouping = (select(&["by", "without"][..]), labels())
            .prop_map(|(by, labels)| format!("{by} {labels}"))
            .boxed();
        let plain: Vec<&str> = FUNCTIONS
            .iter()
            .filter(|f| {
                f.arg_types == [crate::ValueType::Vector] && f.return_type == crate::ValueType::Vector
            })
            .map(|f| f.name)
            .collect();
        let over_time: Vec<&str> = FUNCTIONS
            .iter()
            .filter(|f| f.arg_types == [crate::ValueType::Matrix])
            .map(|f| f.name)
            .collect();
        prop_oneof![
            inner.clone().prop_map(|inner| format!("({inner})")),
            inner.clone().prop_map(|inner| format!("-{inner}")),
            (inner.clone(), operator.clone(), scalar())
                .prop_map(|(left, op, right)| format!("{left} {op} {right}")),
            (
                inner.clone(),
                operator,
                select(&["on", "ignoring"][..]),
                inner.clone()
            )
                .prop_map(|(left, op, on, right)| format!(
                    "({left}) {op} {on} (x, y) group_left (z) fill_left (0) ({right})"
                )),
            (
                inner.clone(),
                select(&["and", "or", "unless on (x)"][..]),
                inner.clone()
            )
                .prop_map(|(left, op, right)| format!("{left} {op} {right}")),
            (
                select(&["sum", "max", "group"][..]),
                grouping.clone(),
                inner.clone()
            )
                .prop_map(|(op, grouping, inner)| format!("{op} {grouping} ({inner})")),
            (
                select(&["topk", "quantile", "limitk"][..]),
                scalar(),
                inner.clone(),
                grouping
            )
                .prop_map(|(op, scalar, inner, grouping)| format!("{op}({scalar}, {inner}) {grouping}")),
            (string(), inner.clone()).prop_map(|(label, inner)| format!("count_values({label}, {inner})")),
            (select(plain), inner.clone()).prop_map(|(function, inner)| format!("{function}({inner})")),
            (select(over_time.clone()), selector(), duration(), modifiers()).prop_map(
                |(function, selector, range, modifiers)| format!(
                    "{function}({selector}[{range}]{modifiers})"
                )
            ),
            (select(over_time), inner, duration(), duration(), modifiers()).prop_map(
                |(function, inner, range, step, modifiers)| {
                    format!("{function}(({inner})[{range}:{step}]{modifiers})")
                }
            ),
        ]
    })
}
