mod accepted;
mod generate;

use proptest::prelude::*;

use super::*;
use crate::{BinaryOp, Expr, ExprKind, MatchCardinality, Span, UnaryOp, pretty, walk};

/// The query prints as expected, on one line and over many lines it reads back as the same tree, and
/// without the flags it is refused.
fn check(query: &str, expected: &str) {
    let expr = parse_with(query, &ParseOptions::all()).unwrap_or_else(|error| panic!("{query}\n{error}"));
    assert_eq!(expr.to_string(), expected, "{query}");
    check_round_trip(&expr);
}

fn check_error(query: &str, options: &ParseOptions, expected: &str) {
    match parse_with(query, options) {
        Ok(expr) => panic!("{query} was read as {expr}"),
        Err(error) => assert_eq!(error.to_string(), expected, "{query}"),
    }
}

fn check_round_trip(expr: &Expr) {
    for text in [expr.to_string(), pretty(expr)] {
        let again = parse_with(&text, &ParseOptions::all()).unwrap_or_else(|error| panic!("{text}\n{error}"));
        // As text, since NaN is not equal to itself.
        assert_eq!(
            format!("{:?}", without_spans(again)),
            format!("{:?}", without_spans(expr.clone())),
            "{text}"
        );
    }
}

fn without_spans(mut expr: Expr) -> Expr {
    fn clear(expr: &mut Expr) {
        // `Inf ^ 1` prints as `+Inf ^ 1`, as in Prometheus, and that is read as a plus before a power,
        // which means the same.
        if let ExprKind::Unary {
            op: UnaryOp::Plus,
            operand,
        } = &mut expr.kind
            && let ExprKind::Binary(power) = &operand.kind
            && power.op == BinaryOp::Pow
            && matches!(
                power.left.kind,
                ExprKind::Number {
                    value: f64::INFINITY,
                    ..
                }
            )
        {
            *expr = std::mem::replace(
                &mut **operand,
                Expr {
                    span: Span::default(),
                    kind: ExprKind::String(String::new()),
                },
            );
        }
        expr.span = Span::default();
        match &mut expr.kind {
            ExprKind::Number { .. } | ExprKind::String(_) => {}
            ExprKind::Vector(selector) => selector.matchers.sort_by_key(ToString::to_string),
            ExprKind::Matrix(matrix) => matrix.selector.matchers.sort_by_key(ToString::to_string),
            ExprKind::Subquery(subquery) => clear(&mut subquery.expr),
            ExprKind::Unary { operand: inner, .. } | ExprKind::Paren(inner) => clear(inner),
            ExprKind::Binary(binary) => {
                clear(&mut binary.left);
                clear(&mut binary.right);
            }
            ExprKind::Call(call) => call.args.iter_mut().for_each(clear),
            ExprKind::Aggregate(aggregate) => {
                clear(&mut aggregate.expr);
                aggregate.param.iter_mut().for_each(clear);
            }
        }
    }
    clear(&mut expr);
    expr
}

#[test]
fn accepted_queries_print_canonically() {
    for (query, printed) in accepted::ACCEPTED {
        check(query, printed);
        assert!(parse(query).is_ok(), "{query}");
    }
}

#[test]
fn flags_open_parts_of_the_language() {
    for (query, printed) in accepted::ACCEPTED_WITH_FLAGS {
        check(query, printed);
    }
    for (query, refused_without) in [
        ("step()", r#"1:1: parse error: function "step" is not enabled"#),
        (
            "a anchored",
            "1:1: parse error: anchored modifier is experimental and not enabled",
        ),
        (
            "a + fill(0) b",
            "1:1: parse error: binop fill modifiers are experimental and not enabled",
        ),
    ] {
        check_error(query, &ParseOptions::default(), refused_without);
    }
}

#[test]
fn malformed_queries_are_refused_with_place_and_reason() {
    for (script, options) in [
        (include_str!("tests/refused.txt"), ParseOptions::default()),
        (include_str!("tests/refused_with_flags.txt"), ParseOptions::all()),
    ] {
        let cases = script
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with("//"));
        for case in cases {
            let (query, error) = case.split_once(" => ").unwrap();
            let query = query.replace('␤', "\n").replace('␉', "\t");
            check_error(&query, &options, error);
        }
    }
}

#[test]
fn spans_cover_the_text_of_an_expression() {
    let query = "sum(rate(a{b='c'}[5m] offset 1m)) by (x) + on(y) (-c * 2)";
    let mut texts = Vec::new();
    let expr = parse(query).unwrap();
    walk(&expr, &mut |expr| {
        texts.push(&query[expr.span.start..expr.span.end])
    });
    assert_eq!(
        texts,
        [
            query,
            "sum(rate(a{b='c'}[5m] offset 1m)) by (x)",
            "rate(a{b='c'}[5m] offset 1m)",
            "a{b='c'}[5m] offset 1m",
            "(-c * 2)",
            "-c * 2",
            "-c",
            "c",
            "2",
        ]
    );
}

#[test]
fn matching_is_settled_by_the_types() {
    let cardinality = |query: &str| match parse(query).unwrap().kind {
        ExprKind::Binary(binary) => binary.matching.map(|matching| matching.cardinality),
        other => panic!("{other:?}"),
    };
    assert_eq!(cardinality("a + b"), Some(MatchCardinality::OneToOne));
    assert_eq!(cardinality("a and b"), Some(MatchCardinality::ManyToMany));
    assert_eq!(
        cardinality("a * on(x) group_left b"),
        Some(MatchCardinality::ManyToOne)
    );
    assert_eq!(cardinality("a + 1"), None);
    assert_eq!(cardinality("1 + 1"), None);
}

