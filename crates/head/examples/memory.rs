//! Where a head's memory goes: two hours of a million series as a shard takes them, with or without a
//! checkpoint whenever the log is long enough, or a day of a tenth of the series going and coming every
//! ten minutes.
//!
//!     cargo run --release -p vigie-head --example memory hours|unsaved|churn [series]
//!
//! Resident bytes are the process's; the batches are made and dropped one by one and hardly count. They
//! depend on the allocator: preload jemalloc, which the binary `vigie` has built in.

#![expect(clippy::print_stdout, reason = "prints its measurements")]

use vigie_head::batch::{BatchEncoder, Stamp, encode_retain, stamp};
use vigie_head::{Head, HeadOptions};
use vigie_model::{Labels, SeriesId, ShardId, TenantId};

const INTERVAL_MS: i64 = 15_000;
const START_MS: i64 = 1_700_000_000_000;
const ROWS_PER_BATCH: usize = 2_000;
/// An ingester takes a checkpoint when its shards' logs have 128 MiB, here taken to be a million series'.
const CHECKPOINT_LOG_BYTES_PER_SERIES: usize = (128 << 20) / 1_000_000;
const HOUR_MS: i64 = 3_600_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next();
    let series: Option<u32> = arguments.next().and_then(|series| series.parse().ok());
    match what.as_deref() {
        Some("hours") | None => two_hours(series.unwrap_or(1_000_000), true),
        Some("unsaved") => two_hours(series.unwrap_or(1_000_000), false),
        Some("churn") => a_day_of_churn(series.unwrap_or(50_000)),
        Some(unknown) => println!("{unknown}? One of hours, unsaved, churn."),
    }
}

/// One shard and what its log holds since the last checkpoint.
struct Shard {
    head: Head,
    log_bytes: usize,
    /// Resident bytes before it.
    before_bytes: usize,
    most_bytes: usize,
}

impl Shard {
    fn new() -> Shard {
        Shard {
            head: Head::new(HeadOptions::new(ShardId(0))),
            log_bytes: 0,
            before_bytes: resident_bytes(),
            most_bytes: 0,
        }
    }

    /// Sends a sample of each series, given by id once it is known, else by its labels.
    fn scrape(&mut self, targets: &mut [Target], round: u32) {
        for targets in targets.chunks_mut(ROWS_PER_BATCH) {
            let mut encoder = BatchEncoder::new();
            let tenant = encoder.tenant(&TenantId::anonymous());
            let time_ms = START_MS + i64::from(round) * INTERVAL_MS;
            for target in targets.iter() {
                let value = value(target.number, round);
                match target.id {
                    Some(id) => encoder.push_known(id, time_ms, value),
                    None => {
                        let index = encoder.declare(tenant, target.labels().as_packed());
                        encoder.push_declared(index, time_ms, value);
                    }
                }
            }
            let mut entry = encoder.finish();
            let stamped = Stamp {
                proposed_at_ms: time_ms,
                ..Stamp::default()
            };
            if stamp(&mut entry, stamped).is_err() {
                continue;
            }
            self.log_bytes += entry.len();
            if let Ok(outcome) = self.head.apply(&entry) {
                let unknown = targets.iter_mut().filter(|target| target.id.is_none());
                for (target, id) in unknown.zip(outcome.declared) {
                    target.id = Some(id);
                }
            }
        }
    }

    fn checkpoint(&mut self) {
        let image = self.head.begin_checkpoint();
        self.most_bytes = self.most_bytes.max(resident_bytes());
        self.head.checkpoint_done(image.token);
        self.log_bytes = 0;
    }

