use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::fleet::{self, SERIES_PER_HOST};
use crate::remote_write::WriteClient;
use vigie_systems::{encode_labels, encode_series, own_cpu_seconds, snappy};

const SAMPLES_PER_REQUEST: u32 = 2_000;
const STEP_MS: i64 = 15_000;
const SHED_PAUSE: Duration = Duration::from_millis(50);
const SEND_DEADLINE: Duration = Duration::from_secs(300);

/// The size and the place in time of a recording.
#[derive(Debug, Clone)]
pub struct CorpusOptions {
    /// A multiple of 2,000, the samples of one request.
    pub series: u32,
    pub samples_per_series: u32,
    /// Time of the last sample of every series.
    pub end_ms: i64,
    /// Where the encoded requests are kept.
    pub file: PathBuf,
}

/// Remote write 1.0 requests of a fleet of hosts, encoded once and kept in a file, so that every server gets the same
/// bytes and the sender costs next to nothing.
#[derive(Debug)]
pub struct Corpus {
    options: CorpusOptions,
    file: File,
    /// Offset and length of each request, scrape by scrape.
    requests: Vec<(u64, usize)>,
    pub raw_label_bytes: u64,
}

/// What sending a corpus took.
#[derive(Debug, Clone, Copy)]
pub struct ReplayReport {
    pub wall: Duration,
    /// CPU time of the sender itself.
    pub sender_cpu_seconds: f64,
    /// Answers 429 and 503, after each of which the request went out again.
    pub shed: u64,
}

impl Corpus {
    pub fn record(options: CorpusOptions) -> Result<Self> {
        if options.series == 0 || !options.series.is_multiple_of(SAMPLES_PER_REQUEST) {
            bail!(
                "the number of series must be a multiple of {SAMPLES_PER_REQUEST}, not {}",
                options.series
            );
        }
        let mut labels = Vec::new();
        let mut ends = Vec::with_capacity(options.series as usize);
        let mut raw_label_bytes = 0;
        for series in 0..options.series {
            let pairs = fleet::labels(series);
            raw_label_bytes += pairs
                .iter()
                .map(|(name, value)| (name.len() + value.len()) as u64)
                .sum::<u64>();
            encode_labels(
                pairs.iter().map(|(name, value)| (*name, value.as_str())),
                &mut labels,
            );
            ends.push(labels.len());
        }
        let file = File::options()
            .create(true)
            .truncate(true)
            .read(true)
            .write(true)
            .open(&options.file)
            .context("create the corpus")?;
        let mut out = BufWriter::with_capacity(1 << 20, &file);
        let mut requests = Vec::new();
        let mut offset = 0;
        let mut raw = Vec::new();
        for scrape in 0..options.samples_per_series {
            let t = options.end_ms - i64::from(options.samples_per_series - 1 - scrape) * STEP_MS;
            for first in (0..options.series).step_by(SAMPLES_PER_REQUEST as usize) {
                raw.clear();
                for series in first..first + SAMPLES_PER_REQUEST {
                    let from = if series == 0 { 0 } else { ends[series as usize - 1] };
                    let encoded = &labels[from..ends[series as usize]];
                    encode_series(encoded, &[(t, fleet::value(series, scrape))], &mut raw);
                }
                let body = snappy(&raw)?;
                out.write_all(&body).context("write the corpus")?;
                requests.push((offset, body.len()));
                offset += body.len() as u64;
            }
        }
        out.flush().context("write the corpus")?;
        drop(out);
        Ok(Self {
            options,
            file,
            requests,
            raw_label_bytes,
        })
    }

    pub fn samples(&self) -> u64 {
        u64::from(self.options.series) * u64::from(self.options.samples_per_series)
    }

    pub fn series(&self) -> u32 {
        self.options.series
    }

    pub fn hosts(&self) -> u32 {
        self.options.series.div_ceil(SERIES_PER_HOST)
    }

    pub fn end_ms(&self) -> i64 {
        self.options.end_ms
    }

    pub fn start_ms(&self) -> i64 {
        self.options.end_ms - i64::from(self.options.samples_per_series - 1) * STEP_MS
    }

    /// Sends all requests over `connections`; one series always goes over the same connection, so in order.
    pub fn replay(&self, url: &str, connections: usize) -> Result<ReplayReport> {
        let cpu_before = own_cpu_seconds()?;
        let started = Instant::now();
        let shed = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..connections)
                .map(|which| scope.spawn(move || self.replay_share(url, which, connections)))
                .collect();
            let mut shed = 0;
            for thread in threads {
                match thread.join() {
                    Ok(count) => shed += count?,
                    Err(_) => bail!("a sender panicked"),
                }
            }
            Ok(shed)
        })?;
        let wall = started.elapsed();
        let sender_cpu_seconds = own_cpu_seconds()? - cpu_before;
        Ok(ReplayReport {
            wall,
            sender_cpu_seconds,
            shed,
        })
    }

    fn replay_share(&self, url: &str, which: usize, connections: usize) -> Result<u64> {
        let client = WriteClient::new(url)?;
        let per_scrape = (self.options.series / SAMPLES_PER_REQUEST) as usize;
        let mut shed = 0;
        for (number, (offset, length)) in self.requests.iter().enumerate() {
            if number % per_scrape % connections != which {
                continue;
            }
            let mut body = vec![0; *length];
            self.file
                .read_exact_at(&mut body, *offset)
                .context("read the corpus")?;
            let started = Instant::now();
            loop {
                let answer = client.send_body(body.clone())?;
                match answer.status {
                    200..300 => break,
                    429 | 503 if started.elapsed() < SEND_DEADLINE => {
                        shed += 1;
                        std::thread::sleep(SHED_PAUSE);
                    }
                    status => bail!(
                        "request {number} was refused with {status}: {}",
                        answer.body.trim()
                    ),
                }
            }
        }
        Ok(shed)
    }
}