#[test]
fn match_parameters_are_selectors() {
    let check = |text: &str, expected: &str| {
        let shown = match parse_selector(text) {
            Err(error) => error.to_string(),
            Ok(matchers) => match check_bounded(&matchers) {
                Err(error) => error.to_string(),
                Ok(()) => matchers
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(","),
            },
        };
        assert_eq!(shown, expected, "{text}");
    };
    check("up", r#"__name__="up""#);
    check("sum{a=~'b|c'}", r#"a=~"b|c",__name__="sum""#);
    check(r#"{"x.y", z!=""}"#, r#"__name__="x.y",z!="""#);
    check("", "unknown position: parse error: unexpected end of input");
    check(" ", "1:2: parse error: unexpected end of input");
    check("up[5m]", r#"1:3: parse error: unexpected "[""#);
    check("up offset 5m", "1:4: parse error: unexpected <offset>");
    check("sum(up)", r#"1:4: parse error: unexpected "(""#);
    check("5", r#"1:1: parse error: unexpected number "5""#);
    check("{}", "match[] must contain at least one non-empty matcher");
    check(
        "{a=~'.*',b=''}",
        "match[] must contain at least one non-empty matcher",
    );
}

#[test]
fn long_expressions_are_split_over_lines() {
    let name = |n: usize| "m".repeat(n);
    for (query, expected) in [
        ("a+b".to_owned(), "a + b".to_owned()),
        (
            format!("{} + on(x) {}", name(60), name(60)),
            format!("  {}\n+ on (x)\n  {}", name(60), name(60)),
        ),
        (
            format!("sum by (x) (rate({}[5m]))", name(90)),
            format!("sum by (x) (\n  rate({}[5m])\n)", name(90)),
        ),
        (
            format!("topk(5, -({}))", name(100)),
            format!("topk(\n  5,\n  -(\n    {}\n  )\n)", name(100)),
        ),
        (
            format!("clamp({}, 1, 2)", name(95)),
            format!("clamp(\n  {},\n  1,\n  2\n)", name(95)),
        ),
        (
            format!("max_over_time(sum({})[5m:1m] offset 1m)", name(100)),
            format!(
                "max_over_time(\n  sum(\n    {}\n  )[5m:1m] offset 1m\n)",
                name(100)
            ),
        ),
    ] {
        let expr = parse(&query).unwrap();
        assert_eq!(pretty(&expr), expected);
        check_round_trip(&expr);
    }
}

#[test]
fn an_infinite_base_is_read_back() {
    check_round_trip(&parse("a + Inf ^ 1 + 1").unwrap());
}

#[test]
fn depth_is_bounded_in_every_direction() {
    let deep = 100_000;
    for query in [
        format!("{}1{}", "(".repeat(deep), ")".repeat(deep)),
        "(".repeat(deep),
        format!("{}a", "-".repeat(deep)),
        format!("a{}", " + a".repeat(deep)),
        format!("a{}", " ^ a".repeat(deep)),
        format!("{}a{}", "abs(".repeat(deep), ")".repeat(deep)),
        format!("{}a{}", "sum(".repeat(deep), ")".repeat(deep)),
        format!("a{}", "[5m:]".repeat(deep)),
        format!("a[{}5m{}]", "(".repeat(deep), ")".repeat(deep)),
        format!("a[step(){}]", " + step()".repeat(deep)),
        format!("a[{}step()]", "-".repeat(deep)),
        format!("a[{}1m{}]", "min_of(1m,".repeat(deep), ")".repeat(deep)),
        format!("a offset {}step()", "-".repeat(deep)),
    ] {
        let error = parse_with(&query, &ParseOptions::all()).unwrap_err();
        assert_eq!(error.message, "expression is nested more than 500 levels deep");
    }
    let query = format!("{}a{}", "(".repeat(MAX_DEPTH - 1), ")".repeat(MAX_DEPTH - 1));
    let expr = parse(&query).unwrap();
    assert_eq!(expr.to_string(), query);
    check_round_trip(&parse(&format!("a{}", " + a".repeat(MAX_DEPTH - 1))).unwrap());
}

#[test]
fn width_is_not_bounded() {
    let matchers: Vec<String> = (0..20_000).map(|n| format!("l{n}=\"v\"")).collect();
    let query = format!("{{{}}}", matchers.join(","));
    assert!(parse(&query).is_ok());
    let args = "\"x\",".repeat(20_000);
    assert!(parse(&format!("label_join(a, \"b\", \",\", {args} \"y\")")).is_ok());
    assert!(parse(&format!("a{}", "\n# comment".repeat(20_000))).is_ok());
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(query in "\\PC{0,60}", ascii in "[ -~\n\t]{0,60}") {
        for text in [&query, &ascii] {
            if let Ok(expr) = parse_with(text, &ParseOptions::all()) {
                check_round_trip(&expr);
            }
            let _ = parse_selector(text);
        }
    }

    #[test]
    fn any_words_are_read_or_refused(words in prop::collection::vec(generate::word(), 0..25)) {
        let query = words.join(" ");
        match parse_with(&query, &ParseOptions::all()) {
            Ok(expr) => check_round_trip(&expr),
            Err(error) => {
                prop_assert!(error.span.start <= query.len());
                prop_assert!(!error.message.is_empty());
            }
        }
    }

    #[test]
    fn generated_queries_are_read_back(query in generate::vector()) {
        let expr = parse_with(&query, &ParseOptions::all());
        prop_assert!(expr.is_ok(), "{query}\n{}", expr.unwrap_err());
        check_round_trip(&expr.unwrap());
    }
}