    fn report(&mut self, what: &str, live: usize) {
        let resident_bytes = resident_bytes();
        self.most_bytes = self.most_bytes.max(resident_bytes);
        let per_series = |bytes: usize| bytes.saturating_sub(self.before_bytes) / live.max(1);
        let usage = self.head.memory();
        println!(
            "{what}: {} bytes resident a live series, {} at most; {} series, of which in rows {}, labels {}, index {}, \
             open chunks {}, {} waiting chunks {}",
            per_series(resident_bytes),
            per_series(self.most_bytes),
            self.head.series_count(),
            usage.rows_bytes / live,
            usage.labels_bytes / live,
            usage.index_bytes / live,
            usage.open_chunks_bytes / live,
            usage.waiting_chunks,
            usage.waiting_chunks_bytes / live,
        );
    }
}

fn two_hours(series: u32, with_checkpoints: bool) {
    println!("two hours, checkpoints by the length of the log: {with_checkpoints}");
    let checkpoint_log_bytes = series as usize * CHECKPOINT_LOG_BYTES_PER_SERIES;
    let mut targets: Vec<Target> = (0..series).map(Target::new).collect();
    let mut shard = Shard::new();
    for round in 0..=480 {
        shard.scrape(&mut targets, round);
        if with_checkpoints && shard.log_bytes >= checkpoint_log_bytes {
            shard.checkpoint();
        }
        if round % 120 == 0 {
            shard.report(&format!("  minute {}", round / 4), targets.len());
        }
    }
    if with_checkpoints {
        shard.checkpoint();
        shard.report("  after a checkpoint", targets.len());
    }
}

/// Every ten minutes a tenth of the series is replaced by new ones; what has been gone for two hours is
/// dropped, and a checkpoint taken.
fn a_day_of_churn(series: u32) {
    println!("a day, a tenth of the series replaced every ten minutes, retained for two hours");
    let mut targets: Vec<Target> = (0..series).map(Target::new).collect();
    let mut next = series;
    let mut shard = Shard::new();
    for round in 0..24 * 240 {
        if round % 40 == 0 && round > 0 {
            for target in &mut targets {
                if mixed(target.number ^ round).is_multiple_of(10) {
                    *target = Target::new(next);
                    next += 1;
                }
            }
            let now_ms = START_MS + i64::from(round) * INTERVAL_MS;
            let retained = shard.head.apply(&encode_retain(now_ms - 2 * HOUR_MS));
            debug_assert!(retained.is_ok());
            shard.checkpoint();
        }
        shard.scrape(&mut targets, round);
        if round % 480 == 479 {
            shard.report(&format!("  hour {}", (round + 1) / 240), targets.len());
        }
    }
}

/// A series as its sender sees it.
struct Target {
    number: u32,
    id: Option<SeriesId>,
}

impl Target {
    fn new(number: u32) -> Target {
        Target { number, id: None }
    }

    /// The labels of a node exporter: 1,000 series per host.
    fn labels(&self) -> Labels {
        let (host, metric) = (self.number / 1_000, self.number % 1_000);
        let instance = format!("host-{host}:9100");
        let name = format!("node_metric_{}", metric / 4);
        let mode = ["idle", "user", "system", "iowait"][metric as usize % 4];
        Labels::from_pairs([
            ("__name__", name.as_str()),
            ("cluster", "eu-west-1a"),
            ("cpu", "0"),
            ("env", "production"),
            ("instance", &instance),
            ("job", "node_exporter"),
            ("mode", mode),
            ("namespace", "monitoring"),
        ])
        .unwrap_or_default()
    }
}

/// Two thirds of the series are constant, as in a recording of node_exporter; the others are counters
/// and gauges.
fn value(number: u32, round: u32) -> f64 {
    let mixed = mixed(number ^ round.wrapping_mul(0x9e37_79b9));
    match number % 6 {
        0 => f64::from(round * 1_000) + (mixed % 900) as f64,
        1 => (mixed % 10_000) as f64 / 100.0,
        _ => f64::from(number % 17),
    }
}

fn mixed(number: u32) -> u64 {
    u64::from(number).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40
}

/// The process's resident bytes.
fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|line| line.split(' ').nth(1)?.parse::<usize>().ok());
    pages.unwrap_or_default() * 4096
}
