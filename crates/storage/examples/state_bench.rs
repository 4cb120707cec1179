//! Measures checkpoints and restarts of StateDB: `cargo run --release -p vigie-storage --example state_bench
//! -- <folder> [series]`.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its figures, and may fail loudly"
)]

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use vigie_storage::{ChunkKey, MemoryBudget, StateDb, StateDbOptions};

const SHARDS: u32 = 8;
const WINDOW_MS: i64 = 7_200_000;

fn main() {
    let mut args = std::env::args().skip(1);
    let folder = args.next().unwrap_or_else(|| "./state-bench".to_owned());
    let series: u32 = args.next().map_or(1_000_000, |series| series.parse().unwrap());
    let path = Path::new(&folder).join("state");
    let _ = std::fs::remove_dir_all(&path);
    let open = || {
        let memory = MemoryBudget::new(256 << 20, 128 << 20);
        StateDb::open(&path, StateDbOptions::new([1; 16], memory)).unwrap()
    };
    let db = open();
    for (name, rounds) in [("labels, heads and chunks", 0..1), ("heads and chunks", 1..4)] {
        let (start, cpu) = (Instant::now(), cpu_seconds());
        let mut longest = 0.0f64;
        for round in rounds.clone() {
            for shard in 0..SHARDS {
                let start = Instant::now();
                checkpoint(&db, shard, series / SHARDS, round);
                longest = longest.max(start.elapsed().as_secs_f64());
            }
        }
        let each = start.elapsed().as_secs_f64() / f64::from(rounds.len() as u32);
        let cpu = (cpu_seconds() - cpu) / f64::from(rounds.len() as u32);
        println!(
            "checkpoint of all shards ({name}): {each:.2} s, {cpu:.2} s CPU, longest shard {longest:.2} s"
        );
    }
    println!("{:?}", db.stats().unwrap());
    db.close();
    let start = Instant::now();
    let db = open();
    println!("open: {:.3} s", start.elapsed().as_secs_f64());
    let (start, cpu, mut records, mut bytes) = (Instant::now(), cpu_seconds(), 0, 0);
    for shard in 0..SHARDS {
        let store = db.shard(shard);
        for record in store.series().chain(store.heads()) {
            bytes += record.unwrap().1.len();
            records += 1;
        }
    }
    let (elapsed, cpu) = (start.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    println!("series and heads: {records} records, {bytes} bytes in {elapsed:.3} s, {cpu:.3} s CPU");
    for step in [1, 100] {
        let wanted = (0..series / SHARDS).step_by(step).collect::<Vec<_>>();
        let (start, mut found) = (Instant::now(), 0u32);
        let mut visit = |_: u32, _: &[u8]| {
            found += 1;
            ControlFlow::Continue(())
        };
        db.shard(0)
            .chunks(1, &wanted, 0, WINDOW_MS, WINDOW_MS, &mut visit)
            .unwrap();
        println!(
            "every {step}th series of a shard: {found} chunks in {:.3} s",
            start.elapsed().as_secs_f64()
        );
    }
    db.close();
    std::fs::remove_dir_all(&path).unwrap();
}

/// One shard's checkpoint: 120 bytes of labels, 60 of head and 100 of chunk for each series.
fn checkpoint(db: &StateDb, shard: u32, series: u32, round: u32) {
    let mut batch = db.shard(shard).begin_checkpoint();
    let mut value = [0u8; 120];
    for id in 0..series {
        // Neither random nor constant, as labels and codes are.
        for (at, byte) in value.iter_mut().enumerate() {
            *byte = (id.wrapping_mul(2_654_435_761).wrapping_add(round) >> (at % 23)) as u8;
        }
        if round == 0 {
            batch.put_series(id, &value);
        }
        batch.put_head(id, &value[..60]);
        let start_ms = i64::from(round) * 300_000;
        batch.put_chunk(
            ChunkKey {
                window: 0,
                tenant: 1,
                series: id,
                start_ms,
                ordinal: 0,
            },
            &value[..100],
        );
    }
    batch.put_meta("applied", &round.to_le_bytes());
    batch.commit().unwrap();
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
