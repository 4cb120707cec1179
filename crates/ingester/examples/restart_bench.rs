//! Measures how long an ingester takes from a crash until it is ready:
//!
//!     cargo run --release -p vigie-ingester --example restart_bench -- <folder> [series] [rounds] [pause_ms]
//!
//! With `compact` after the folder it writes 24 h of samples and measures compacting them instead; then [rounds] and
//! [pause_ms] mean nothing.
//!
//! One process writes a sample of each series in each round and aborts; a second one opens what it left. Instructions:
//! `perf stat -e instructions:u <target>/release/examples/restart_bench <folder> open` after a run with `keep`.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its figures, and may fail loudly"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt;
use tonic::Request;
use vigie_head::batch::BatchEncoder;
use vigie_ingester::{CompactedSpans, Ingester, IngesterOptions};
use vigie_model::{Labels, MatchOp, Matcher, SeriesId, TenantId};
use vigie_proto::{Ingester as _, matchers_to_wire, v1};
use vigie_runtime::{Metrics, SystemClock};

const SHARDS: u32 = 8;
const ROWS_PER_BATCH: u32 = 2_000;
const INTERVAL_MS: i64 = 15_000;

struct Arguments {
    folder: PathBuf,
    mode: String,
    series: u32,
    rounds: u32,
    pause: Duration,
}

fn main() {
    let mut args = std::env::args().skip(1);
    let folder = PathBuf::from(args.next().unwrap_or_else(|| "./restart-bench".to_owned()));
    let mut rest: Vec<String> = args.collect();
    let mode = match rest.first() {
        Some(word) if word.parse::<u32>().is_err() => rest.remove(0),
        _ => "all".to_owned(),
    };
    let number = |at: usize, default| {
        rest.get(at)
            .map_or(default, |word: &String| word.parse().unwrap())
    };
    let arguments = Arguments {
        folder,
        mode,
        series: number(0, 1_000_000),
        rounds: number(1, 24),
        pause: Duration::from_millis(u64::from(number(2, 0))),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    match arguments.mode.as_str() {
        "write" => runtime.block_on(write(&arguments)),
        "open" => runtime.block_on(open_again(&arguments)),
        "compact" => runtime.block_on(compact(&arguments)),
        mode => {
            let _ = std::fs::remove_dir_all(&arguments.folder);
            run(&arguments, "write");
            print_sizes(&arguments.folder);
            run(&arguments, "open");
            if mode != "keep" {
                std::fs::remove_dir_all(&arguments.folder).unwrap();
            }
        }
    }
}

fn run(arguments: &Arguments, mode: &str) {
    let status = Command::new(std::env::current_exe().unwrap())
        .arg(&arguments.folder)
        .arg(mode)
        .args([
            arguments.series.to_string(),
            arguments.rounds.to_string(),
            arguments.pause.as_millis().to_string(),
        ])
        .status()
        .unwrap();
    // The writer aborts.
    assert!(mode == "write" || status.success());
}

async fn open(folder: &Path) -> Ingester {
    let options = IngesterOptions::new(folder.to_owned(), SHARDS);
    Ingester::open(options, Arc::new(SystemClock), &Metrics::new())
        .await
        .unwrap()
}

async fn write(arguments: &Arguments) {
    let ingester = Arc::new(open(&arguments.folder).await);
    write_rounds(
        &ingester,
        arguments,
        now_ms() - i64::from(arguments.rounds) * INTERVAL_MS,
    )
    .await;
    std::process::abort();
}

async fn compact(arguments: &Arguments) {
    let _ = std::fs::remove_dir_all(&arguments.folder);
    let ingester = Arc::new(open(&arguments.folder).await);
    // Two spans, and what closes the second.
    let day_ms = 24 * 3_600_000;
    let start_ms = (now_ms() / day_ms - 2) * day_ms;
    let rounds = (day_ms * 9 / 8 / INTERVAL_MS) as u32;
    let arguments = Arguments {
        folder: arguments.folder.clone(),
        mode: String::new(),
        rounds,
        ..*arguments
    };
    write_rounds(&ingester, &arguments, start_ms).await;
    let samples = f64::from(arguments.series) * f64::from(rounds) * 8.0 / 9.0;
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let report = ingester.compact(CompactedSpans::Closed).await.unwrap();
    println!(
        "compaction: {:.3} bytes/sample to {:.3}, {:.3} us CPU/sample, {:.1} s, {} spans",
        report.replaced_bytes as f64 / samples,
        report.written_bytes as f64 / samples,
        (cpu_seconds() - cpu) * 1e6 / samples,
        start.elapsed().as_secs_f64(),
        report.spans
    );
    ingester.shutdown().await;
    print_sizes(&arguments.folder);
    std::fs::remove_dir_all(&arguments.folder).unwrap();
}

fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap().as_millis() as i64
}

