//! Measures the parser on a generated exposition of 10,000 samples:
//! `cargo run --release -p vigie-exposition --example parse_speed`.
#![expect(clippy::print_stdout, reason = "a measuring tool prints")]

use std::hint::black_box;
use std::time::Instant;

use vigie_exposition::{Entry, ExpositionOptions, ParseError, Parser, ProtobufParser};

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
    measure("protobuf, known series", &protobuf_page(), |input| {
        Ok(walk_protobuf(input))
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

/// The same samples as `MetricFamily` messages.
fn protobuf_page() -> Vec<u8> {
    let mut page = Vec::new();
    for family in 0..100 {
        let name = format!("node_family_{family}_seconds_total");
        let mut message = field(1, name.as_bytes());
        message.extend(field(2, b"Seconds spent in each mode."));
        for sample in 0..100u32 {
            let label = |name: &str, value: &str| {
                field(
                    1,
                    &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat(),
                )
            };
            let value = [&[9][..], &f64::from(sample * 7919).to_le_bytes()].concat();
            let metric = [
                label("cpu", &sample.to_string()),
                label("device", "eth0"),
                label("mode", "system"),
                field(3, &value),
            ];
            message.extend(field(4, &metric.concat()));
        }
        vigie_model::write_uvarint(&mut page, message.len() as u64);
        page.extend(message);
    }
    page
}

fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    vigie_model::write_uvarint(&mut field, content.len() as u64);
    field.extend_from_slice(content);
    field
}

fn walk_protobuf(input: &[u8]) -> u64 {
    let mut samples = 0;
    let mut parser = ProtobufParser::new(input, ExpositionOptions::default());
    while let Ok(Some(entry)) = parser.next() {
        if let Entry::Series(series) = entry {
            samples += 1;
            black_box((series.raw, series.value));
        }
    }
    samples
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
