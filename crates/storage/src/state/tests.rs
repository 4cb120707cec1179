use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use bytes::Bytes;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use tempfile::TempDir;

use super::db::cf;
use super::keys::META;
use super::*;
use crate::StorageError;

struct Fixture {
    folder: TempDir,
    options: StateDbOptions,
}

impl Fixture {
    fn new() -> Fixture {
        let options = StateDbOptions::new([7; 16], MemoryBudget::new(32 << 20, 16 << 20));
        Fixture {
            folder: TempDir::new().unwrap(),
            options,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn open(&self) -> StateDb {
        StateDb::open(&self.path(), self.options.clone()).unwrap()
    }
}

fn key(window: u32, tenant: u32, series: u32, start_ms: i64) -> ChunkKey {
    ChunkKey {
        window,
        tenant,
        series,
        start_ms,
        ordinal: 0,
    }
}

fn commit(shard: &ShardStore, fill: impl FnOnce(&mut CheckpointBatch)) {
    let mut batch = shard.begin_checkpoint();
    fill(&mut batch);
    batch.commit().unwrap();
}

type Content = (
    Option<Vec<u8>>,
    Vec<(u32, Bytes)>,
    Vec<(u32, Bytes)>,
    Vec<(u32, Vec<u8>)>,
);

/// Everything of tenant 1 in a shard, windows of 1 s.
fn content(shard: &ShardStore) -> Content {
    let ids = (0..100).collect::<Vec<_>>();
    (
        shard.meta("applied").unwrap(),
        shard.series().collect::<Result<_, _>>().unwrap(),
        shard.heads().collect::<Result<_, _>>().unwrap(),
        chunks(shard, &ids, 0, 1_000_000),
    )
}

fn chunks(shard: &ShardStore, series: &[u32], start_ms: i64, end_ms: i64) -> Vec<(u32, Vec<u8>)> {
    let mut found = Vec::new();
    let mut visit = |series, chunk: &[u8]| {
        found.push((series, chunk.to_vec()));
        ControlFlow::Continue(())
    };
    shard
        .chunks(1, series, start_ms, end_ms, 1000, &mut visit)
        .unwrap();
    found
}

/// A shard whose every record says `stamp`.
fn fill(batch: &mut CheckpointBatch, stamp: &str) {
    batch.put_meta("applied", stamp.as_bytes());
    for id in 0..20 {
        batch.put_series(id, stamp.as_bytes());
        batch.put_head(id, stamp.as_bytes());
        batch.put_chunk(key(id % 3, 1, id, i64::from(id % 3) * 1000), stamp.as_bytes());
    }
}

#[test]
fn checkpoints_survive_reopening() {
    let fixture = Fixture::new();
    let db = fixture.open();
    let shard = db.shard(3);
    assert_eq!(content(&shard), Content::default());
    assert_eq!(db.shards(), []);
    commit(&shard, |batch| fill(batch, "one"));
    commit(&shard, |batch| {
        batch.put_meta("applied", b"two");
        batch.put_series(50, b"late");
        batch.remove_series(0);
        batch.remove_head(1);
        batch.remove_chunk(key(0, 1, 0, 0));
    });
    let before = content(&shard);
    assert_eq!(before.0.as_deref(), Some(&b"two"[..]));
    assert_eq!(
        before.1.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
        (1..20).chain([50]).collect::<Vec<_>>()
    );
    assert_eq!(before.2.len(), 19);
    assert_eq!(before.3.len(), 19);
    assert!(db.stats().unwrap().disk_bytes > 0);
    db.close();
    assert!(matches!(shard.meta("applied"), Err(StorageError::Closed)));
    assert!(matches!(
        shard.begin_checkpoint().commit(),
        Err(StorageError::Closed)
    ));
    assert!(matches!(shard.series().next(), Some(Err(StorageError::Closed))));
    let db = fixture.open();
    assert_eq!(db.shards(), [3]);
    assert_eq!(content(&db.shard(3)), before);
    assert_eq!(content(&db.shard(2)), Content::default());
    assert_eq!(content(&db.shard(4)), Content::default());
}

#[test]
fn pages_through_many_series() {
    let fixture = Fixture::new();
    let db = fixture.open();
    commit(&db.shard(1), |batch| {
        (0..100_000).for_each(|id| batch.put_series(id * 3, &[7; 200]))
    });
    commit(&db.shard(2), |batch| batch.put_series(1, b"other"));
    let ids = db
        .shard(1)
        .series()
        .map(|record| record.unwrap().0)
        .collect::<Vec<_>>();
    assert_eq!(ids, (0..100_000).map(|id| id * 3).collect::<Vec<_>>());
}

#[test]
fn what_is_not_flushed_is_lost_whole() {
    let fixture = Fixture::new();
    let db = fixture.open();
    let shard = db.shard(1);
    commit(&shard, |batch| fill(batch, "one"));
    let before = content(&shard);
    // As commit does, up to the flush.
    let mut batch = rocksdb::WriteBatch::default();
    {
        let rocks = shard.inner.db().unwrap();
        batch.put_cf(
            &cf(&rocks, META).unwrap(),
            shard.scope().name_key(b"applied"),
            "two",
        );
        shard.inner.write(&rocks, batch).unwrap();
    }
    assert_eq!(shard.meta("applied").unwrap().as_deref(), Some(&b"two"[..]));
    db.close();
    assert_eq!(content(&fixture.open().shard(1)), before);
}

const CHILD_FOLDER: &str = "VIGIE_STORAGE_TEST_CHILD_FOLDER";

/// Not a test by itself: the process that the next one kills.
#[test]
fn child_checkpoints_until_killed() {
    let Some(folder) = std::env::var_os(CHILD_FOLDER) else {
        return;
    };
    let options = StateDbOptions::new([7; 16], MemoryBudget::new(32 << 20, 16 << 20));
    let db = StateDb::open(&PathBuf::from(folder), options).unwrap();
    for stamp in 0u32.. {
        commit(&db.shard(stamp % 2), |batch| fill(batch, &format!("{stamp:08}")));
        println!("\ncommitted {stamp:08}");
    }
}

#[test]
fn a_killed_process_leaves_whole_checkpoints() {
    let fixture = Fixture::new();
    for round in 1..=3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "state::tests::child_checkpoints_until_killed",
                "--nocapture",
            ])
            .env(CHILD_FOLDER, fixture.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let mut stamps = lines.filter_map(|line| line.strip_prefix("committed ").map(str::to_owned));
        let acknowledged = stamps.nth(round * 5).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let db = fixture.open();
        let newest = [0, 1].map(|shard| {
            let (applied, series, heads, chunks) = content(&db.shard(shard));
            let applied = applied.unwrap();
            assert!(
                series
                    .iter()
                    .chain(&heads)
                    .all(|(_, value)| **value == applied[..])
            );
            assert!(chunks.iter().all(|(_, value)| *value == applied));
            assert_eq!((series.len(), heads.len(), chunks.len()), (20, 20, 20));
            String::from_utf8(applied).unwrap()
        });
        assert!(
            newest.iter().max().unwrap() >= &acknowledged,
            "{newest:?}, acknowledged {acknowledged}"
        );
    }
}