async fn write_rounds(ingester: &Arc<Ingester>, arguments: &Arguments, start_ms: i64) {
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let per_shard = arguments.series / SHARDS;
    let mut ids = vec![Vec::new(); SHARDS as usize];
    for round in 0..arguments.rounds {
        let shards = ids.drain(..).enumerate().map(|(shard, ids)| {
            let ingester = Arc::clone(ingester);
            tokio::spawn(write_round(
                ingester,
                shard as u32,
                round,
                per_shard,
                start_ms,
                ids,
            ))
        });
        let shards: Vec<_> = shards.collect();
        for shard in shards {
            ids.push(shard.await.unwrap());
        }
        tokio::time::sleep(arguments.pause).await;
    }
    let samples = f64::from(per_shard * SHARDS) * f64::from(arguments.rounds);
    println!(
        "write: {samples} samples, {:.1} s, {:.3} us CPU/sample",
        start.elapsed().as_secs_f64(),
        (cpu_seconds() - cpu) * 1e6 / samples
    );
}

async fn write_round(
    ingester: Arc<Ingester>,
    shard: u32,
    round: u32,
    series: u32,
    start_ms: i64,
    mut ids: Vec<SeriesId>,
) -> Vec<SeriesId> {
    let time_ms = start_ms + i64::from(round) * INTERVAL_MS;
    for from in (0..series).step_by(ROWS_PER_BATCH as usize) {
        let numbers = from..series.min(from + ROWS_PER_BATCH);
        let mut encoder = BatchEncoder::new();
        if round == 0 {
            let tenant = encoder.tenant(&TenantId::anonymous());
            for number in numbers {
                let declared = encoder.declare(tenant, labels(shard, number).as_packed());
                encoder.push_declared(declared, time_ms, value(number, round));
            }
        } else {
            for number in numbers {
                encoder.push_known(ids[number as usize], time_ms, value(number, round));
            }
        }
        let request = v1::PushRequest {
            shard,
            batch: Bytes::from(encoder.finish()),
        };
        let response = ingester.push(Request::new(request)).await.unwrap().into_inner();
        assert!(response.rejected.is_empty());
        ids.extend(response.declared.into_iter().map(SeriesId));
    }
    ids
}

async fn open_again(arguments: &Arguments) {
    let (start, cpu) = (Instant::now(), cpu_seconds());
    let ingester = open(&arguments.folder).await;
    println!(
        "ready: {:.2} s, {:.2} s CPU",
        start.elapsed().as_secs_f64(),
        cpu_seconds() - cpu
    );
    let matchers = [Matcher::new(MatchOp::Regex, "__name__", "bench_metric_1").unwrap()];
    let request = v1::SelectRequest {
        tenant: TenantId::anonymous().as_str().to_owned(),
        matchers: matchers_to_wire(&matchers),
        start_ms: 0,
        end_ms: i64::MAX,
        ..Default::default()
    };
    let mut stream = ingester.select(Request::new(request)).await.unwrap().into_inner();
    let mut found = 0;
    while let Some(message) = stream.next().await {
        found += message.unwrap().series.len();
    }
    println!(
        "first query: {found} series after {:.2} s",
        start.elapsed().as_secs_f64()
    );
    // Without a last checkpoint, so that it can be measured again.
    std::process::exit(0);
}

/// About 200 bytes, as node_exporter behind Kubernetes has them.
fn labels(shard: u32, number: u32) -> Labels {
    let (host, metric) = (number / 500, number % 500);
    Labels::from_pairs([
        ("__name__", format!("bench_metric_{metric}").as_str()),
        ("cluster", "production-eu-west-1"),
        ("container", "node-exporter"),
        ("device", &format!("nvme{}n1", metric % 7)),
        (
            "instance",
            &format!("10.{shard}.{}.{}:9100", host / 250, host % 250),
        ),
        ("job", "kubernetes-nodes"),
        ("namespace", "monitoring"),
        ("pod", &format!("node-exporter-{shard}-{host:05}")),
    ])
    .unwrap()
}

/// Two thirds constant, the rest counters and gauges with decimals.
fn value(number: u32, round: u32) -> f64 {
    let mixed = number.wrapping_mul(2_654_435_761).rotate_left(round % 32) % 1000;
    match number % 6 {
        0 => f64::from(round) * 977.0 + f64::from(mixed),
        1 => f64::from(mixed) / 10.0,
        _ => f64::from(number % 17),
    }
}

fn print_sizes(folder: &Path) {
    for part in ["log", "state"] {
        let mut sizes = [("log", 0u64), ("sst", 0), ("other", 0)];
        for entry in std::fs::read_dir(folder.join(part)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = match name.rsplit('.').next() {
                Some("log") => 0,
                Some("sst") => 1,
                _ => 2,
            };
            sizes[kind].1 += entry.metadata().unwrap().len() >> 10;
        }
        println!("{part}: {sizes:?} KiB");
    }
}

/// CPU time of this process, all threads.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect::<Vec<_>>();
    let ticks = |field: usize| fields[field].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}
