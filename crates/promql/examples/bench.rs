//! How long `sum by (job) (rate(m[5m]))` and its like take over 10,000 series of a day at 15 s.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a command for developers"
)]

use std::time::Instant;

use vigie_model::Labels;
use vigie_promql::{
    Plan, QueryContext, QueryParams, SelectRequest, Series, SeriesSet, Source, SourceError, evaluate, parse,
};

const SERIES: usize = 10_000;
const DAY_MS: i64 = 86_400_000;
const SCRAPE_MS: i64 = 15_000;

/// Hands out copies of one series under many names, as a reader that decodes chunks would.
struct Synthetic {
    labels: Vec<Labels>,
    timestamps_ms: Vec<i64>,
    values: Vec<f64>,
}

impl Source for Synthetic {
    fn select(&self, _: &SelectRequest) -> Result<Box<dyn SeriesSet + '_>, SourceError> {
        Ok(Box::new(Handing { from: self, next: 0 }))
    }
}

struct Handing<'a> {
    from: &'a Synthetic,
    next: usize,
}

impl SeriesSet for Handing<'_> {
    fn next(&mut self) -> Result<Option<Series>, SourceError> {
        let Some(labels) = self.from.labels.get(self.next) else {
            return Ok(None);
        };
        self.next += 1;
        Ok(Some(Series {
            labels: labels.clone(),
            timestamps_ms: self.from.timestamps_ms.clone(),
            values: self.from.values.clone(),
            ..Series::default()
        }))
    }
}

fn main() {
    let labels = (0..SERIES).map(|at| {
        let pairs = [
            ("__name__", "m_total".to_owned()),
            ("instance", format!("host-{}:9100", at % 100)),
            ("job", format!("job-{}", at % 10)),
            ("path", format!("/path/{at}")),
        ];
        Labels::from_pairs(pairs).unwrap()
    });
    let count = DAY_MS / SCRAPE_MS;
    let source = Synthetic {
        labels: labels.collect(),
        timestamps_ms: (0..count).map(|at| at * SCRAPE_MS + 5_000 + at % 7).collect(),
        values: (0..count).map(|at| (at * 37 % 4_000 + at) as f64 * 0.5).collect(),
    };
    let steady = Synthetic {
        labels: source.labels.clone(),
        timestamps_ms: source.timestamps_ms.clone(),
        values: (0..count).map(|at| (at * 37) as f64 * 0.7).collect(),
    };
    for query in [
        "sum by (job) (rate(m_total[5m]))",
        "sum by (job) (rate(m_total[1h]))",
        "sum by (job) (m_total)",
        "sum by (job) (count_over_time(m_total[5m]))",
        "avg by (job) (avg_over_time(m_total[5m]))",
        "max by (instance) (max_over_time(m_total[1h]))",
        "topk(5, rate(m_total[5m]))",
        "sum(rate(m_total[5m])) / sum(m_total)",
        "count(quantile_over_time(0.9, m_total[5m]))",
    ] {
        for (name, source) in [("steady", &steady), ("resets", &source)] {
            let params = QueryParams::range(query, 300_000, DAY_MS, 60_000);
            let plan = Plan::new(&parse(query).unwrap(), &params).unwrap();
            let started = Instant::now();
            let answer = evaluate(&plan, source, &QueryContext::unlimited()).unwrap();
            let elapsed = started.elapsed();
            let per_sample = elapsed.as_nanos() as f64 / answer.stats.samples_read as f64;
            println!(
                "{per_sample:6.2} ns/sample {:8.1} ms, peak {:7.1} MB  {name}  {query}",
                elapsed.as_secs_f64() * 1e3,
                answer.stats.peak_bytes as f64 / 1e6,
            );
        }
    }
    let started = Instant::now();
    let mut set = source
        .select(&SelectRequest {
            labels: None,
            matchers: Vec::new(),
            start_ms: 0,
            end_ms: DAY_MS,
        })
        .unwrap();
    let mut read = 0;
    while let Some(series) = set.next().unwrap() {
        read += series.values.len();
    }
    let per_sample = started.elapsed().as_nanos() as f64 / read as f64;
    println!("{per_sample:6.2} ns/sample are the copy of the series itself");
}
