use vigie_model::{Labels, LabelsBuilder};

use crate::{Action, InvalidRule, NameScheme, Rule, RuleSpec, Verdict, apply};

/// `a=1 b=x;y`: pairs by spaces, so that a table row stays on a line.
fn builder(text: &str) -> LabelsBuilder {
    let pairs = text.split_whitespace().map(|pair| pair.split_once('=').unwrap());
    Labels::from_pairs(pairs).unwrap().to_builder()
}

/// A rule as `key=value` words; `_` stands for the empty value and `+` separates source labels.
fn spec(text: &str) -> RuleSpec {
    let mut spec = RuleSpec::default();
    for word in text.split_whitespace() {
        let (key, value) = word.split_once('=').unwrap();
        let value = if value == "_" { "" } else { value };
        match key {
            "source" => spec.source_labels = value.split('+').map(str::to_owned).collect(),
            "separator" => spec.separator = value.to_owned(),
            "regex" => spec.regex = Some(value.to_owned()),
            "modulus" => spec.modulus = value.parse().unwrap(),
            "target" => spec.target_label = value.to_owned(),
            "replacement" => spec.replacement = value.to_owned(),
            "action" => spec.action = value.parse().unwrap(),
            _ => panic!("unknown key {key}"),
        }
    }
    spec
}

/// Rules are separated by `|`. `None` means dropped.
fn check(input: &str, rules: &str, expected: Option<&str>) {
    let rules: Vec<Rule> = rules
        .split(" | ")
        .map(|text| Rule::new(spec(text), NameScheme::Utf8).unwrap())
        .collect();
    let mut labels = builder(input);
    let verdict = apply(&rules, &mut labels);
    let context = format!("{rules:?} over {input}");
    match expected {
        Some(expected) => {
            assert_eq!(verdict, Verdict::Keep, "{context}");
            assert_eq!(labels.build(), builder(expected).build(), "{context}");
        }
        None => assert_eq!(verdict, Verdict::Drop, "{context}"),
    }
}

#[test]
fn replace_writes_the_expanded_template() {
    for (input, rules, expected) in [
        (
            "a=foo",
            "source=a regex=f(.*) target=d replacement=ch${1}-$1",
            "a=foo d=choo-oo",
        ),
        (
            "a=foo b=bar",
            "source=a+b regex=(.*);(.*) target=c replacement=$2$1",
            "a=foo b=bar c=barfoo",
        ),
        (
            "a=foo b=bar",
            "source=a+b separator=_ target=c",
            "a=foo b=bar c=foobar",
        ),
        ("a=foo", "source=a regex=x.* target=d replacement=no", "a=foo"),
        // Anchored on both ends.
        ("a=foo", "source=a regex=o target=d replacement=no", "a=foo"),
        (
            "a=foo",
            "source=a regex=(?P<rest>f.*) target=d replacement=${rest}!",
            "a=foo d=foo!",
        ),
        (
            "a=foo",
            "source=a regex=f(.*) target=d replacement=<$1x>",
            "a=foo d=<>",
        ),
        (
            "a=foo",
            "source=a regex=f(.*) target=d replacement=<$7>",
            "a=foo d=<>",
        ),
        (
            "a=foo",
            "source=a regex=f(.*) target=d replacement=$$1-$-${1-$",
            "a=foo d=$1-$-${1-$",
        ),
        (
            "a=foo",
            "source=a regex=f(.*) target=x_$1 replacement=y",
            "a=foo x_oo=y",
        ),
        (
            "a=foo b=bar",
            "source=a regex=(f).* target=b replacement=_",
            "a=foo",
        ),
        // A target that expands to nothing is no label name, so nothing is written.
        ("a=foo", "source=a target=$2 replacement=y", "a=foo"),
        // Static rules.
        ("a=foo", "target=team replacement=db", "a=foo team=db"),
        ("a=foo", "source=a target=a replacement=db", "a=db"),
        ("a=foo b=1", "target=b replacement=_", "a=foo"),
        ("a=foo", "source=none target=b", "a=foo"),
    ] {
        check(input, rules, Some(expected));
    }
}

