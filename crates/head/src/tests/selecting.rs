//! Selection, label queries, metadata and statistics.

use proptest::prelude::*;
use vigie_model::{MatchOp, MetricKind, MetricMetadata};

use super::*;

/// A head with these series of tenant 0, each with a sample, and one of tenant 1 that must never show.
fn head_of(series: &[Labels]) -> Head {
    let mut encoder = BatchEncoder::new();
    let owner = encoder.tenant(&tenant(0));
    let other = encoder.tenant(&tenant(1));
    let foreign = Labels::from_pairs([("__name__", "up"), ("foreign", "yes")]).unwrap();
    let index = encoder.declare(other, foreign.as_packed());
    encoder.push_declared(index, 1, 1.0);
    for labels in series {
        let index = encoder.declare(owner, labels.as_packed());
        encoder.push_declared(index, 1000, 1.0);
    }
    let metadata = MetricMetadata {
        kind: MetricKind::Gauge,
        ..MetricMetadata::default()
    };
    encoder.metadata(owner, "up", &metadata);
    let mut head = new_head();
    head.apply(&encoder.finish()).unwrap();
    head
}

/// Compares with a scan over all series.
fn check(head: &Head, matchers: &[Matcher]) -> usize {
    let selected = head.select(&tenant(0), matchers);
    assert!(selected.is_sorted());
    let everything = head.select(&tenant(0), &[]);
    let is_match = |labels: &Labels| {
        matchers
            .iter()
            .all(|matcher| matcher.matches(labels.get(&matcher.name).unwrap_or_default()))
    };
    let expected: Vec<SeriesId> = everything
        .into_iter()
        .filter(|&id| is_match(&head.labels(id)))
        .collect();
    assert_eq!(selected, expected, "{matchers:?}");
    let labels: Vec<Labels> = expected.iter().map(|&id| head.labels(id)).collect();
    let mut names: Vec<String> = labels
        .iter()
        .flat_map(|l| l.iter().map(|(n, _)| n.to_owned()))
        .collect();
    names.sort();
    names.dedup();
    let mut found = DistinctTexts::default();
    head.label_names(&tenant(0), matchers, &mut found);
    assert_eq!(texts(found), names);
    let mut values: Vec<String> = labels
        .iter()
        .filter_map(|l| l.get("a").map(str::to_owned))
        .collect();
    values.sort();
    values.dedup();
    assert_eq!(label_values(head, "a", matchers, usize::MAX), values);
    let some = label_values(head, "a", matchers, 2);
    assert_eq!(some.len(), values.len().min(2));
    assert!(some.iter().all(|value| values.contains(value)));
    for id in &selected {
        assert!(head.has_samples(*id, 1000, 3000) && !head.has_samples(*id, 3001, 4000));
    }
    selected.len()
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

#[test]
fn matchers_mean_what_they_mean_in_prometheus() {
    let head = head_of(&[
        labels(&[("__name__", "up"), ("a", "1")]),
        labels(&[("__name__", "up"), ("a", "2"), ("b", "x")]),
        labels(&[("__name__", "up"), ("b", "y")]),
        labels(&[("__name__", "down"), ("a", "10")]),
    ]);
    let table: [(MatchOp, &str, &str, usize); 17] = [
        (MatchOp::Equal, "a", "1", 1),
        (MatchOp::Equal, "a", "", 1),
        (MatchOp::Equal, "missing", "", 4),
        (MatchOp::Equal, "missing", "x", 0),
        (MatchOp::NotEqual, "a", "", 3),
        (MatchOp::NotEqual, "a", "1", 3),
        (MatchOp::NotEqual, "missing", "1", 4),
        (MatchOp::Regex, "a", "1|2", 2),
        (MatchOp::Regex, "a", "1|", 2),
        (MatchOp::Regex, "a", "1.*", 2),
        (MatchOp::Regex, "a", "1?", 2),
        (MatchOp::Regex, "a", ".*", 4),
        (MatchOp::Regex, "a", ".+", 3),
        (MatchOp::NotRegex, "a", "1.*", 2),
        (MatchOp::NotRegex, "a", ".*", 0),
        (MatchOp::NotRegex, "a", ".+", 1),
        (MatchOp::NotRegex, "a", "1|", 2),
    ];
    for (op, name, value, expected) in table {
        let matcher = Matcher::new(op, name, value).unwrap();
        assert_eq!(
            check(&head, std::slice::from_ref(&matcher)),
            expected,
            "{matcher}"
        );
        check(&head, &[matcher.clone(), Matcher::equal("__name__", "up")]);
        check(
            &head,
            &[Matcher::new(MatchOp::Regex, "b", "x|y").unwrap(), matcher],
        );
    }
    assert_eq!(head.select(&TenantId::new("nobody").unwrap(), &[]), []);
    let known: Vec<_> = head
        .metadata(&tenant(0))
        .map(|(name, m)| (name, m.kind))
        .collect();
    assert_eq!(known, [("up", MetricKind::Gauge)]);
}

#[test]
fn statistics_count_per_tenant() {
    let head = head_of(&[
        labels(&[("__name__", "up"), ("a", "1")]),
        labels(&[("__name__", "up"), ("a", "2")]),
        labels(&[("__name__", "down"), ("a", "2")]),
    ]);
    let stats = head.stats(&tenant(0), 2);
    let named = |pairs: &[(&str, u64)]| -> Vec<(String, u64)> {
        pairs
            .iter()
            .map(|&(name, count)| (name.to_owned(), count))
            .collect()
    };
    assert_eq!(
        (stats.series_count, stats.label_pair_count, stats.chunk_count),
        (3, 4, 3)
    );
    assert_eq!((stats.min_time_ms, stats.max_time_ms), (Some(1000), Some(1000)));
    assert_eq!(
        stats.series_count_by_metric_name,
        named(&[("up", 2), ("down", 1)])
    );
    assert_eq!(
        stats.label_value_count_by_label_name,
        named(&[("__name__", 2), ("a", 2)])
    );
    assert_eq!(
        stats.memory_bytes_by_label_name,
        named(&[("__name__", 8), ("a", 3)])
    );
    assert_eq!(
        stats.series_count_by_label_pair,
        named(&[("__name__=up", 2), ("a=2", 2)])
    );
    assert_eq!(
        head.stats(&TenantId::new("nobody").unwrap(), 2),
        TenantStats::default()
    );
}

fn any_op() -> impl Strategy<Value = MatchOp> {
    prop_oneof![
        Just(MatchOp::Equal),
        Just(MatchOp::NotEqual),
        Just(MatchOp::Regex),
        Just(MatchOp::NotRegex)
    ]
}

fn any_matcher() -> impl Strategy<Value = Matcher> {
    let value = prop_oneof![
        "[0-9]{0,2}",
        "[0-9]\\|[0-9]{0,2}",
        "[0-9]\\.\\*",
        "[0-9]\\?",
        Just(".+".to_owned())
    ];
    (any_op(), "[abc]", value).prop_map(|(op, name, value)| Matcher::new(op, name, value).unwrap())
}

/// Values that are long, that hold what lengths look like, newlines, and characters of several bytes.
fn hostile_value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a7é\\n\u{1}-\u{8}-]{1,8}",
        1 => "(pod|web)-7f[a-c]{1,3}",
        1 => "[a-c]{100,300}",
        1 => Just("x".repeat(20_000)),
    ]
}

