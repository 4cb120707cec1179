//! Operations on small histograms, and laws that hold for all.

use proptest::prelude::*;

use super::*;

/// Exponential buckets of a counter at indexes, on the positive side.
fn positive(schema: i32, buckets: &[(i64, f64)]) -> FloatHistogram {
    let mut layout = cells::Layout::default();
    buckets.iter().for_each(|(index, _)| layout.push(*index));
    let counts: Vec<f64> = buckets.iter().map(|(_, count)| *count).collect();
    FloatHistogram {
        schema,
        // The sum of nothing is minus zero.
        count: counts.iter().sum::<f64>() + 0.0,
        sum: 10.0,
        positive_spans: layout.finish(),
        positive_buckets: counts,
        ..FloatHistogram::default()
    }
}

fn custom(bounds: &[f64], buckets: &[(i64, f64)]) -> FloatHistogram {
    FloatHistogram {
        custom_values: bounds.into(),
        ..positive(CUSTOM_BUCKETS_SCHEMA, buckets)
    }
}

fn cells(histogram: &FloatHistogram) -> Vec<(i64, f64)> {
    histogram.positive_cells().collect()
}

#[test]
fn bounds_are_those_of_prometheus() {
    for (index, schema, expected) in [
        (0, 0, 1.0),
        (10, 0, 1024.0),
        (-1074, 0, f64::from_bits(1)),
        (-1075, 0, 0.0),
        (1, 3, 1.090_507_732_665_257_6),
        (1024, 0, f64::MAX),
        (1025, 0, f64::INFINITY),
        (64, -4, f64::MAX),
        (65, -4, f64::INFINITY),
        (-1, -2, 0.0625),
    ] {
        assert_eq!(
            bounds::exponential_bound(index, schema),
            expected,
            "{index} of {schema}"
        );
    }
}

#[test]
fn both_ends_of_a_side_agree() {
    let histogram = positive(0, &[(-3, 1.0), (-2, 2.0), (1, 3.0), (5, 4.0), (6, 5.0)]);
    let mut backwards: Vec<_> = histogram.positive_cells().rev().collect();
    backwards.reverse();
    assert_eq!(backwards, cells(&histogram));
}

#[test]
fn a_sum_has_the_coarser_schema_and_the_wider_zero_bucket() {
    let mut fine = positive(1, &[(0, 1.0), (1, 2.0), (2, 3.0), (5, 4.0)]);
    let coarse = FloatHistogram {
        zero_threshold: 0.9,
        zero_count: 2.0,
        ..positive(0, &[(2, 7.0)])
    };
    fine.add(&coarse).unwrap();
    assert_eq!(fine.schema, 0);
    // The bucket that ends at 1 begins below 0.9, so the zero bucket swallows it and ends there.
    assert_eq!((fine.zero_threshold, fine.zero_count), (1.0, 3.0));
    assert_eq!(cells(&fine), [(1, 5.0), (2, 7.0), (3, 4.0)]);
}

#[test]
fn custom_bounds_are_reduced_to_those_in_common() {
    let mut left = custom(&[1.0, 2.0, 4.0], &[(0, 1.0), (1, 2.0), (2, 3.0), (3, 4.0)]);
    let right = custom(&[2.0, 3.0, 4.0], &[(0, 10.0), (1, 20.0)]);
    assert!(left.add(&right).unwrap().bounds_reconciled);
    assert_eq!(*left.custom_values, [2.0, 4.0]);
    assert_eq!(cells(&left), [(0, 13.0), (1, 23.0), (2, 4.0)]);
    assert_eq!(left.add(&positive(0, &[])), Err(IncompatibleSchemas));
}

#[test]
fn hints_combine() {
    use CounterResetHint::{Gauge, NotReset, Reset, Unknown};
    for (left, right, expected, collision) in [
        (Reset, Reset, Reset, false),
        (Reset, NotReset, Unknown, true),
        (Reset, Unknown, Unknown, false),
        (Gauge, Reset, Gauge, false),
        (Unknown, Gauge, Gauge, false),
    ] {
        let with = |counter_reset_hint| FloatHistogram {
            counter_reset_hint,
            ..positive(0, &[(1, 1.0)])
        };
        let mut sum = with(left);
        assert_eq!(sum.add(&with(right)).unwrap().reset_collision, collision);
        assert_eq!(sum.counter_reset_hint, expected);
    }
}

#[test]
fn resets_are_seen() {
    let before = positive(1, &[(1, 2.0), (3, 5.0)]);
    for (after, expected) in [
        (positive(1, &[(1, 2.0), (3, 5.0)]), false),
        (positive(1, &[(1, 3.0), (2, 1.0), (3, 5.0)]), false),
        (positive(0, &[(1, 2.0), (2, 5.0)]), false),
        (positive(2, &[(2, 2.0), (6, 5.0)]), true),
        (positive(1, &[(1, 9.0), (3, 4.0)]), true),
        (positive(1, &[(1, 9.0)]), true),
        (custom(&[1.0], &[(1, 9.0)]), true),
    ] {
        assert_eq!(after.is_reset_after(&before), expected, "{after}");
    }
    let before = custom(&[1.0, 2.0], &[(0, 4.0), (1, 1.0)]);
    assert!(!custom(&[2.0], &[(0, 5.0)]).is_reset_after(&before));
    assert!(custom(&[1.0], &[(0, 3.0), (1, 9.0)]).is_reset_after(&before));
}