#[test]
fn knows_its_incarnation() {
    let fixture = Fixture::new();
    fixture.open();
    let other = StateDbOptions {
        incarnation: [8; 16],
        ..fixture.options.clone()
    };
    let error = StateDb::open(&fixture.path(), other).unwrap_err();
    assert!(
        matches!(error, StorageError::IncarnationMismatch { .. }),
        "{error}"
    );
}

#[test]
fn snapshot_moves_a_shard() {
    let (from, to) = (Fixture::new(), Fixture::new());
    let (from_db, to_db) = (from.open(), to.open());
    let source = from_db.shard(3);
    commit(&from_db.shard(2), |batch| fill(batch, "neighbour"));
    commit(&source, |batch| {
        fill(batch, "sent");
        // More than one block and one file.
        (0..30).for_each(|id| batch.put_chunk(key(5 + id / 10, 1, id, 5000), &[id as u8; 700_000]));
    });
    let sent = content(&source);
    let snapshot = source.snapshot().unwrap();
    commit(&source, |batch| fill(batch, "later"));
    let target = to_db.shard(3);
    commit(&target, |batch| {
        fill(batch, "former");
        batch.put_series(70, b"former");
        batch.put_chunk(key(9, 1, 70, 9000), b"former");
    });
    commit(&to_db.shard(4), |batch| fill(batch, "neighbour"));
    let former = content(&target);
    let mut installer = target.install().unwrap();
    assert!(matches!(
        target.install(),
        Err(StorageError::InstallInProgress { shard: 3 })
    ));
    assert!(matches!(
        target.destroy(),
        Err(StorageError::InstallInProgress { shard: 3 })
    ));
    let mut blocks = 0;
    for block in snapshot {
        installer.add_block(&block.unwrap()).unwrap();
        blocks += 1;
        assert_eq!(content(&target), former);
    }
    assert!(blocks > 10, "{blocks} blocks");
    let stale = target.begin_checkpoint();
    installer.finish().unwrap();
    assert!(matches!(
        stale.commit(),
        Err(StorageError::Superseded { shard: 3 })
    ));
    assert_eq!(content(&target), sent);
    assert_eq!(target.windows().unwrap(), [0, 1, 2, 5, 6, 7]);
    to_db.close();
    let to_db = to.open();
    assert_eq!(content(&to_db.shard(3)), sent);
    assert_eq!(content(&to_db.shard(4)).0.as_deref(), Some(&b"neighbour"[..]));
    commit(&to_db.shard(3), |batch| batch.put_meta("applied", b"goes on"));
    assert_eq!(
        to_db.shard(3).meta("applied").unwrap().as_deref(),
        Some(&b"goes on"[..])
    );
}

