//! Proposals through single-replica groups over a real log: throughput and CPU per proposal.
//!
//! `cargo bench -p vigie-replica --bench propose`. CPU is that of the whole process, log writer included.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark stops at the first error and prints"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use vigie_replica::{
    CheckpointTask, FatalError, ProposalBudget, Replica, ReplicaOptions, SnapshotInstaller, SnapshotReader,
    StateMachine,
};
use vigie_storage::{Durability, LogDb, LogDbOptions};

/// Counts. Its "durable" position is in memory: enough to have the log purged.
#[derive(Default)]
struct Counter {
    count: u64,
    position: Arc<Mutex<Option<Vec<u8>>>>,
}

impl StateMachine for Counter {
    type Outcome = u64;

    fn apply(&mut self, _: u64, _: &Bytes) -> Result<u64, FatalError> {
        self.count += 1;
        Ok(self.count)
    }

    fn durable_position(&self) -> Result<Option<Vec<u8>>, FatalError> {
        Ok(self.position.lock().clone())
    }

    fn begin_checkpoint(&mut self, position: Vec<u8>) -> CheckpointTask {
        let stored = self.position.clone();
        Box::new(move || {
            *stored.lock() = Some(position);
            Ok(())
        })
    }

    fn checkpoint_done(&mut self) {}

    fn snapshot(&self) -> Result<Option<Box<dyn SnapshotReader>>, FatalError> {
        Ok(None)
    }

    fn begin_install(&self) -> Result<Box<dyn SnapshotInstaller>, FatalError> {
        Err(FatalError::new("the benchmark has one replica"))
    }

    fn reload(&mut self) -> Result<(), FatalError> {
        Ok(())
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    println!(
        "durability  groups  in flight  entry KiB  proposals/s    MiB/s  CPU us/proposal  entries/fsync  p50 ms  p99 ms"
    );
    for durability in [Durability::Fsync, Durability::Relaxed] {
        for groups in [1, 8] {
            for (entry_bytes, in_flight) in [(64 << 10, 1), (64 << 10, 32), (1 << 10, 256)] {
                run(durability, groups, entry_bytes, in_flight).await;
            }
        }
    }
}

async fn run(durability: Durability, groups: u64, entry_bytes: usize, in_flight: usize) {
    const TIME: Duration = Duration::from_secs(3);
    let dir = tempfile::tempdir().unwrap();
    let mut log_options = LogDbOptions::new([1; 16]);
    log_options.durability = durability;
    let log = LogDb::open(&dir.path().join("log"), log_options).unwrap();
    let node_budget = ProposalBudget::new(256 << 20);
    let mut replicas = Vec::new();
    for group in 0..groups {
        let mut options = ReplicaOptions::new([1; 16], group, group + 1);
        options.node_budget = node_budget.clone();
        replicas.push(
            Replica::open_single(options, 1, log.group(group), Counter::default())
                .await
                .unwrap(),
        );
    }
    let stop = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicU64::new(0));
    let latencies = Arc::new(Mutex::new(Vec::new()));
    let entry = Bytes::from(vec![7; entry_bytes]);
    let (cpu, fsyncs, start) = (cpu_time(), log.stats().batches, Instant::now());
    let mut tasks = Vec::new();
    for replica in &replicas {
        for _ in 0..in_flight {
            let (replica, stop, done, entry) = (replica.clone(), stop.clone(), done.clone(), entry.clone());
            let latencies = latencies.clone();
            tasks.push(tokio::spawn(async move {
                let mut own = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    replica.propose(entry.clone()).await.unwrap();
                    own.push(begun.elapsed());
                    done.fetch_add(1, Ordering::Relaxed);
                }
                latencies.lock().extend(own);
            }));
        }
    }
    // Checkpoints let the log be dropped as it would be.
    while start.elapsed() < TIME {
        tokio::time::sleep(Duration::from_secs(1)).await;
        for replica in &replicas {
            replica.checkpoint().await.unwrap();
        }
    }
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
    let (wall, cpu) = (start.elapsed().as_secs_f64(), cpu_time() - cpu);
    let fsyncs = log.stats().batches - fsyncs;
    let count = done.load(Ordering::Relaxed) as f64;
    let mut sorted = latencies.lock().clone();
    sorted.sort_unstable();
    let percentile = |p: usize| sorted[(sorted.len() - 1) * p / 100].as_secs_f64() * 1e3;
    println!(
        "{:10}  {groups:6}  {in_flight:9}  {:9}  {:11.0}  {:7.1}  {:15.1}  {:13.1}  {:6.2}  {:6.2}",
        format!("{durability:?}"),
        entry_bytes >> 10,
        count / wall,
        count * entry_bytes as f64 / wall / f64::from(1 << 20),
        cpu.as_secs_f64() * 1e6 / count,
        count / fsyncs as f64,
        percentile(50),
        percentile(99),
    );
    for replica in replicas {
        replica.shutdown().await;
    }
    log.shutdown();
}

/// User and system time of this process, from /proc.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // After the command name, which may hold anything; times are fields 14 and 15 of all, in 1/100 s.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11..13]
        .iter()
        .map(|field| field.parse::<u64>().unwrap())
        .sum();
    Duration::from_millis(ticks * 10)
}