#[test]
fn dots_match_newlines() {
    let rule = Rule::new(
        spec("source=a regex=x.y target=b replacement=z"),
        NameScheme::Utf8,
    )
    .unwrap();
    let mut labels = LabelsBuilder::new();
    labels.set("a", "x\ny");
    apply(&[rule], &mut labels);
    assert_eq!(labels.get("b"), "z");
}

#[test]
fn selection_keeps_and_drops() {
    for (rules, kept) in [
        ("source=a regex=f.* action=keep", true),
        ("source=a regex=f action=keep", false),
        ("source=a regex=f.* action=drop", false),
        ("source=a regex=f action=drop", true),
        ("source=a target=same action=keepequal", true),
        ("source=a target=b action=keepequal", false),
        ("source=a target=same action=dropequal", false),
        ("source=a target=b action=dropequal", true),
        ("source=missing regex=_ action=drop", false),
        // The first rule that drops ends the list.
        ("source=a regex=f.* action=drop | target=b replacement=x", false),
    ] {
        let input = "a=foo b=bar same=foo";
        check(input, rules, kept.then_some(input));
    }
}

#[test]
fn labels_are_mapped_dropped_and_kept_by_name() {
    for (input, rules, expected) in [
        (
            "a=foo __meta_x=1 __meta_y=2",
            "regex=__meta_(.+) action=labelmap",
            "a=foo __meta_x=1 __meta_y=2 x=1 y=2",
        ),
        (
            "abc=1",
            "regex=(a)(bc) replacement=${2}_$1 action=labelmap",
            "abc=1 bc_a=1",
        ),
        ("a=1 ab=2 b=3", "regex=a.* action=labeldrop", "b=3"),
        ("a=1 ab=2 b=3", "regex=a.* action=labelkeep", "a=1 ab=2"),
    ] {
        check(input, rules, Some(expected));
    }
}

#[test]
fn values_change_case_and_hash() {
    check("a=FoO", "source=a target=b action=lowercase", Some("a=FoO b=foo"));
    check("a=FoO", "source=a target=a action=uppercase", Some("a=FOO"));
    // The figure Prometheus computes for the same input.
    check(
        "a=foo b=bar c=baz",
        "source=c target=d modulus=1000 action=hashmod",
        Some("a=foo b=bar c=baz d=976"),
    );
}

#[test]
fn rules_that_make_no_sense_are_refused() {
    for (text, scheme, expected) in [
        (
            "source=a target=b action=hashmod",
            NameScheme::Utf8,
            "relabel configuration for hashmod requires non-zero modulus",
        ),
        (
            "source=a",
            NameScheme::Utf8,
            "relabel configuration for replace action requires 'target_label' value",
        ),
        (
            "source=a target=b-c",
            NameScheme::Legacy,
            "\"b-c\" is invalid 'target_label' for replace action",
        ),
        (
            "source=a target=${3",
            NameScheme::Legacy,
            "\"${3\" is invalid 'target_label' for replace action",
        ),
        (
            "source=a target=0$1",
            NameScheme::Legacy,
            "\"0$1\" is invalid 'target_label' for replace action",
        ),
        (
            "source=a target=b action=lowercase replacement=x",
            NameScheme::Utf8,
            "'replacement' can not be set for lowercase action",
        ),
        (
            "regex=a replacement=b-$1 action=labelmap",
            NameScheme::Legacy,
            "\"b-$1\" is invalid 'replacement' for labelmap action",
        ),
        (
            "source=a target=b regex=(.*) action=keepequal",
            NameScheme::Utf8,
            "keepequal action requires only 'source_labels' and `target_label`, and no other fields",
        ),
        (
            "source=a regex=b action=labeldrop",
            NameScheme::Utf8,
            "labeldrop action requires only 'regex', and no other fields",
        ),
        (
            "source=a target=b regex=(",
            NameScheme::Utf8,
            "error parsing regexp: missing closing ): `(`",
        ),
    ] {
        assert_eq!(
            Rule::new(spec(text), scheme).unwrap_err().to_string(),
            expected,
            "{text}"
        );
    }
    assert_eq!(
        "explode".parse::<Action>().unwrap_err(),
        InvalidRule::UnknownAction("explode".into())
    );
    for text in ["target=a_$1", "target=${1}_b", "target=b1"] {
        assert!(
            Rule::new(spec(&format!("source=a {text}")), NameScheme::Legacy).is_ok(),
            "{text}"
        );
    }
}