#[test]
fn half_installed_snapshots_are_invisible_and_removed() {
    let (from, to) = (Fixture::new(), Fixture::new());
    let source = from.open().shard(1);
    commit(&source, |batch| fill(batch, "sent"));
    let blocks = source.snapshot().unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    let db = to.open();
    let target = db.shard(1);
    commit(&target, |batch| fill(batch, "former"));
    let former = content(&target);
    let send = |count: usize| {
        let mut installer = target.install().unwrap();
        blocks[..count]
            .iter()
            .for_each(|block| installer.add_block(block).unwrap());
        installer
    };
    assert!(
        matches!(send(blocks.len() - 1).finish(), Err(StorageError::Corrupt { .. })),
        "the last block is missing"
    );
    assert_eq!(content(&target), former);

    let mut installer = send(2);
    let mut damaged = blocks[2].clone();
    damaged[20] ^= 1;
    assert!(matches!(
        installer.add_block(&damaged),
        Err(StorageError::Corrupt { .. })
    ));
    assert!(
        matches!(installer.add_block(&blocks[0]), Err(StorageError::Corrupt { .. })),
        "order"
    );
    drop(installer);
    assert!(
        target
            .inner
            .garbage(&target.inner.db().unwrap())
            .unwrap()
            .is_empty()
    );

    // A crash in the middle: nothing of the destructor reaches the disk.
    let installer = send(blocks.len());
    db.close();
    drop(installer);
    let db = to.open();
    let target = db.shard(1);
    assert_eq!(content(&target), former);
    assert!(
        target
            .inner
            .garbage(&target.inner.db().unwrap())
            .unwrap()
            .is_empty()
    );
    let mut installer = target.install().unwrap();
    blocks
        .iter()
        .for_each(|block| installer.add_block(block).unwrap());
    installer.finish().unwrap();
    assert_eq!(content(&target), content(&source));
}

#[test]
fn destroying_leaves_the_neighbours() {
    let fixture = Fixture::new();
    let db = fixture.open();
    for shard in 0..3 {
        commit(&db.shard(shard), |batch| fill(batch, "one"));
    }
    let one = content(&db.shard(0));
    db.shard(1).destroy().unwrap();
    db.shard(1).destroy().unwrap();
    assert_eq!(content(&db.shard(1)), Content::default());
    db.close();
    let db = fixture.open();
    assert_eq!(db.shards(), [0, 2]);
    assert_eq!(
        [0, 1, 2].map(|shard| content(&db.shard(shard))),
        [one.clone(), Content::default(), one.clone()]
    );
    commit(&db.shard(1), |batch| fill(batch, "one"));
    assert_eq!(content(&db.shard(1)), one);
}

#[test]
fn drops_old_windows() {
    let fixture = Fixture::new();
    let db = fixture.open();
    let shards = [db.shard(1), db.shard(2)];
    for shard in &shards {
        commit(shard, |batch| {
            (0..50).for_each(|window| batch.put_chunk(key(window, 1, 1, i64::from(window) * 1000), b"chunk"));
        });
    }
    shards[0].drop_windows_before(30).unwrap();
    assert_eq!(shards[0].windows().unwrap(), (30..50).collect::<Vec<_>>());
    assert_eq!(shards[1].windows().unwrap(), (0..50).collect::<Vec<_>>());
    let snapshot = shards[1].snapshot().unwrap();
    // Spans go whole.
    shards[1].drop_windows_before(23).unwrap();
    shards[1].drop_windows_before(10).unwrap();
    assert_eq!(shards[1].windows().unwrap(), (18..50).collect::<Vec<_>>());
    assert_eq!(
        snapshot.map(|block| block.unwrap().len()).sum::<usize>(),
        50 * (24 + 5 + 6) + 2 * 10
    );
    // Durable without another checkpoint.
    db.close();
    let db = fixture.open();
    assert_eq!(db.shard(1).windows().unwrap(), (30..50).collect::<Vec<_>>());
    assert_eq!(chunks(&db.shard(2), &[1], 0, 25_999).len(), 8);
}

