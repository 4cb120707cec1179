//! Measures how fast query results become JSON: `cargo run --release -p vigie-api --example json_speed`.
#![expect(clippy::print_stdout, reason = "a measuring tool prints")]

use std::hint::black_box;
use std::time::Instant;

use vigie_api::write_query_value;
use vigie_model::{InvalidLabels, Labels};
use vigie_promql::{MatrixSeries, QueryValue};

const SERIES: u32 = 1_000;
const POINTS: u32 = 240;
const ROUNDS: u32 = 20;

fn main() -> Result<(), InvalidLabels> {
    measure("whole numbers", |point| f64::from(point) * 7919.0)?;
    measure("two decimals", |point| {
        (f64::from(point) * 17.31 * 100.0).round() / 100.0
    })?;
    measure("all digits", |point| f64::from(point).sqrt() * 1.234_567)?;
    Ok(())
}

fn measure(what: &str, value: impl Fn(u32) -> f64) -> Result<(), InvalidLabels> {
    let series = (0..SERIES).map(|number| {
        let instance = format!("host-{number}:9100");
        Ok(MatrixSeries {
            labels: Labels::from_pairs([("instance", instance.as_str()), ("job", "node")])?,
            timestamps_ms: (0..i64::from(POINTS))
                .map(|step| 1_700_000_000_000 + step * 15_000)
                .collect(),
            values: (0..POINTS).map(|point| value(number * POINTS + point)).collect(),
            histograms: Vec::new(),
        })
    });
    let matrix = QueryValue::Matrix(series.collect::<Result<_, InvalidLabels>>()?);
    let mut bytes = 0;
    let start = Instant::now();
    for _ in 0..ROUNDS {
        let mut json = Vec::new();
        write_query_value(&mut json, &matrix);
        bytes += black_box(json).len();
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{what}: {:.1} ns/sample, {:.0} MB/s",
        seconds * 1e9 / f64::from(SERIES * POINTS * ROUNDS),
        bytes as f64 / 1e6 / seconds
    );
    Ok(())
}