fn hostile_matcher() -> impl Strategy<Value = Matcher> {
    let text = prop_oneof![
        "[a7é\\n\u{1}-\u{8}-]{0,3}",
        Just("7f".to_owned()),
        Just("pod-".to_owned())
    ];
    let value = (text.clone(), text, 0..10).prop_map(|(left, right, form)| match form {
        0 => left,
        1 => format!("{left}|{right}"),
        2 => format!("{left}.*"),
        3 => format!(".*{left}.*"),
        4 => format!("{left}.+{right}"),
        5 => format!("(?i){left}.*"),
        6 => format!(".*{left}.*|.*{right}.*"),
        7 => format!("({left})?{right}.?"),
        8 => format!("(pod|web)-{left}[a-c]+"),
        _ => ".*".to_owned(),
    });
    (any_op(), "[abc]", value).prop_map(|(op, name, value)| Matcher::new(op, name, value).unwrap())
}

proptest! {
    /// Enough series for postings of all three shapes, with some removed again.
    #[test]
    fn selection_equals_a_scan(
        series in prop::collection::vec(prop::collection::btree_map("[abc]", "[0-9]{1,2}", 1..4), 1..200),
        matchers in prop::collection::vec(any_matcher(), 1..4),
    ) {
        let series: Vec<Labels> = series.iter().map(|pairs| Labels::from_pairs(pairs).unwrap()).collect();
        let mut head = head_of(&series);
        check(&head, &matchers);
        // Only the first half goes on.
        let mut encoder = BatchEncoder::new();
        let owner = encoder.tenant(&tenant(0));
        for labels in &series[..series.len() / 2] {
            let index = encoder.declare(owner, labels.as_packed());
            encoder.push_declared(index, 2000, 1.0);
        }
        head.apply(&encoder.finish()).unwrap();
        head.apply(&encode_retain(1500)).unwrap();
        check(&head, &matchers);
        let image = head.begin_checkpoint();
        let restored = Head::restore(&image.meta, image.new_series.iter(), image.heads.iter()).unwrap();
        prop_assert_eq!(restored.select(&tenant(0), &matchers), head.select(&tenant(0), &matchers));
    }

    #[test]
    fn hostile_values_are_found_as_by_a_scan(
        series in prop::collection::vec(prop::collection::btree_map("[abc]", hostile_value(), 1..4), 1..60),
        matchers in prop::collection::vec(hostile_matcher(), 1..4),
    ) {
        let series: Vec<Labels> = series.iter().map(|pairs| Labels::from_pairs(pairs).unwrap()).collect();
        check(&head_of(&series), &matchers);
    }
}

