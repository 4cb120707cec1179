use vigie_systems::{QueryData, SeriesLabels};

/// All that differs between two answers to one query: type, series, timestamps, and values further apart than
/// `tolerance` relative to the larger one. NaN equals NaN; infinities must have the same sign. Empty when equal.
pub fn differences(expected: &QueryData, actual: &QueryData, tolerance: f64) -> Vec<String> {
    let mut found = Vec::new();
    if expected.result_type != actual.result_type {
        found.push(format!(
            "type {} instead of {}",
            actual.result_type, expected.result_type
        ));
    }
    for labels in actual
        .series
        .keys()
        .filter(|labels| !expected.series.contains_key(*labels))
    {
        found.push(format!("unexpected series {}", show(labels)));
    }
    for (labels, wanted) in &expected.series {
        match actual.series.get(labels) {
            None => found.push(format!("missing series {}", show(labels))),
            Some(got) => found
                .extend(first_difference(wanted, got, tolerance).map(|d| format!("{}: {d}", show(labels)))),
        }
    }
    found
}

/// One difference per series is enough to look for its cause.
fn first_difference(wanted: &[(i64, String)], got: &[(i64, String)], tolerance: f64) -> Option<String> {
    let wanted_times: Vec<i64> = wanted.iter().map(|(t, _)| *t).collect();
    let got_times: Vec<i64> = got.iter().map(|(t, _)| *t).collect();
    if wanted_times != got_times {
        let at = wanted_times.iter().zip(&got_times).position(|(a, b)| a != b);
        let at = at.unwrap_or(wanted_times.len().min(got_times.len()));
        return Some(format!(
            "{} samples instead of {}; the timestamps part at sample {at}: {:?} instead of {:?}",
            got.len(),
            wanted.len(),
            got_times.get(at),
            wanted_times.get(at)
        ));
    }
    let pair = wanted
        .iter()
        .zip(got)
        .find(|((_, a), (_, b))| !close(a, b, tolerance));
    pair.map(|((t, a), (_, b))| format!("at {t} ms {b} instead of {a}"))
}

fn close(a: &str, b: &str, tolerance: f64) -> bool {
    if a == b {
        return true;
    }
    let (Ok(a), Ok(b)) = (a.parse::<f64>(), b.parse::<f64>()) else {
        return false;
    };
    if a.is_nan() || b.is_nan() || a.is_infinite() || b.is_infinite() {
        return a == b || (a.is_nan() && b.is_nan());
    }
    (a - b).abs() <= tolerance * a.abs().max(b.abs())
}

fn show(labels: &SeriesLabels) -> String {
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(points: &[(&str, i64, &str)]) -> QueryData {
        let series = points.iter().map(|(job, t, value)| {
            (
                SeriesLabels::from([("job".to_owned(), (*job).to_owned())]),
                vec![(*t, (*value).to_owned())],
            )
        });
        QueryData {
            result_type: "vector".to_owned(),
            series: series.collect(),
        }
    }

    #[track_caller]
    fn check(expected: &[(&str, i64, &str)], actual: &[(&str, i64, &str)], found: &[&str]) {
        assert_eq!(differences(&vector(expected), &vector(actual), 1e-9), found);
    }

    #[test]
    fn tells_what_differs() {
        check(&[("a", 1, "0.1")], &[("a", 1, "0.10000000000000001")], &[]);
        check(&[("a", 1, "NaN")], &[("a", 1, "NaN")], &[]);
        check(&[("a", 1, "0")], &[("a", 1, "-0")], &[]);
        check(
            &[("a", 1, "+Inf")],
            &[("a", 1, "-Inf")],
            &["{job=\"a\"}: at 1 ms -Inf instead of +Inf"],
        );
        check(
            &[("a", 1, "1")],
            &[("a", 1, "1.00001")],
            &["{job=\"a\"}: at 1 ms 1.00001 instead of 1"],
        );
        check(
            &[("a", 1, "1")],
            &[("b", 1, "1")],
            &["unexpected series {job=\"b\"}", "missing series {job=\"a\"}"],
        );
        let parted = "{job=\"a\"}: 1 samples instead of 1; the timestamps part at sample 0: Some(2) instead of Some(1)";
        check(&[("a", 1, "1")], &[("a", 2, "1")], &[parted]);
    }
}
