//! What stops an evaluation.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicUsize, Ordering};

use vigie_model::Labels;
use vigie_promql::{
    Answer, EvalError, Interrupt, ParseOptions, Plan, QueryContext, QueryParams, SelectRequest, Series,
    SeriesSet, Source, SourceError, evaluate, parse_with,
};

/// Some series of a sample a second each.
struct Seconds {
    series: usize,
    samples: usize,
}

impl Source for Seconds {
    fn select(&self, _: &SelectRequest) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        Ok(Box::new(Rest {
            left: self.series,
            samples: self.samples,
        }))
    }
}

struct Rest {
    left: usize,
    samples: usize,
}

impl SeriesSet for Rest {
    fn next(&mut self) -> Result<Option<Series>, SourceError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let labels = Labels::from_pairs([("__name__", "m".to_owned()), ("i", self.left.to_string())]);
        Ok(Some(Series {
            labels: labels.unwrap(),
            timestamps_ms: (0..self.samples as i64).map(|at| at * 1000).collect(),
            values: (0..self.samples).map(|at| at as f64).collect(),
            ..Series::default()
        }))
    }
}

struct Broken;

impl Source for Broken {
    fn select(&self, _: &SelectRequest) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        Err(SourceError {
            message: "no leader".to_owned(),
            retryable: true,
        })
    }
}

fn ask(query: &str, source: &dyn Source, context: &QueryContext<'_>) -> Result<Answer, EvalError> {
    let expr = parse_with(query, &ParseOptions::all()).unwrap();
    let params = QueryParams::range(query, 0, 999_000, 1_000);
    evaluate(&Plan::new(&expr, &params)?, source, context)
}

#[test]
fn samples_held_are_limited_and_streamed_ones_are_not() {
    let source = Seconds {
        series: 100,
        samples: 1000,
    };
    let context = QueryContext {
        max_samples: 50_000,
        ..QueryContext::unlimited()
    };
    for query in [
        "m",
        "sort(m)",
        "topk(1, m)",
        "m + m",
        "m or m",
        "label_replace(m, \"i\", \"$1\", \"i\", \"(.*)\")",
    ] {
        assert_eq!(
            ask(query, &source, &context),
            Err(EvalError::TooManySamples),
            "{query}"
        );
    }
    for query in ["sum(m)", "sum(rate(m[1m]))", "max(abs(m) * 2)", "count(m and m)"] {
        let answer = ask(query, &source, &context).unwrap();
        assert!(answer.stats.peak_samples < 5_000, "{query} {:?}", answer.stats);
        assert!(answer.stats.samples_read >= 100_000, "{query}");
    }
}

#[test]
fn bytes_held_are_limited() {
    let source = Seconds {
        series: 100,
        samples: 1000,
    };
    let context = QueryContext {
        max_bytes: Some(200_000),
        ..QueryContext::unlimited()
    };
    let error = EvalError::TooManyBytes { limit_bytes: 200_000 };
    assert_eq!(ask("m", &source, &context), Err(error.clone()));
    assert_eq!(ask("sum by (i) (m)", &source, &context), Err(error.clone()));
    assert_eq!(ask("count_values(\"v\", m)", &source, &context), Err(error));
    assert!(ask("sum(m)", &source, &context).is_ok());
}

#[test]
fn a_subquery_of_any_length_is_refused_before_it_is_allocated() {
    let source = Seconds {
        series: 1,
        samples: 1,
    };
    let context = QueryContext::unlimited();
    for query in [
        "count_over_time(m[100y:1ms])",
        "count_over_time(vector(1)[100y:1ms])",
        "absent_over_time(m[100y:1ms])",
    ] {
        assert_eq!(
            ask(query, &source, &context),
            Err(EvalError::TooManySamples),
            "{query}"
        );
    }
}

#[test]
fn the_interrupt_is_asked_often() {
    let source = Seconds {
        series: 1000,
        samples: 1000,
    };
    let asked = AtomicUsize::new(0);
    let interrupted = || {
        let count = asked.fetch_add(1, Ordering::Relaxed) + 1;
        (count == 20).then_some(Interrupt::Timeout)
    };
    let context = QueryContext {
        interrupted: &interrupted,
        ..QueryContext::unlimited()
    };
    let error = ask("sum(rate(m[1m]))", &source, &context).unwrap_err();
    assert_eq!(error.to_string(), "query timed out in expression evaluation");
    assert_eq!(asked.load(Ordering::Relaxed), 20);
    let canceled = QueryContext {
        interrupted: &|| Some(Interrupt::Canceled),
        ..QueryContext::unlimited()
    };
    let error = ask("1", &source, &canceled).unwrap_err();
    assert_eq!(error.to_string(), "query was canceled in expression evaluation");
}

#[test]
fn a_failing_source_fails_the_query() {
    let error = ask("sum(m) or vector(0)", &Broken, &QueryContext::unlimited()).unwrap_err();
    assert!(matches!(&error, EvalError::Source(source) if source.retryable));
    assert_eq!(error.to_string(), "expanding series: no leader");
}

/// As deep as the parser allows, on the stack of a usual worker thread.
#[test]
fn deep_expressions_fit_the_stack() {
    let deep =
        |open: &str, close: &str, times: usize| format!("{}m{}", open.repeat(times), close.repeat(times));
    let queries = [
        deep("(", ")", 490),
        deep("abs(", ")", 490),
        deep("sum(", ")", 490),
        deep("topk(1, ", ")", 490),
        deep("sort(", ")", 490),
        deep("-(", ")", 245),
        deep("sum_over_time(", "[1s:1s])", 245),
        deep("histogram_quantile(1, ", ")", 490),
        deep("m + (", ")", 245),
        deep("", " + m", 490),
        deep("", " or m", 490),
        deep("", " * 2", 490),
        deep("vector(scalar(", "))", 245),
    ];
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        let source = Seconds {
            series: 2,
            samples: 10,
        };
        for query in queries {
            let expr = parse_with(&query, &ParseOptions::all()).unwrap();
            let plan = Plan::new(&expr, &QueryParams::instant("", 5_000)).unwrap();
            evaluate(&plan, &source, &QueryContext::unlimited()).unwrap();
        }
    });
    thread.unwrap().join().unwrap();
}
