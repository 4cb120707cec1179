//! Measures LogDB's layout against one leveled column family with range deletes. The figures of the first
//! decision record come from here: `cargo run --release -p vigie-storage --example logdb_bench -- <folder>
//! [seconds per case]
//! [part of a layout's name]`.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its table, and may fail loudly"
)]

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rocksdb::{ColumnFamilyDescriptor, DB, DBCompressionType, Options, WriteBatch, WriteOptions};
use vigie_storage::{Durability, LogDb, LogDbOptions};

/// Appends of one group that may be on their way, as Raft pipelines them.
const IN_FLIGHT: u64 = 4;
/// Payload of a group after which it purges all but the last few entries, as a checkpoint would let it.
const PURGE_BYTES: u64 = 16 << 20;
const KEPT_ENTRIES: u64 = 64;
const BATCH_BYTES: usize = 8 << 20;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Layout {
    /// As the defaults have it: a segment fits a memtable.
    Segments,
    /// Segments of four memtables.
    LargeSegments,
    SegmentsRelaxed,
    SingleFamily,
}

/// What the driver needs of a log.
trait Log: Sync {
    fn append(&self, group: u64, index: u64, entry: Bytes, done: Box<dyn FnOnce() + Send>);
    fn purge_to(&self, group: u64, index: u64);
    fn batches(&self) -> u64;
    fn notes(&self) -> String;
}