#[test]
fn drops_old_windows_of_one_tenant() {
    let fixture = Fixture::new();
    let db = fixture.open();
    let shard = db.shard(1);
    commit(&shard, |batch| {
        for tenant in [0, 1, u32::MAX] {
            (0..14).for_each(|window| {
                batch.put_chunk(key(window, tenant, 1, i64::from(window) * 1000), b"chunk")
            });
        }
    });
    shard.drop_tenant_windows_before(1, 13).unwrap();
    shard.drop_tenant_windows_before(u32::MAX, 6).unwrap();
    db.close();
    let shard = fixture.open().shard(1);
    let held = |tenant| {
        let mut found = 0;
        shard
            .chunks(tenant, &[1], 0, 20_000, 1000, &mut |_, _| {
                found += 1;
                ControlFlow::Continue(())
            })
            .unwrap();
        found
    };
    assert_eq!([0, 1, u32::MAX].map(held), [14, 2, 8]);
}

/// A chunk whose content is the times of its samples.
fn times_chunk(times: &[i64]) -> Vec<u8> {
    times.iter().flat_map(|time| time.to_le_bytes()).collect()
}

fn times_of(chunk: &[u8]) -> Vec<i64> {
    chunk
        .chunks(8)
        .map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap()))
        .collect()
}

fn join_times(series: &SeriesInSpan) -> Option<Vec<(i64, Vec<u8>)>> {
    // One that cannot be read stays.
    if series.series == 5 {
        return None;
    }
    let mut times: Vec<i64> = series
        .chunks
        .iter()
        .flat_map(|chunk| times_of(&chunk.bytes))
        .collect();
    times.sort_unstable();
    Some(vec![(times[0], times_chunk(&times))])
}

#[derive(Debug, Clone)]
enum SpanStep {
    /// Tenant, series, times within one window.
    Put(u32, u32, BTreeSet<i64>),
    Part,
    Finish,
    Checkpoint,
    Crash,
}

fn span_step() -> impl Strategy<Value = SpanStep> {
    let times = (0..14i64, btree_set(0..1000i64, 1..4))
        .prop_map(|(window, times)| times.into_iter().map(|time| window * 1000 + time).collect());
    prop_oneof![
        6 => (1..3u32, 0..7u32, times).prop_map(|(tenant, series, times)| SpanStep::Put(tenant, series, times)),
        4 => Just(SpanStep::Part),
        2 => Just(SpanStep::Finish),
        1 => Just(SpanStep::Checkpoint),
        1 => Just(SpanStep::Crash),
    ]
}

