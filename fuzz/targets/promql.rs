//! Any text as an expression: an error, or an expression that prints as one that reads the same, and that can be evaluated
//! over a few hostile series without a panic, within its limit of samples.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vigie_model::Labels;
use vigie_promql::{
    ParseOptions, Plan, QueryContext, QueryParams, SelectRequest, Series, SeriesSet, Source, SourceError, evaluate,
    parse_with, pretty,
};

const NOW_MS: i64 = 1_700_000_000_000;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let options = ParseOptions {
        experimental_functions: true,
        extended_range_selectors: true,
        fill_modifiers: true,
        ..ParseOptions::default()
    };
    let Ok(expr) = parse_with(text, &options) else {
        return;
    };
    let printed = expr.to_string();
    // An escape may stand for bytes that are no text, which are kept as the replacement character; unescaped it is
    // refused, as in Prometheus.
    if printed.contains(char::REPLACEMENT_CHARACTER) {
        return;
    }
    let again = parse_with(&printed, &options).expect("what was printed is read");
    assert_eq!(again.to_string(), printed, "{text}");
    parse_with(&pretty(&expr), &options).expect("what was printed at length is read");
    for params in [
        QueryParams::instant(text, NOW_MS),
        QueryParams::range(text, NOW_MS - 60_000, NOW_MS, 15_000),
    ] {
        let Ok(plan) = Plan::new(&expr, &params) else {
            continue;
        };
        let context = QueryContext {
            max_samples: 20_000,
            max_bytes: Some(64 << 20),
            ..QueryContext::unlimited()
        };
        let _ = evaluate(&plan, &Hostile, &context);
    }
});

/// The same few series for every selector.
struct Hostile;

struct Left(Vec<Series>);

impl Source for Hostile {
    fn select(&self, request: &SelectRequest) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        let values = [f64::NAN, f64::INFINITY, -0.0, 1e308, 5e-324, 3.0];
        let series = ["a", "b", "c"].iter().enumerate().map(|(at, job)| {
            let times = (0..40).map(|step| NOW_MS - 600_000 + step * 15_000 + at as i64);
            let timestamps_ms: Vec<i64> =
                times.filter(|time_ms| (request.start_ms..=request.end_ms).contains(time_ms)).collect();
            Series {
                labels: Labels::from_pairs([("__name__", "m"), ("job", job), ("le", "1")]).unwrap_or_default(),
                values: (0..timestamps_ms.len()).map(|step| values[(step + at) % values.len()]).collect(),
                timestamps_ms,
                ..Series::default()
            }
        });
        Ok(Box::new(Left(series.collect())))
    }
}

impl SeriesSet for Left {
    fn next(&mut self) -> Result<Option<Series>, SourceError> {
        Ok(self.0.pop())
    }
}