/// So many values that they fill several segments, of which some lose values and some go.
#[test]
fn values_are_found_after_others_are_gone() {
    let series: Vec<Labels> = (0..3000)
        .map(|number| {
            labels(&[
                ("__name__", "up"),
                ("a", &format!("pod-{}-{number:x}", number % 7)),
            ])
        })
        .collect();
    let mut head = head_of(&series);
    let matchers = |pattern: &str| [Matcher::new(MatchOp::Regex, "a", pattern).unwrap()];
    let counts = |head: &Head| {
        ["pod-3-.*", ".*-7.*", ".*-(1|2).*", "pod-[34].*f", ".+"]
            .map(|pattern| check(head, &matchers(pattern)))
    };
    let before = counts(&head);
    let mut encoder = BatchEncoder::new();
    let owner = encoder.tenant(&tenant(0));
    for labels in series[..1200].iter().step_by(3).chain(&series[2900..]) {
        let index = encoder.declare(owner, labels.as_packed());
        encoder.push_declared(index, 2000, 1.0);
    }
    head.apply(&encoder.finish()).unwrap();
    head.apply(&encode_retain(1500)).unwrap();
    let fewer = counts(&head);
    assert!(
        before
            .iter()
            .zip(&fewer)
            .all(|(before, fewer)| before > fewer && *fewer > 0)
    );
    // They come back under other numbers.
    let mut encoder = BatchEncoder::new();
    let owner = encoder.tenant(&tenant(0));
    for labels in &series {
        let index = encoder.declare(owner, labels.as_packed());
        encoder.push_declared(index, 2500, 1.0);
    }
    head.apply(&encoder.finish()).unwrap();
    assert_eq!(counts(&head), before);
}
