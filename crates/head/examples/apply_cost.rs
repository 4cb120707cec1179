//! What applying costs: processor nanoseconds a row and bytes a series, in batches of 2,000 rows.
//!
//!     cargo run --release -p vigie-head --example apply_cost [series] [rounds] [percent of series with start times]

#![expect(clippy::print_stdout, reason = "prints its measurements")]
#![expect(unsafe_code, reason = "a counting allocator has no other way")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use vigie_head::batch::{BatchEncoder, Stamp, stamp};
use vigie_head::{Head, HeadOptions};
use vigie_model::{Labels, MatchOp, Matcher, SeriesId, ShardId, TenantId};

/// Counts the bytes asked for and not given back.
struct Counting;

static USED_BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        USED_BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        USED_BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ROWS_PER_BATCH: u32 = 2_000;
const INTERVAL_MS: i64 = 15_000;
const START_MS: i64 = 1_700_000_000_000;

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.parse().ok());
    let series: u32 = arguments.next().unwrap_or(1_000_000);
    let rounds: u32 = arguments.next().unwrap_or(20);
    let started_percent: u32 = arguments.next().unwrap_or(0);
    let before = USED_BYTES.load(Ordering::Relaxed);
    let mut head = Head::new(HeadOptions::new(ShardId(0)));
    let mut meter = Meter::default();

    for from in (0..series).step_by(ROWS_PER_BATCH as usize) {
        let mut encoder = BatchEncoder::new();
        let tenant = encoder.tenant(&TenantId::anonymous());
        for number in from..series.min(from + ROWS_PER_BATCH) {
            let index = encoder.declare(tenant, labels(number).as_packed());
            encoder.push_declared(index, START_MS, value(number, 0));
        }
        meter.apply(&mut head, encoder);
    }
    meter.report("new series", &mut head, before);

    for round in 1..=rounds {
        for from in (0..series).step_by(ROWS_PER_BATCH as usize) {
            let mut encoder = BatchEncoder::new();
            for number in from..series.min(from + ROWS_PER_BATCH) {
                // A shard sees the series of a request in an order of its own, not in that of their ids.
                let shuffled = (u64::from(number) * 7_368_787 % u64::from(series)) as u32;
                let time_ms = START_MS + i64::from(round) * INTERVAL_MS;
                if shuffled % 100 < started_percent {
                    encoder.next_began_at(START_MS - i64::from(shuffled));
                }
                encoder.push_known(SeriesId(shuffled), time_ms, value(shuffled, round));
            }
            meter.apply(&mut head, encoder);
        }
        if round % 10 == 0 || round == rounds {
            meter.report(
                &format!("known series, to sample {}", round + 1),
                &mut head,
                before,
            );
        }
    }

    let started = processor_time();
    let image = head.begin_checkpoint();
    let taken = processor_time().saturating_sub(started);
    println!(
        "checkpoint: {taken:?}, labels {} MB, heads {} MB, {} sealed chunks",
        image.new_series.len_bytes() >> 20,
        image.heads.len_bytes() >> 20,
        image.sealed.len()
    );
    let started = processor_time();
    let restored = Head::restore(&image.meta, image.new_series.iter(), image.heads.iter());
    let taken = processor_time().saturating_sub(started);
    println!("restore: {taken:?}, complete: {}", restored.is_ok());
    drop(restored);
    let image_bytes = {
        let with = USED_BYTES.load(Ordering::Relaxed);
        head.checkpoint_done(image.token);
        drop(image);
        with - USED_BYTES.load(Ordering::Relaxed)
    };
    println!("image and sealed chunks freed: {} MB", image_bytes >> 20);
    meter.report("after the checkpoint", &mut head, before);
    select(&head);
}

fn select(head: &Head) {
    let tenant = TenantId::anonymous();
    let regex = |name: &str, value: &str| Matcher::new(MatchOp::Regex, name, value).ok();
    let queries = [
        vec![Matcher::equal("__name__", "node_metric_7")],
        vec![Matcher::equal("instance", "host-17:9100")],
        [
            Some(Matcher::equal("__name__", "node_metric_7")),
            regex("instance", "host-1.*"),
        ]
        .into_iter()
        .flatten()
        .collect(),
        regex("instance", ".*7:9100").into_iter().collect(),
    ];
    for matchers in queries {
        let started = Instant::now();
        let found = head.select(&tenant, &matchers).len();
        println!(
            "select {}: {found} series in {:?}",
            matchers[0],
            started.elapsed()
        );
    }
}

/// The labels of a node exporter: 1,000 series per host.
fn labels(number: u32) -> Labels {
    let (host, metric) = (number / 1_000, number % 1_000);
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

/// Two thirds of the series are constant, as in a recording of node_exporter; the others are counters
/// and gauges.
fn value(number: u32, round: u32) -> f64 {
    let mixed = u64::from(number ^ round.wrapping_mul(0x9e37_79b9)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40;
    match number % 6 {
        0 => f64::from(round * 1_000) + (mixed % 900) as f64,
        1 => (mixed % 10_000) as f64 / 100.0,
        _ => f64::from(number % 17),
    }
}

/// Adds up the time spent in `apply`.
#[derive(Default)]
struct Meter {
    spent: Duration,
    rows: u32,
    entry_bytes: usize,
    /// The least of all groups: what is left when others do not use the caches.
    best_ns: Option<f64>,
    /// Encoded ahead, as what is measured is long compared to the clock's step.
    waiting: Vec<Vec<u8>>,
}

/// What this thread has spent on a processor: other programs do not count.
fn processor_time() -> Duration {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|line| line.split(' ').next()?.parse().ok())
        .map_or(Duration::ZERO, Duration::from_nanos)
}

impl Meter {
    fn apply(&mut self, head: &mut Head, encoder: BatchEncoder) {
        let mut entry = encoder.finish();
        let stamped = Stamp {
            proposed_at_ms: START_MS + 1_000 * INTERVAL_MS,
            ..Stamp::default()
        };
        if stamp(&mut entry, stamped).is_ok() {
            self.entry_bytes += entry.len();
            self.waiting.push(entry);
        }
        if self.waiting.len() >= 100 {
            self.apply_waiting(head);
        }
    }

    fn apply_waiting(&mut self, head: &mut Head) {
        let started = processor_time();
        let mut rows = 0;
        for entry in &self.waiting {
            rows += head.apply(entry).map_or(0, |outcome| outcome.appended);
        }
        let spent = processor_time().saturating_sub(started);
        self.spent += spent;
        self.rows += rows;
        if rows > 0 {
            let per_row = spent.as_nanos() as f64 / f64::from(rows);
            self.best_ns = self.best_ns.map_or(per_row, |best| best.min(per_row)).into();
        }
        self.waiting.clear();
    }

    fn report(&mut self, what: &str, head: &mut Head, before: usize) {
        self.apply_waiting(head);
        self.waiting = Vec::new();
        let used = USED_BYTES.load(Ordering::Relaxed) - before;
        println!(
            "{what}: {:.0} ns/row (best {:.0}), {:.1} entry bytes/row, {} bytes/series in memory",
            self.spent.as_nanos() as f64 / f64::from(self.rows.max(1)),
            self.best_ns.unwrap_or_default(),
            self.entry_bytes as f64 / f64::from(self.rows.max(1)),
            used / head.series_count().max(1)
        );
        *self = Meter::default();
    }
}