/// Every time of a tenant's series in the range, as often as it is found.
fn times_in(shard: &ShardStore, tenant: u32, start_ms: i64, end_ms: i64) -> Vec<(u32, i64)> {
    let series = (0..7).collect::<Vec<_>>();
    let mut found = Vec::new();
    let mut visit = |series, chunk: &[u8]| {
        found.extend(times_of(chunk).into_iter().map(|time| (series, time)));
        ControlFlow::Continue(())
    };
    shard
        .chunks(tenant, &series, start_ms, end_ms, 1000, &mut visit)
        .unwrap();
    found.retain(|(_, time)| (start_ms..=end_ms).contains(time));
    found.sort_unstable();
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn compaction_never_shows(
        steps in vec(span_step(), 1..60),
        max_bytes in prop_oneof![Just(1), Just(100), Just(usize::MAX)],
        ranges in vec((0..14_000i64, 0..5_000i64), 6),
    ) {
        let fixture = Fixture::new();
        let mut db = fixture.open();
        let mut model: Vec<(u32, u32, i64)> = Vec::new();
        let mut ordinal = 0;
        let mut cursor = None;
        for step in steps {
            let shard = db.shard(1);
            match step {
                SpanStep::Put(tenant, series, times) => {
                    let times = times.into_iter().collect::<Vec<_>>();
                    ordinal += 1;
                    let key = ChunkKey {
                        ordinal,
                        ..key((times[0] / 1000) as u32, tenant, series, times[0])
                    };
                    commit(&shard, |batch| batch.put_chunk(key, &times_chunk(&times)));
                    model.extend(times.into_iter().map(|time| (tenant, series, time)));
                }
                SpanStep::Part => {
                    let from = match cursor.take() {
                        Some(cursor) => Some(cursor),
                        None => shard.spans_to_compact(2).unwrap().first().map(|span| shard.begin_compaction(*span)),
                    };
                    if let Some(from) = from {
                        cursor = shard.compact_part(from, max_bytes, &mut join_times).unwrap().next;
                    }
                }
                SpanStep::Finish => {
                    cursor = None;
                    for span in shard.spans_to_compact(2).unwrap() {
                        let mut next = Some(shard.begin_compaction(span));
                        while let Some(cursor) = next {
                            next = shard.compact_part(cursor, max_bytes, &mut join_times).unwrap().next;
                        }
                    }
                    prop_assert_eq!(shard.spans_to_compact(2).unwrap(), Vec::<u32>::new());
                    let mut chunks = 0;
                    shard.chunks(1, &[3], 0, 11_999, 1000, &mut |_, _| { chunks += 1; ControlFlow::Continue(()) }).unwrap();
                    prop_assert!(chunks <= 2, "{} chunks of a series in two spans", chunks);
                }
                SpanStep::Checkpoint => commit(&shard, |batch| batch.put_meta("applied", b"x")),
                SpanStep::Crash => {
                    cursor = None;
                    db.close();
                    db = fixture.open();
                }
            }
            let shard = db.shard(1);
            for (start, length) in &ranges {
                for tenant in [1, 2] {
                    let end = start + length;
                    let mut expected = model.iter()
                        .filter(|(of, _, time)| *of == tenant && (*start..=end).contains(time))
                        .map(|(_, series, time)| (*series, *time))
                        .collect::<Vec<_>>();
                    expected.sort_unstable();
                    prop_assert_eq!(times_in(&shard, tenant, *start, end), expected);
                }
            }
        }
    }
}

#[test]
fn visits_chunks_until_told_to_stop() {
    let fixture = Fixture::new();
    let shard = fixture.open().shard(1);
    commit(&shard, |batch| {
        (0..9).for_each(|series| batch.put_chunk(key(0, 1, series, 0), b"chunk"))
    });
    let mut seen = 0;
    let mut visit = |_: u32, _: &[u8]| {
        seen += 1;
        // Coming back for more must not deadlock.
        shard.meta("applied").unwrap();
        if seen == 4 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    shard
        .chunks(1, &[0, 1, 2, 3, 4, 5], 0, 1, 1000, &mut visit)
        .unwrap();
    assert_eq!(seen, 4);
    assert_eq!(chunks(&shard, &[], 0, 1), []);
    assert_eq!(chunks(&shard, &[1], 1, 0), []);
    assert_eq!(chunks(&shard, &[1], i64::MIN, i64::MAX).len(), 1);
}

/// One database for all cases, as opening costs more than a case.
static SHARED: LazyLock<(Fixture, StateDb)> = LazyLock::new(|| {
    let fixture = Fixture::new();
    let db = fixture.open();
    (fixture, db)
});
static NEXT_SHARD: AtomicU32 = AtomicU32::new(0);

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn chunk_ranges_match_a_model(
        held in vec((1..3u32, 0..40u32, 0..9000i64), 0..300),
        series in btree_set(0..42u32, 0..20),
        start_ms in -100..9500i64,
        length_ms in 0..5000i64,
    ) {
        let shard = SHARED.1.shard(NEXT_SHARD.fetch_add(1, Relaxed));
        let held = held.into_iter().map(|(tenant, series, start)| key((start / 1000) as u32, tenant, series, start));
        let held: BTreeMap<ChunkKey, Vec<u8>> = held.map(|key| (key, format!("{key:?}").into_bytes())).collect();
        commit(&shard, |batch| held.iter().for_each(|(key, value)| batch.put_chunk(*key, value)));
        let series = series.into_iter().collect::<Vec<_>>();
        let end_ms = start_ms + length_ms;
        let window = |time: i64| (time.max(0) / 1000) as u32;
        let expected = held.iter().filter(|(key, _)| {
            key.tenant == 1
                && series.contains(&key.series)
                && (window(start_ms)..=window(end_ms)).contains(&key.window)
                && key.start_ms <= end_ms
        });
        let expected = expected.map(|(key, value)| (key.series, value.clone())).collect::<Vec<_>>();
        prop_assert_eq!(chunks(&shard, &series, start_ms, end_ms), expected);
        let mut windows = held.keys().map(|key| key.window).collect::<Vec<_>>();
        windows.dedup();
        prop_assert_eq!(shard.windows().unwrap(), windows);
    }
}