fn main() {
    let mut args = std::env::args().skip(1);
    let folder = args.next().unwrap_or_else(|| "./logdb-bench".to_owned());
    let seconds = args.next().map_or(10, |seconds| seconds.parse().unwrap());
    let only = args.next().unwrap_or_default();
    println!(
        "| layout | groups | entry | fsync/s | appends/fsync | MB/s | p50 ms | p99 ms | max ms | CPU us/append | written/payload |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let mut notes = Vec::new();
    for layout in [
        Layout::Segments,
        Layout::LargeSegments,
        Layout::SingleFamily,
        Layout::SegmentsRelaxed,
    ] {
        for groups in [8, 64] {
            for entry_bytes in [4 << 10, 64 << 10, 256 << 10] {
                let variant = matches!(layout, Layout::LargeSegments | Layout::SegmentsRelaxed);
                if !format!("{layout:?}").contains(&only) {
                    continue;
                }
                if variant && entry_bytes != 64 << 10 {
                    continue;
                }
                let path = Path::new(&folder).join("case");
                let _ = std::fs::remove_dir_all(&path);
                let note = run(layout, &path, groups, entry_bytes, Duration::from_secs(seconds));
                notes.push(format!("{layout:?} {groups} x {} KiB: {note}", entry_bytes >> 10));
                let _ = std::fs::remove_dir_all(&path);
            }
        }
    }
    println!("\n{}", notes.join("\n"));
}

fn run(layout: Layout, path: &Path, groups: u64, entry_bytes: usize, time: Duration) -> String {
    let log: Box<dyn Log> = match layout {
        Layout::Segments => Box::new(Segments::open(path, LogDbOptions::new([1; 16]))),
        Layout::LargeSegments => Box::new(Segments::open(
            path,
            LogDbOptions {
                segment_bytes: 256 << 20,
                memtable_bytes: 64 << 20,
                ..LogDbOptions::new([1; 16])
            },
        )),
        Layout::SegmentsRelaxed => Box::new(Segments::open(
            path,
            LogDbOptions {
                durability: Durability::Relaxed,
                ..LogDbOptions::new([1; 16])
            },
        )),
        Layout::SingleFamily => Box::new(SingleFamily::open(path)),
    };
    // Incompressible, as entries come compressed.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let entry = Bytes::from_iter((0..entry_bytes).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    }));
    let (cpu, written, batches) = (cpu_seconds(), written_bytes(), log.batches());
    let start = Instant::now();
    let mut latencies = Vec::new();
    let per_purge = (PURGE_BYTES / entry_bytes as u64).max(2 * KEPT_ENTRIES);
    let (done, completed) = channel();
    let mut next = vec![0u64; groups as usize];
    let mut submit = |group: u64, done: &Sender<(u64, Duration)>| {
        let index = next[group as usize];
        next[group as usize] += 1;
        let (at, done) = (Instant::now(), done.clone());
        log.append(
            group,
            index,
            entry.clone(),
            Box::new(move || done.send((group, at.elapsed())).unwrap_or(())),
        );
        // Spread, as checkpoints of groups are.
        let phase = group * per_purge / groups;
        if index > KEPT_ENTRIES + per_purge && (index + phase).is_multiple_of(per_purge) {
            log.purge_to(group, index - KEPT_ENTRIES);
        }
    };
    for _ in 0..IN_FLIGHT {
        (0..groups).for_each(|group| submit(group, &done));
    }
    let mut outstanding = IN_FLIGHT * groups;
    while outstanding > 0 {
        let (group, latency) = completed.recv().unwrap();
        latencies.push(latency);
        outstanding -= 1;
        if start.elapsed() < time {
            submit(group, &done);
            outstanding += 1;
        }
    }
    let elapsed = start.elapsed().as_secs_f64();
    let appends = latencies.len() as f64;
    let batches = (log.batches() - batches) as f64;
    let cpu = cpu_seconds() - cpu;
    let payload = appends * entry_bytes as f64;
    latencies.sort_unstable();
    let at = |q: f64| latencies[((latencies.len() - 1) as f64 * q) as usize].as_secs_f64() * 1e3;
    println!(
        "| {layout:?} | {groups} | {} KiB | {:.0} | {:.1} | {:.0} | {:.1} | {:.1} | {:.0} | {:.0} | {:.2} |",
        entry_bytes >> 10,
        batches / elapsed,
        appends / batches,
        payload / elapsed / 1e6,
        at(0.5),
        at(0.99),
        at(1.0),
        cpu * 1e6 / appends,
        (written_bytes() - written) as f64 / payload,
    );
    log.notes()
}

/// The layout of this crate.
struct Segments(LogDb);

impl Segments {
    fn open(path: &Path, options: LogDbOptions) -> Segments {
        Segments(LogDb::open(path, options).unwrap())
    }
}

impl Log for Segments {
    fn append(&self, group: u64, index: u64, entry: Bytes, done: Box<dyn FnOnce() + Send>) {
        let told = move |result: Result<(), _>| {
            result.unwrap();
            done();
        };
        self.0.group(group).append(vec![(index, entry)], Box::new(told));
    }

    fn purge_to(&self, group: u64, index: u64) {
        self.0
            .group(group)
            .purge_to(index, Bytes::new(), Box::new(|result| result.unwrap()));
    }

    fn batches(&self) -> u64 {
        self.0.stats().batches
    }

    fn notes(&self) -> String {
        let stats = self.0.stats();
        let millis = |duration: Duration| duration.as_secs_f64() * 1e3;
        format!(
            "commit p50 {:.1} p99 {:.1} max {:.0} ms; create: {} x, p50 {:.1} max {:.1} ms; drop: {} x, p50 {:.1} max {:.1} ms; \
             {} rotations, {} segments, {:.0} MB on disk",
            millis(stats.commit.quantile(0.5)),
            millis(stats.commit.quantile(0.99)),
            millis(stats.commit.max),
            stats.segment_create.count(),
            millis(stats.segment_create.quantile(0.5)),
            millis(stats.segment_create.max),
            stats.segment_drop.count(),
            millis(stats.segment_drop.quantile(0.5)),
            millis(stats.segment_drop.max),
            stats.rotations,
            stats.segments,
            self.0.disk_bytes().unwrap() as f64 / 1e6,
        )
    }
}

/// The alternative: one leveled column family, purged by range tombstones. Same batching, same write-ahead
/// log.
struct SingleFamily {
    ops: Option<Sender<Op>>,
    thread: Option<std::thread::JoinHandle<()>>,
    batches: Arc<std::sync::atomic::AtomicU64>,
    path: std::path::PathBuf,
}

enum Op {
    Append {
        key: [u8; 16],
        entry: Bytes,
        done: Box<dyn FnOnce() + Send>,
    },
    Purge {
        from: [u8; 16],
        to: [u8; 16],
    },
}

impl SingleFamily {
    fn open(path: &Path) -> SingleFamily {
        let mut options = Options::default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_recycle_log_file_num(4);
        options.set_max_total_wal_size(512 << 20);
        options.set_wal_bytes_per_sync(512 << 10);
        options.set_bytes_per_sync(1 << 20);
        options.set_max_background_jobs(2);
        let mut family = Options::default();
        family.set_write_buffer_size(64 << 20);
        family.set_max_write_buffer_number(4);
        family.set_compression_type(DBCompressionType::None);
        family.set_level_compaction_dynamic_level_bytes(true);
        let families = [ColumnFamilyDescriptor::new("log", family)];
        let db = DB::open_cf_descriptors(&options, path, families).unwrap();
        let (ops, receiver) = channel();
        let batches = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let counter = batches.clone();
        let thread = std::thread::spawn(move || write_all(&db, &receiver, &counter));
        SingleFamily {
            ops: Some(ops),
            thread: Some(thread),
            batches,
            path: path.to_owned(),
        }
    }
}

fn key(group: u64, index: u64) -> [u8; 16] {
    (u128::from(group) << 64 | u128::from(index)).to_be_bytes()
}

fn write_all(db: &DB, receiver: &Receiver<Op>, batches: &std::sync::atomic::AtomicU64) {
    let family = db.cf_handle("log").unwrap();
    let mut sync = WriteOptions::new();
    sync.set_sync(true);
    let mut value = Vec::new();
    let mut queue = VecDeque::new();
    while let Ok(first) = receiver.recv() {
        queue.push_back(first);
        queue.extend(receiver.try_iter());
        while !queue.is_empty() {
            let mut batch = WriteBatch::default();
            let mut told = Vec::new();
            while batch.size_in_bytes() < BATCH_BYTES
                && let Some(op) = queue.pop_front()
            {
                match op {
                    Op::Append { key, entry, done } => {
                        value.clear();
                        value.extend_from_slice(&entry);
                        let crc = crc32c::crc32c_append(crc32c::crc32c(&key), &entry);
                        value.extend_from_slice(&crc.to_le_bytes());
                        batch.put_cf(&family, key, &value);
                        told.push(done);
                    }
                    Op::Purge { from, to } => batch.delete_range_cf(&family, from, to),
                }
            }
            db.write_opt(batch, &sync).unwrap();
            batches.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            told.into_iter().for_each(|done| done());
        }
    }
}

impl Log for SingleFamily {
    fn append(&self, group: u64, index: u64, entry: Bytes, done: Box<dyn FnOnce() + Send>) {
        self.ops
            .as_ref()
            .unwrap()
            .send(Op::Append {
                key: key(group, index),
                entry,
                done,
            })
            .unwrap();
    }

    fn purge_to(&self, group: u64, index: u64) {
        self.ops
            .as_ref()
            .unwrap()
            .send(Op::Purge {
                from: key(group, 0),
                to: key(group, index + 1),
            })
            .unwrap();
    }

    fn batches(&self) -> u64 {
        self.batches.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn notes(&self) -> String {
        let files = std::fs::read_dir(&self.path).unwrap();
        let bytes = files
            .map(|file| file.unwrap().metadata().map_or(0, |metadata| metadata.len()))
            .sum::<u64>();
        format!("{:.0} MB on disk", bytes as f64 / 1e6)
    }
}

impl Drop for SingleFamily {
    fn drop(&mut self) {
        self.ops = None;
        self.thread.take().unwrap().join().unwrap();
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

/// Bytes this process had written to disk.
fn written_bytes() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap();
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    line.unwrap().parse().unwrap()
}
