//! Writes the same synthetic data to every server given, by remote write 1.0: counters with resets,
//! gauges with gaps and staleness markers, classic histograms, churn, jitter, odd floats, UTF-8 names.
//!
//!     cargo run --release -p vigie-differential --example feed -- \
//!         --to http://127.0.0.1:9090/api/v1/write --to http://127.0.0.1:9091/api/v1/write --end 1700000000

use anyhow::{Result, ensure};
use clap::Parser;
use vigie_e2e::{Rng, Series, WriteClient, progress};

#[derive(Debug, Parser)]
struct Arguments {
    /// URLs of remote write endpoints.
    #[arg(long, required = true)]
    to: Vec<String>,
    /// Unix seconds of the newest sample; rounded down to the interval.
    #[arg(long)]
    end: i64,
    /// Scrapes, 15 seconds apart. Prometheus cuts a block after three hours.
    #[arg(long, default_value_t = 640)]
    rounds: i64,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

const INTERVAL_MS: i64 = 15_000;
/// How many scrapes a request carries: few enough that no server calls a sample too old.
const ROUNDS_PER_REQUEST: i64 = 20;
const STALE: u64 = 0x7ff0_0000_0000_0002;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let clients = arguments
        .to
        .iter()
        .map(|url| WriteClient::new(url))
        .collect::<Result<Vec<_>>>()?;
    let mut sources = sources(&mut Rng::new(arguments.seed));
    let end_ms = arguments.end * 1000 / INTERVAL_MS * INTERVAL_MS;
    let start_ms = end_ms - (arguments.rounds - 1) * INTERVAL_MS;
    let mut samples = 0;
    for first in (0..arguments.rounds).step_by(ROUNDS_PER_REQUEST as usize) {
        let last = (first + ROUNDS_PER_REQUEST).min(arguments.rounds);
        let mut series: Vec<Series> = Vec::new();
        for source in &mut sources {
            let written: Vec<(i64, f64)> = (first..last)
                .filter_map(|round| source.sample(round, arguments.rounds, start_ms))
                .collect();
            samples += written.len();
            if !written.is_empty() {
                series.push(Series {
                    labels: source.labels.clone(),
                    samples: written,
                });
            }
        }
        for (client, url) in clients.iter().zip(&arguments.to) {
            let answer = client.send(&series)?;
            ensure!(
                answer.status / 100 == 2,
                "{url} answers {}: {}",
                answer.status,
                answer.body
            );
        }
    }
    progress(format!(
        "{} series, {samples} samples, from {} to {}",
        sources.len(),
        start_ms / 1000,
        end_ms / 1000
    ));
    Ok(())
}

/// One series and how its values come about.
struct Source {
    labels: Vec<(String, String)>,
    shape: Shape,
    life: Life,
    rng: Rng,
    value: f64,
}

#[derive(Clone, Copy)]
enum Shape {
    /// Whole increments up to this one, with a reset now and then.
    Counter(u64),
    /// Increments with two decimals.
    Seconds,
    /// Whole numbers around a centre.
    Bytes,
    /// One decimal, negative too.
    Temperature,
    Constant(f64),
    Flapping,
    Odd,
    /// Cumulative counts that belong together follow from one shared stream: see [`Source::sample`].
    Bucket {
        upper: f64,
        part: Part,
    },
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Bucket,
    Count,
    Sum,
}

/// When a series has samples.
#[derive(Clone, Copy, PartialEq)]
enum Life {
    Steady,
    /// Missing for a while, with a staleness marker at some of the gaps.
    Gaps,
    /// Off the grid by some milliseconds.
    Jitter,
    /// One scrape in sixteen.
    Sparse,
    FirstHalf,
    SecondHalf,
}

impl Source {
    fn sample(&mut self, round: i64, rounds: i64, start_ms: i64) -> Option<(i64, f64)> {
        let value = self.next_value(round);
        let mut time = start_ms + round * INTERVAL_MS;
        match self.life {
            Life::Steady => {}
            Life::Gaps => {
                let phase = (round + self.labels.len() as i64 * 13) % 90;
                match phase {
                    40 => return Some((time, f64::from_bits(STALE))),
                    41..=52 | 75..=79 => return None,
                    _ => {}
                }
            }
            Life::Jitter => time += self.rng.below(900) as i64 - 450,
            Life::Sparse if round % 16 != 3 => return None,
            Life::Sparse => {}
            Life::FirstHalf if round == rounds / 2 => return Some((time, f64::from_bits(STALE))),
            Life::FirstHalf if round > rounds / 2 => return None,
            Life::SecondHalf if round < rounds / 2 => return None,
            Life::FirstHalf | Life::SecondHalf => {}
        }
        Some((time, value))
    }

