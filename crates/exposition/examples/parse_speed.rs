//! Measures the parser on a generated exposition of 10,000 samples:
//! `cargo run --release -p vigie-exposition --example parse_speed`.
#![expect(clippy::print_stdout, reason = "a measuring tool prints")]

use std::hint::black_box;
use std::time::Instant;

use vigie_exposition::{Entry, ParseError, Parser};

const ROUNDS: u32 = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text = exposition();
    let open_metrics = format!("{text}# EOF\n");
    measure("text, known series", text.as_bytes(), |input| {
        walk(Parser::text(input), false)
    })?;
    measure("text, new series", text.as_bytes(), |input| {
        walk(Parser::text(input), true)
    })?;
    measure("OpenMetrics, known series", open_metrics.as_bytes(), |input| {
        walk(Parser::open_metrics(input), false)
    })?;
    Ok(())
}

/// Lines like those of a node exporter: some counters with three labels, some plain floats.
fn exposition() -> String {
    let mut text = String::new();
    for family in 0..100 {
        text.push_str(&format!(
            "# HELP node_family_{family}_seconds_total Seconds spent in each mode.\n\
             # TYPE node_family_{family}_seconds_total counter\n"
        ));
        for sample in 0..100u32 {
            let value = match sample % 3 {
                0 => format!("{}", sample * 7919),
                1 => format!("{:.2}", f64::from(sample) * 17.31),
                _ => format!("{:e}", f64::from(sample) * 1.234_567_89e9),
            };
            text.push_str(&format!(
                "node_family_{family}_seconds_total{{cpu=\"{sample}\",device=\"eth0\",mode=\"system\"}} {value}\n"
            ));
        }
    }
    text
}

fn walk(mut parser: Parser<'_>, decode: bool) -> Result<u64, ParseError> {
    let mut samples = 0;
    while let Some(entry) = parser.next()? {
        if let Entry::Series(series) = entry {
            samples += 1;
            black_box((series.raw, series.value));
            if decode {
                let _ = black_box(series.labels());
            }
        }
    }
    Ok(samples)
}

fn measure(
    what: &str,
    input: &[u8],
    parse: impl Fn(&[u8]) -> Result<u64, ParseError>,
) -> Result<(), ParseError> {
    let mut samples = 0;
    let start = Instant::now();
    for _ in 0..ROUNDS {
        samples += parse(input)?;
    }
    let seconds = start.elapsed().as_secs_f64();
    let megabytes = input.len() as f64 * f64::from(ROUNDS) / 1e6;
    println!(
        "{what}: {:.0} MB/s, {:.1} ns/sample",
        megabytes / seconds,
        seconds * 1e9 / samples as f64
    );
    Ok(())
}