#[test]
fn trims_keep_one_side_of_a_value() {
    let whole = positive(0, &[(1, 4.0), (2, 4.0)]);
    let mut below = whole.clone();
    below.trim_above(2.0);
    assert_eq!((cells(&below), below.count), (vec![(1, 4.0)], 4.0));
    let mut above = whole;
    above.trim_below(8f64.sqrt());
    assert_eq!(cells(&above).len(), 1);
    assert!((above.count - 2.0).abs() < 1e-9, "half of the bucket's logarithm");
}

#[test]
fn text_lists_buckets_that_are_not_empty() {
    let histogram = FloatHistogram {
        zero_threshold: 0.5,
        zero_count: 2.0,
        negative_spans: vec![Span { offset: 1, length: 1 }],
        negative_buckets: vec![3.0],
        ..positive(0, &[(1, 1.5), (2, 0.0)])
    };
    assert_eq!(
        histogram.to_string(),
        "{count:1.5, sum:10, [-2,-1):3, [-0.5,0.5]:2, (1,2]:1.5}"
    );
}

#[test]
fn invalid_histograms_are_refused() {
    let valid = positive(0, &[(1, 1.0)]);
    assert_eq!(valid.validate(), Ok(()));
    for (broken, part) in [
        (
            FloatHistogram {
                schema: 9,
                ..valid.clone()
            },
            "invalid schema",
        ),
        (
            FloatHistogram {
                positive_buckets: vec![],
                ..valid.clone()
            },
            "spans need 1 buckets, have 0",
        ),
        (
            FloatHistogram {
                positive_buckets: vec![-1.0],
                ..valid.clone()
            },
            "observation count of -1",
        ),
        (
            FloatHistogram {
                custom_values: [1.0].into(),
                ..valid.clone()
            },
            "must not have custom bounds",
        ),
        (
            FloatHistogram {
                zero_threshold: f64::NAN,
                ..valid
            },
            "zero threshold",
        ),
        (custom(&[2.0, 1.0], &[(0, 1.0)]), "strictly increasing"),
        (custom(&[1.0], &[(0, 1.0), (1, 1.0), (2, 1.0)]), "too few"),
    ] {
        let error = broken.validate().unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let miscounted = Histogram {
        count: 3,
        positive_spans: vec![Span { offset: 0, length: 2 }],
        positive_deltas: vec![1, 0],
        ..Histogram::default()
    };
    assert!(
        miscounted
            .validate()
            .unwrap_err()
            .to_string()
            .contains("should equal")
    );
}

fn sparse() -> impl Strategy<Value = FloatHistogram> {
    let buckets = proptest::collection::btree_map(-40i64..40, 0u32..1000, 0..20);
    (buckets, -4i32..=8).prop_map(|(buckets, schema)| {
        let buckets: Vec<(i64, f64)> = buckets
            .into_iter()
            .map(|(index, count)| (index, f64::from(count)))
            .collect();
        positive(schema, &buckets)
    })
}

proptest! {
    #[test]
    fn adding_and_subtracting_gives_back(left in sparse(), right in sparse()) {
        let mut result = left.clone();
        result.add(&right).unwrap();
        prop_assert_eq!(result.count, left.count + right.count);
        prop_assert_eq!(result.positive_buckets.iter().sum::<f64>(), result.count);
        result.sub(&right).unwrap();
        result.compact(0);
        let mut expected = left;
        if right.schema < expected.schema {
            expected.reduce_resolution(right.schema).unwrap();
        }
        expected.compact(0);
        prop_assert!(result.is_same_as(&expected), "{} {}", result, expected);
    }

    #[test]
    fn a_compensated_sum_is_the_sum(histograms in proptest::collection::vec(sparse(), 1..6)) {
        let mut plain = histograms[0].clone();
        let mut sum = HistogramSum::start(&histograms[0]);
        for histogram in &histograms[1..] {
            plain.add(histogram).unwrap();
            sum.add(histogram).unwrap();
        }
        prop_assert!(sum.finish().is_same_as(&plain));
    }

    #[test]
    fn integers_and_floats_convert(histogram in sparse()) {
        let integers = Histogram::from_float(&histogram).unwrap();
        prop_assert_eq!(integers.validate(), Ok(()));
        prop_assert_eq!(integers.to_float(), histogram);
    }

    #[test]
    fn compaction_changes_nothing_but_empty_buckets(histogram in sparse(), max_empty in 0usize..4) {
        let mut compacted = histogram.clone();
        compacted.compact(max_empty);
        let filled = |histogram: &FloatHistogram| -> Vec<(i64, f64)> {
            cells(histogram).into_iter().filter(|(_, count)| *count != 0.0).collect()
        };
        prop_assert_eq!(filled(&compacted), filled(&histogram));
        prop_assert_eq!(compacted.validate(), Ok(()));
    }
}