    fn next_value(&mut self, round: i64) -> f64 {
        match self.shape {
            Shape::Counter(most) => {
                self.value = if self.rng.below(150) == 0 {
                    0.0
                } else {
                    self.value + self.rng.below(most) as f64
                };
                self.value
            }
            Shape::Seconds => {
                self.value += self.rng.below(1500) as f64 / 100.0;
                (self.value * 100.0).round() / 100.0
            }
            Shape::Bytes => 8e9 + 4096.0 * self.rng.below(1 << 20) as f64,
            Shape::Temperature => (self.rng.below(900) as f64 - 300.0) / 10.0,
            Shape::Constant(value) => value,
            Shape::Flapping => f64::from(u8::from(self.rng.below(12) != 0)),
            Shape::Odd => {
                const ODD: &[f64] = &[
                    f64::NAN,
                    f64::INFINITY,
                    f64::NEG_INFINITY,
                    0.0,
                    -0.0,
                    5e-324,
                    1e-300,
                    1e300,
                    f64::MAX,
                    -1.5,
                    1e21,
                    0.1,
                ];
                let kind = self.rng.below(20) as usize;
                ODD.get(kind).copied().unwrap_or(self.value)
            }
            Shape::Bucket { upper, part } => {
                // The same draws for all series of a histogram: the generator is cloned, not shared.
                for _ in 0..3 {
                    let duration = self.rng.below(4000) as f64 / 1000.0;
                    match part {
                        Part::Sum => self.value += duration,
                        Part::Count => self.value += 1.0,
                        Part::Bucket if duration <= upper => self.value += 1.0,
                        Part::Bucket => {}
                    }
                }
                if round % 211 == 210 {
                    self.value = 0.0;
                }
                self.value
            }
        }
    }
}

fn sources(rng: &mut Rng) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut add = |rng: Rng, shape, life, labels: &[(&str, &str)]| {
        let mut labels: Vec<(String, String)> = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        labels.sort();
        sources.push(Source {
            labels,
            shape,
            life,
            rng,
            value: 0.0,
        });
    };
    for instance in ["a:9100", "b:9100", "c:9100"] {
        let job = if instance == "c:9100" { "batch" } else { "web" };
        let target = [("job", job), ("instance", instance)];
        let mut put = |name: &str, extra: &[(&str, &str)], shape, life| {
            let labels = [&[("__name__", name)], &target[..], extra].concat();
            add(rng.fork(), shape, life, &labels);
        };
        for method in ["GET", "POST"] {
            for code in ["200", "404", "500"] {
                let extra = [("method", method), ("code", code)];
                put("http_requests_total", &extra, Shape::Counter(40), Life::Steady);
                put("http_errors", &extra, Shape::Counter(3), Life::Gaps);
            }
        }
        for cpu in ["0", "1"] {
            for mode in ["idle", "system", "user"] {
                let extra = [("cpu", cpu), ("mode", mode)];
                put("node_cpu_seconds_total", &extra, Shape::Seconds, Life::Steady);
            }
        }
        put("node_memory_free_bytes", &[], Shape::Bytes, Life::Steady);
        put(
            "build_info",
            &[("version", if job == "web" { "1.2.3" } else { "2.0" })],
            Shape::Constant(1.0),
            Life::Steady,
        );
        put(
            "target_info",
            &[("region", "eu-1"), ("zone", instance)],
            Shape::Constant(1.0),
            Life::Steady,
        );
        put("up", &[], Shape::Flapping, Life::Steady);
        put("constant", &[], Shape::Constant(0.1), Life::Steady);
        put("sparse", &[], Shape::Temperature, Life::Sparse);
        for sensor in ["cpu", "disk", "inlet"] {
            put(
                "temperature_celsius",
                &[("sensor", sensor)],
                Shape::Temperature,
                Life::Steady,
            );
            put(
                "jittered_total",
                &[("sensor", sensor)],
                Shape::Counter(9),
                Life::Jitter,
            );
        }
        for (queue, life) in [("in", Life::Gaps), ("out", Life::Steady)] {
            put("queue_length", &[("queue", queue)], Shape::Temperature, life);
        }
        for kind in ["x", "y"] {
            put("odd_values", &[("kind", kind)], Shape::Odd, Life::Steady);
        }
        put(
            "pod_cpu_seconds_total",
            &[("pod", "old")],
            Shape::Seconds,
            Life::FirstHalf,
        );
        put(
            "pod_cpu_seconds_total",
            &[("pod", "new")],
            Shape::Seconds,
            Life::SecondHalf,
        );
        put(
            "my.metric",
            &[("service.name", "a b"), ("quote", "\"\\'")],
            Shape::Temperature,
            Life::Steady,
        );
        put("job:requests:rate5m", &[], Shape::Temperature, Life::Gaps);
        for handler in ["/", "/api"] {
            let stream = rng.fork();
            let life = if handler == "/" { Life::Steady } else { Life::Gaps };
            let mut put = |name: &str, extra: &[(&str, &str)], upper, part| {
                let labels = [&[("__name__", name), ("handler", handler)], &target[..], extra].concat();
                add(stream.clone(), Shape::Bucket { upper, part }, life, &labels);
            };
            for le in ["0.1", "0.5", "1.0", "2.5", "+Inf"] {
                let upper = le.parse().unwrap_or(f64::INFINITY);
                put(
                    "request_duration_seconds_bucket",
                    &[("le", le)],
                    upper,
                    Part::Bucket,
                );
            }
            put("request_duration_seconds_count", &[], 0.0, Part::Count);
            put("request_duration_seconds_sum", &[], 0.0, Part::Sum);
        }
    }
    sources
}
