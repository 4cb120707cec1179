//! Three replicas of a shard, with the real state machine and the real stores, under crashes, cuts and
//! snapshots: all replicas are equal at equal index, and every acknowledged sample is in each of them.
//!
//! A failing run prints its seed; `VIGIE_SIM_SEED=<seed>` runs that one alone.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "all of it is test code, which lints know only of functions marked as tests"
)]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use bytes::Bytes;
use vigie_chunk::decode_into;
use vigie_head::HeadOptions;
use vigie_head::batch::{self, BatchEncoder, Stamp};
use vigie_ingester::ShardMachine;
use vigie_model::{Labels, Matcher, SeriesId, ShardId, TenantId};
use vigie_replica::FatalError;
use vigie_replica::testkit::{Acked, SimError, SimOptions, SimRng, Subject, simulate};
use vigie_storage::ShardStore;

const START_MS: i64 = 1_700_000_000_000;
/// Each entry has this many samples of each of its client's series.
const SAMPLES_PER_ENTRY: i64 = 12;
const SERIES_PER_CLIENT: u32 = 5;
const INTERVAL_MS: i64 = 15_000;

struct HeadSubject;

fn tenant() -> TenantId {
    TenantId::new("sim").unwrap()
}

fn labels(client: u32, series: u32) -> Labels {
    Labels::from_pairs([
        ("__name__", "sim"),
        ("client", &client.to_string()),
        ("series", &series.to_string()),
    ])
    .unwrap()
}

/// Time and value of the samples that an entry holds for a series: counters, constants and noise.
fn samples(client: u32, seq: u64, series: u32) -> impl Iterator<Item = (i64, f64)> {
    let first = seq as i64 * SAMPLES_PER_ENTRY;
    (first..first + SAMPLES_PER_ENTRY).map(move |number| {
        let value = match series {
            0 => 7.25,
            1 => number as f64,
            2 => number as f64 * 0.1,
            3 => f64::from_bits(0x7ff8_0000_0000_0000 | number as u64),
            _ => f64::from(client) + (number as f64).sqrt(),
        };
        (START_MS + number * INTERVAL_MS, value)
    })
}

impl Subject for HeadSubject {
    type Machine = ShardMachine;

    fn open(&self, store: ShardStore) -> Result<ShardMachine, FatalError> {
        ShardMachine::open(HeadOptions::new(ShardId(0)), store)
    }

    fn entry(&self, client: u32, seq: u64, _: &mut SimRng) -> Bytes {
        let mut encoder = BatchEncoder::new();
        let tenant = encoder.tenant(&tenant());
        for series in 0..SERIES_PER_CLIENT {
            let declared = encoder.declare(tenant, labels(client, series).as_packed());
            for (time_ms, value) in samples(client, seq, series) {
                encoder.push_declared(declared, time_ms, value);
            }
            // One that is refused, and refused alike everywhere: far in the future.
            encoder.push_declared(declared, START_MS * 2, 1.0);
        }
        let mut entry = encoder.finish();
        let last_ms = START_MS + (seq as i64 + 1) * SAMPLES_PER_ENTRY * INTERVAL_MS;
        // Clients go on at their own pace, so one may be hours of samples behind another.
        let stamp = Stamp {
            proposed_at_ms: last_ms,
            out_of_order_window_ms: i64::MAX / 2,
            flags: 0,
            max_exemplars: 0,
        };
        batch::stamp(&mut entry, stamp).unwrap();
        entry.into()
    }

    fn digest(&self, machine: &ShardMachine) -> u64 {
        let digest = machine.digest();
        digest as u64 ^ (digest >> 64) as u64
    }

    fn verify(&self, machine: &ShardMachine, acked: &[Acked]) -> Result<(), SimError> {
        for Acked { client, seq, .. } in acked {
            for series in 0..SERIES_PER_CLIENT {
                let expected: Vec<(i64, u64)> = samples(*client, *seq, series)
                    .map(|(time, value)| (time, value.to_bits()))
                    .collect();
                let held = read(
                    machine,
                    *client,
                    series,
                    expected[0].0,
                    expected[expected.len() - 1].0,
                );
                if held != expected {
                    return Err(SimError(format!(
                        "client {client} series {series} entry {seq}: {expected:?} was acknowledged, {held:?} is there"
                    )));
                }
            }
        }
        Ok(())
    }
}

/// The samples of a series in memory and store, as readers merge them.
fn read(machine: &ShardMachine, client: u32, series: u32, start_ms: i64, end_ms: i64) -> Vec<(i64, u64)> {
    let head = machine.head();
    let head = head.read();
    let matchers: Vec<Matcher> = labels(client, series)
        .iter()
        .map(|(name, value)| Matcher::equal(name, value))
        .collect();
    let ids = head.select(&tenant(), &matchers);
    let [SeriesId(id)] = ids[..] else {
        return Vec::new();
    };
    let (mut times, mut values) = (Vec::new(), Vec::new());
    let mut chunks = Vec::new();
    head.chunks(SeriesId(id), start_ms, end_ms, &mut chunks);
    for chunk in &chunks {
        decode_into(chunk, &mut times, &mut values).unwrap();
    }
    let tenant_index = head.tenant_index(&tenant()).unwrap();
    machine
        .store()
        .chunks(
            tenant_index,
            &[id],
            start_ms,
            end_ms,
            head.options().window_ms,
            &mut |_, chunk| {
                decode_into(chunk, &mut times, &mut values).unwrap();
                ControlFlow::Continue(())
            },
        )
        .unwrap();
    let merged: BTreeMap<i64, u64> = times
        .into_iter()
        .zip(values.into_iter().map(f64::to_bits))
        .collect();
    merged
        .range(start_ms..=end_ms)
        .map(|(&time, &bits)| (time, bits))
        .collect()
}

fn check(seed: u64) {
    let directory = tempfile::tempdir().unwrap();
    let mut options = SimOptions::new(seed);
    options.chaos = Duration::from_secs(3);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    match runtime.block_on(simulate(options, HeadSubject, directory.path())) {
        Ok(report) => {
            println!("seed {seed}: {report:?}");
            assert!(
                report.acked > 0 && report.crashes > 0 && report.snapshots_installed > 0,
                "{report:?}"
            );
        }
        Err(error) => panic!("VIGIE_SIM_SEED={seed}: {error}"),
    }
}

#[test]
fn replicas_are_equal_and_nothing_acknowledged_is_lost() {
    match std::env::var("VIGIE_SIM_SEED") {
        Ok(seed) => check(seed.parse().expect("VIGIE_SIM_SEED is a number")),
        Err(_) => [1, 2, 3].into_iter().for_each(check),
    }
}
