use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use proptest::collection::vec;
use proptest::prelude::*;
use rocksdb::{DB, Options};
use tempfile::TempDir;

use super::keys::{META, entry_key, segment_name, segment_number};
use super::recover;
use super::*;
use crate::{LogError, StorageError};

/// A folder and how to open the log in it.
struct Fixture {
    folder: TempDir,
    options: LogDbOptions,
}

impl Fixture {
    /// Segments of 4 KiB, so that they change often.
    fn new() -> Fixture {
        let options = LogDbOptions {
            segment_bytes: 4 << 10,
            memtable_bytes: 1 << 20,
            ..LogDbOptions::new([7; 16])
        };
        Fixture {
            folder: TempDir::new().unwrap(),
            options,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn try_open(&self) -> Result<LogDb, StorageError> {
        LogDb::open(&self.path(), self.options.clone())
    }

    fn open(&self) -> LogDb {
        self.try_open().unwrap()
    }

    /// Changes the closed database behind the log's back.
    fn tamper(&self, change: impl FnOnce(&DB, &[u64])) {
        let names = DB::list_cf(&Options::default(), self.path()).unwrap();
        let mut numbers = names
            .iter()
            .filter_map(|name| segment_number(name))
            .collect::<Vec<_>>();
        numbers.sort_unstable();
        let families = names
            .iter()
            .map(|name| rocksdb::ColumnFamilyDescriptor::new(name, recover::segment_options(&self.options)));
        let db = DB::open_cf_descriptors(&Options::default(), self.path(), families).unwrap();
        change(&db, &numbers);
    }
}

fn callback() -> (Callback, Receiver<Result<(), LogError>>) {
    let (sender, receiver) = channel();
    (
        Box::new(move |result| sender.send(result).unwrap_or(())),
        receiver,
    )
}

/// Waits for one operation.
fn done(submit: impl FnOnce(Callback)) -> Result<(), LogError> {
    let (callback, result) = callback();
    submit(callback);
    result.recv().unwrap()
}

fn entry(index: u64, bytes: usize) -> Bytes {
    let mut entry = index.to_le_bytes().to_vec();
    entry.resize(bytes.max(8), index as u8);
    entry.into()
}

fn append(log: &GroupLog, indexes: std::ops::RangeInclusive<u64>, bytes: usize) {
    done(|callback| {
        log.append(
            indexes.map(|index| (index, entry(index, bytes))).collect(),
            callback,
        )
    })
    .unwrap();
}

fn indexes(log: &GroupLog) -> Vec<u64> {
    let state = log.state();
    let Some(last) = state.last_index else {
        return Vec::new();
    };
    let read = log.read(state.first_index, last + 1, usize::MAX).unwrap();
    assert!(
        read.iter()
            .all(|(index, entry)| entry[..8] == index.to_le_bytes())
    );
    read.into_iter().map(|(index, _)| index).collect()
}

/// Appends to `log` until the log has changed segment `times` more times.
fn rotate(db: &LogDb, log: &GroupLog, times: u64) {
    let until = db.stats().rotations + times;
    while db.stats().rotations < until {
        let next = log
            .state()
            .last_index
            .map_or(log.state().first_index, |last| last + 1);
        append(log, next..=next, 1000);
    }
}

#[test]
fn reopens_as_it_was() {
    let fixture = Fixture::new();
    let db = fixture.open();
    let log = db.group(3);
    assert_eq!(log.state(), GroupState::default());
    append(&log, 0..=9, 20);
    done(|callback| log.save_vote("vote".into(), callback)).unwrap();
    log.save_committed("committed".into());
    done(|callback| log.purge_to(4, "id 4".into(), callback)).unwrap();
    let state = log.state();
    assert_eq!((state.first_index, state.last_index), (5, Some(9)));
    db.shutdown();
    assert_eq!(
        done(|callback| log.save_vote("late".into(), callback)),
        Err(LogError::Closed)
    );
    assert!(matches!(log.read(5, 6, 0), Ok(_) | Err(StorageError::Closed)));

    let db = fixture.open();
    assert_eq!(db.groups(), [3]);
    let log = db.group(3);
    assert_eq!(log.state(), state);
    assert_eq!(indexes(&log), [5, 6, 7, 8, 9]);
    assert!(matches!(
        log.read(4, 6, 100),
        Err(StorageError::NoSuchEntry { group: 3, index: 4 })
    ));
    assert!(matches!(
        log.read(10, 11, 100),
        Err(StorageError::NoSuchEntry { group: 3, index: 10 })
    ));
    assert_eq!(log.read(7, 7, 100).unwrap(), []);
    assert_eq!(
        log.read(5, 10, 1).unwrap().len(),
        1,
        "at least one entry, however large"
    );
    assert_eq!(log.read(5, 10, 45).unwrap().len(), 2);
    drop(db);
}

#[test]
fn commit_position_rides_on_the_next_batch() {
    let fixture = Fixture::new();
    let db = fixture.open();
    db.group(1).save_committed("one".into());
    append(&db.group(2), 0..=0, 8);
    db.group(1).save_committed("two".into());
    db.crash();
    assert_eq!(fixture.open().group(1).state().committed, Some("one".into()));
}

#[test]
fn purging_drops_segments() {
    let mut fixture = Fixture::new();
    // Everything is read from disk.
    fixture.options.tail_cache_bytes = 0;
    fixture.options.copy_forward_bytes = 0;
    let db = fixture.open();
    let (busy, idle) = (db.group(1), db.group(2));
    append(&idle, 0..=0, 8);
    rotate(&db, &busy, 6);
    let last = busy.state().last_index.unwrap();
    assert_eq!(indexes(&busy), (0..=last).collect::<Vec<_>>());
    assert!(db.stats().cache_misses > 0);
    assert_eq!(db.stats().segments, 7);
    done(|callback| busy.purge_to(last, "x".into(), callback)).unwrap();
    assert_eq!(
        db.stats().segments,
        2,
        "the first holds the idle group's entry, the last is in use"
    );
    assert_eq!(db.pinned_groups(), []);
    rotate(&db, &busy, fixture.options.max_closed_segments as u64 + 1);
    assert_eq!(
        db.pinned_groups()
            .iter()
            .map(|pinned| pinned.group)
            .collect::<Vec<_>>(),
        [1, 2]
    );
    done(|callback| idle.purge_to(0, "x".into(), callback)).unwrap();
    let segments = db.stats().segments;
    db.shutdown();
    let names = DB::list_cf(&Options::default(), fixture.path()).unwrap();
    let on_disk = names.iter().filter(|name| segment_number(name).is_some()).count() as u64;
    assert!(
        on_disk <= segments + 1,
        "{on_disk} segments on disk, {segments} known and one in advance"
    );
    let db = fixture.open();
    assert_eq!(indexes(&db.group(1)).first(), Some(&(last + 1)));
    assert_eq!(db.group(2).state().first_index, 1);
}

#[test]
fn purged_active_segment_goes_at_once() {
    let mut fixture = Fixture::new();
    fixture.options.segment_bytes = 1 << 30;
    fixture.options.useless_bytes = 100_000;
    let db = fixture.open();
    let (one, two) = (db.group(1), db.group(2));
    append(&two, 0..=0, 8);
    append(&one, 0..=0, 150_000);
    done(|callback| one.purge_to(0, "x".into(), callback)).unwrap();
    assert_eq!(db.stats().rotations, 0, "the other group needs it");
    // The first time if the next segment has been created by then.
    let mut last = 0;
    while db.stats().rotations == 0 {
        done(|callback| two.purge_to(last, "x".into(), callback)).unwrap();
        if db.stats().rotations == 0 {
            last += 1;
            append(&two, last..=last, 8);
        }
    }
    assert_eq!((db.stats().rotations, db.stats().segments), (1, 1));
    append(&one, 1..=3, 8);
    done(|callback| one.purge_to(3, "x".into(), callback)).unwrap();
    assert_eq!(db.stats().rotations, 1, "too little to be worth it");
    append(&two, last + 1..=last + 2, 8);
    db.shutdown();
    let names = DB::list_cf(&Options::default(), fixture.path()).unwrap();
    let numbers: Vec<u64> = names.iter().filter_map(|name| segment_number(name)).collect();
    assert!(
        numbers.iter().all(|number| *number > 1),
        "{numbers:?}: the first is gone"
    );
    let db = fixture.open();
    assert_eq!(db.group(1).state().first_index, 4);
    assert_eq!(indexes(&db.group(2)), [last + 1, last + 2]);
}

#[test]
fn copies_idle_groups_forward() {
    let mut fixture = Fixture::new();
    fixture.options.tail_cache_bytes = 0;
    fixture.options.max_closed_segments = 0;
    let db = fixture.open();
    let (busy, idle) = (db.group(1), db.group(2));
    append(&idle, 0..=2, 8);
    for _ in 0..8 {
        rotate(&db, &busy, 1);
        let last = busy.state().last_index.unwrap();
        done(|callback| busy.purge_to(last, "x".into(), callback)).unwrap();
        assert!(db.stats().segments <= 3, "{} segments", db.stats().segments);
    }
    assert!(db.stats().copied_forward_bytes > 0);
    assert_eq!(indexes(&idle), [0, 1, 2]);
    append(&idle, 3..=3, 8);
    db.crash();
    assert_eq!(indexes(&fixture.open().group(2)), [0, 1, 2, 3]);
}

#[test]
fn truncates_over_segments() {
    let mut fixture = Fixture::new();
    fixture.options.tail_cache_bytes = 0;
    let db = fixture.open();
    let log = db.group(1);
    rotate(&db, &log, 3);
    done(|callback| log.truncate_from(2, callback)).unwrap();
    assert_eq!(indexes(&log), [0, 1]);
    append(&log, 2..=5, 30);
    // Without asking, by an overlapping append.
    append(&log, 4..=4, 50);
    assert_eq!(indexes(&log), [0, 1, 2, 3, 4]);
    assert_eq!(log.read(4, 5, 99).unwrap()[0].1.len(), 50);
    db.crash();
    let db = fixture.open();
    let log = db.group(1);
    assert_eq!(indexes(&log), [0, 1, 2, 3, 4]);
    assert_eq!(log.read(4, 5, 99).unwrap()[0].1.len(), 50);
    done(|callback| log.truncate_from(0, callback)).unwrap();
    assert_eq!(log.state().last_index, None);
    // A log that begins elsewhere, as after a snapshot.
    append(&log, 100..=101, 8);
    drop(db);
    assert_eq!(indexes(&fixture.open().group(1)), [100, 101]);
}

#[test]
fn refuses_what_does_not_follow() {
    let fixture = Fixture::new();
    let db = fixture.open();
    let log = db.group(1);
    append(&log, 5..=6, 8);
    for wrong in [vec![8], vec![7, 9], vec![4], vec![7, 7]] {
        let entries = wrong.iter().map(|index| (*index, entry(*index, 8))).collect();
        let refused = done(|callback| log.append(entries, callback));
        assert_eq!(
            refused,
            Err(LogError::OutOfOrder {
                group: 1,
                index: wrong[0]
            })
        );
    }
    assert_eq!(done(|callback| log.append(Vec::new(), callback)), Ok(()));
    append(&log, 7..=7, 8);
    done(|callback| log.purge_to(20, "x".into(), callback)).unwrap();
    assert_eq!((log.state().first_index, log.state().last_index), (21, None));
    let before = done(|callback| log.append(vec![(20, entry(20, 8))], callback));
    assert_eq!(before, Err(LogError::OutOfOrder { group: 1, index: 20 }));
    append(&log, 21..=21, 8);
    drop(db);
    assert_eq!(indexes(&fixture.open().group(1)), [21]);
}

#[test]
fn groups_do_not_touch_each_other() {
    let fixture = Fixture::new();
    let db = fixture.open();
    let logs = [0, 1, 2, u64::MAX].map(|group| db.group(group));
    for log in &logs {
        append(log, 0..=4, 900);
        done(|callback| log.save_vote(log.id().to_string().into(), callback)).unwrap();
    }
    done(|callback| logs[1].destroy(callback)).unwrap();
    done(|callback| logs[2].truncate_from(3, callback)).unwrap();
    done(|callback| logs[0].purge_to(1, "x".into(), callback)).unwrap();
    append(&logs[1], 50..=51, 8);
    drop(db);
    let db = fixture.open();
    assert_eq!(db.groups(), [0, 1, 2, u64::MAX]);
    let held = [0, 1, 2, u64::MAX].map(|group| indexes(&db.group(group)));
    assert_eq!(
        held,
        [vec![2, 3, 4], vec![50, 51], vec![0, 1, 2], vec![0, 1, 2, 3, 4]]
    );
    assert_eq!(db.group(1).state().vote, None);
    assert_eq!(db.group(2).state().vote, Some("2".into()));
}

/// Lets a test hold the writer before a batch is written, and fail it.
struct Gate {
    armed: Mutex<bool>,
    arrived: SyncSender<usize>,
    verdict: Mutex<Receiver<Fault>>,
    point: FaultPoint,
}

impl Faults for Gate {
    fn at(&self, point: FaultPoint, bytes: usize) -> Fault {
        if point != self.point || !*self.armed.lock() {
            return Fault::None;
        }
        self.arrived.send(bytes).unwrap();
        self.verdict.lock().recv().unwrap()
    }
}

fn gate(point: FaultPoint) -> (Arc<Gate>, Receiver<usize>, SyncSender<Fault>) {
    let (arrived, arrivals) = sync_channel(1);
    let (verdicts, verdict) = sync_channel(1);
    (
        Arc::new(Gate {
            armed: Mutex::new(false),
            arrived,
            verdict: Mutex::new(verdict),
            point,
        }),
        arrivals,
        verdicts,
    )
}

#[test]
fn entries_are_readable_before_they_are_durable() {
    let mut fixture = Fixture::new();
    fixture.options.tail_cache_bytes = 0;
    let (gate, arrivals, verdicts) = gate(FaultPoint::BeforeWrite);
    fixture.options.faults = Some(gate.clone());
    let db = fixture.open();
    let log = db.group(1);
    append(&log, 0..=4, 8);
    *gate.armed.lock() = true;
    let (callback_5, result_5) = callback();
    log.append(vec![(5, entry(5, 100))], callback_5);
    arrivals.recv().unwrap();
    let (callback_6, result_6) = callback();
    log.append(vec![(6, entry(6, 100))], callback_6);
    assert_eq!(indexes(&log), [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(db.queued_bytes(), 200);
    assert!(db.oldest_unsynced().is_some());
    assert_eq!(db.op_in_flight().unwrap().name, "write");
    assert!(result_5.try_recv().is_err());
    *gate.armed.lock() = false;
    verdicts.send(Fault::None).unwrap();
    result_5.recv().unwrap().unwrap();
    result_6.recv().unwrap().unwrap();
    append(&log, 7..=7, 8);
    assert_eq!(
        (db.queued_bytes(), db.oldest_unsynced(), db.op_in_flight()),
        (0, None, None)
    );
    assert_eq!(indexes(&log), (0..=7).collect::<Vec<_>>());
}

#[test]
fn crash_loses_what_is_not_durable() {
    let mut fixture = Fixture::new();
    let (gate, arrivals, verdicts) = gate(FaultPoint::BeforeWrite);
    fixture.options.faults = Some(gate.clone());
    let db = fixture.open();
    let log = db.group(1);
    append(&log, 0..=4, 8);
    *gate.armed.lock() = true;
    let (callback_5, result_5) = callback();
    log.append(vec![(5, entry(5, 8))], callback_5);
    arrivals.recv().unwrap();
    let (callback_6, result_6) = callback();
    log.append(vec![(6, entry(6, 8))], callback_6);
    let crashing = std::thread::spawn(move || db.crash());
    assert_eq!(result_6.recv().unwrap(), Err(LogError::Closed));
    verdicts.send(Fault::Fail).unwrap();
    crashing.join().unwrap();
    assert!(result_5.recv().unwrap().is_err());
    fixture.options.faults = None;
    assert_eq!(indexes(&fixture.open().group(1)), [0, 1, 2, 3, 4]);
}

#[test]
fn failure_latches() {
    for point in [FaultPoint::BeforeWrite, FaultPoint::AfterSync] {
        let mut fixture = Fixture::new();
        let (gate, arrivals, verdicts) = gate(point);
        fixture.options.faults = Some(gate.clone());
        let db = fixture.open();
        let log = db.group(1);
        let failed = db.failed();
        append(&log, 0..=4, 8);
        assert_eq!(*failed.borrow(), None);
        *gate.armed.lock() = true;
        verdicts.send(Fault::Fail).unwrap();
        let error = done(|callback| log.append(vec![(5, entry(5, 8))], callback)).unwrap_err();
        assert!(matches!(error, LogError::Failed(_)), "{error}");
        arrivals.recv().unwrap();
        *gate.armed.lock() = false;
        // The fault is gone, the log stays down.
        assert_eq!(
            done(|callback| log.save_vote("v".into(), callback)),
            Err(error.clone())
        );
        assert_eq!(
            done(|callback| db.group(2).append(vec![(0, entry(0, 8))], callback)),
            Err(error.clone())
        );
        assert_eq!(*failed.borrow(), Some(error));
        db.shutdown();
        fixture.options.faults = None;
        let held = indexes(&fixture.open().group(1));
        assert_eq!(
            held[..5],
            [0, 1, 2, 3, 4],
            "what was acknowledged before is there"
        );
    }
}

#[test]
fn operations_complete_in_order() {
    let fixture = Fixture::new();
    let db = fixture.open();
    let (sender, order) = channel();
    for index in 0..200u64 {
        let sender = sender.clone();
        let log = db.group(index % 5);
        log.append(
            vec![(index / 5, entry(index / 5, 8))],
            Box::new(move |_| sender.send(index).unwrap_or(())),
        );
    }
    assert_eq!(
        order.iter().take(200).collect::<Vec<_>>(),
        (0..200).collect::<Vec<_>>()
    );
    assert!(db.stats().batches <= 200);
    assert_eq!((db.stats().appends, db.stats().entries), (200, 200));
}

#[test]
fn torn_tail_leaves_a_prefix() {
    for cut in [1, 3, 30, 400, 1500] {
        let fixture = Fixture::new();
        let db = fixture.open();
        append(&db.group(1), 0..=2, 300);
        append(&db.group(1), 3..=3, 300);
        append(&db.group(1), 4..=4, 300);
        db.crash();
        let logs = std::fs::read_dir(fixture.path())
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let newest = logs
            .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
            .max()
            .unwrap();
        let file = std::fs::OpenOptions::new().write(true).open(newest).unwrap();
        let length = file.metadata().unwrap().len();
        file.set_len(length - cut).unwrap();
        let db = fixture.open();
        let held = indexes(&db.group(1));
        assert_eq!(held, (0..held.len() as u64).collect::<Vec<_>>());
        assert!(held.len() < 5, "{cut} bytes cut, {} entries left", held.len());
        let next = held.len() as u64;
        append(&db.group(1), next..=next + 3, 300);
        db.crash();
        assert_eq!(
            indexes(&fixture.open().group(1)),
            (0..next + 4).collect::<Vec<_>>()
        );
    }
}

/// Two groups of five entries, changed behind the log's back; gives the error of the next opening.
fn damaged(change: impl FnOnce(&DB, &str)) -> StorageError {
    let fixture = Fixture::new();
    let db = fixture.open();
    append(&db.group(1), 0..=4, 30);
    append(&db.group(9), 0..=4, 30);
    db.shutdown();
    fixture.tamper(|db, numbers| change(db, &segment_name(numbers[0])));
    fixture.try_open().unwrap_err()
}

#[test]
fn damage_is_named() {
    let error = damaged(|db, segment| {
        db.put_cf(
            &db.cf_handle(segment).unwrap(),
            entry_key(9, 3),
            "not what was written",
        )
        .unwrap();
    });
    assert!(
        matches!(
            error,
            StorageError::LogCorrupt {
                group: 9,
                index: 3,
                ..
            }
        ),
        "{error}"
    );
    let error = damaged(|db, segment| {
        db.delete_cf(&db.cf_handle(segment).unwrap(), entry_key(9, 3))
            .unwrap()
    });
    assert!(
        matches!(
            error,
            StorageError::LogHole {
                group: 9,
                expected: 3,
                found: Some(4)
            }
        ),
        "{error}"
    );
    let error = damaged(|db, segment| {
        db.delete_cf(&db.cf_handle(segment).unwrap(), entry_key(1, 0))
            .unwrap()
    });
    assert!(
        matches!(
            error,
            StorageError::LogHole {
                group: 1,
                expected: 0,
                found: Some(1)
            }
        ),
        "{error}"
    );
    let error = damaged(|db, _| db.put_cf(&db.cf_handle(META).unwrap(), b"\x01short", "").unwrap());
    assert!(
        matches!(
            error,
            StorageError::Corrupt {
                what: "log metadata",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn knows_its_incarnation() {
    let mut fixture = Fixture::new();
    fixture.open();
    fixture.options.incarnation = [8; 16];
    let error = fixture.try_open().unwrap_err();
    assert!(
        matches!(error, StorageError::IncarnationMismatch { expected, found } if expected == [8; 16] && found == [7; 16])
    );
}

#[test]
fn relaxed_survives_the_process() {
    let mut fixture = Fixture::new();
    fixture.options.durability = Durability::Relaxed;
    let db = fixture.open();
    append(&db.group(1), 0..=4, 8);
    db.crash();
    assert_eq!(indexes(&fixture.open().group(1)), [0, 1, 2, 3, 4]);
}

#[test]
fn closes_segments_by_age() {
    let mut fixture = Fixture::new();
    fixture.options.segment_age = Duration::ZERO;
    fixture.options.segment_bytes = u64::MAX;
    let db = fixture.open();
    rotate(&db, &db.group(1), 2);
}

#[test]
fn copies_left_behind_do_not_come_back() {
    let mut fixture = Fixture::new();
    fixture.options.max_closed_segments = 1;
    fixture.options.copy_forward_bytes = 2000;
    let db = fixture.open();
    // Keeps the first segment: too large to be copied forward.
    append(&db.group(3), 0..=0, 3000);
    append(&db.group(2), 0..=3, 50);
    rotate(&db, &db.group(1), 4);
    assert!(db.stats().copied_forward_bytes > 0);
    done(|callback| db.group(2).destroy(callback)).unwrap();
    append(&db.group(2), 0..=0, 50);
    done(|callback| db.group(2).purge_to(0, "p".into(), callback)).unwrap();
    db.shutdown();
    assert_eq!(indexes(&fixture.open().group(2)), Vec::<u64>::new());
}

/// Keeps segments from being dropped, as a crash before that would.
struct NoDrops {
    release: Mutex<Receiver<()>>,
}

impl Faults for NoDrops {
    fn at(&self, _: FaultPoint, _: usize) -> Fault {
        Fault::None
    }

    fn before_drop(&self) {
        // Until the test ends.
        let _ = self.release.lock().recv();
    }
}

#[test]
fn entries_in_leaving_segments_do_not_come_back() {
    let mut fixture = Fixture::new();
    let (released, release) = channel();
    fixture.options.faults = Some(Arc::new(NoDrops {
        release: Mutex::new(release),
    }));
    let db = fixture.open();
    let log = db.group(1);
    append(&log, 0..=9, 500);
    // One segment is created in advance, so the next change of segments is the last before the drop.
    rotate(&db, &log, 1);
    let last = log.state().last_index.unwrap();
    done(|callback| log.purge_to(last, "p".into(), callback)).unwrap();
    done(|callback| log.destroy(callback)).unwrap();
    append(&log, 0..=2, 8);
    let crashed = fixture.folder.path().join("crashed");
    copy_folder(&fixture.path(), &crashed);
    drop(released);
    db.shutdown();
    fixture.options.faults = None;
    let crashed = LogDb::open(&crashed, fixture.options).unwrap();
    assert_eq!(indexes(&crashed.group(1)), [0, 1, 2]);
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[derive(Debug, Clone)]
enum Step {
    Append { group: u64, count: u64, bytes: usize },
    Truncate { group: u64, back: u64 },
    Purge { group: u64, back: u64 },
    Destroy { group: u64 },
    Vote { group: u64, vote: u8 },
    Reopen { crash: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let group = 0..3u64;
    prop_oneof![
        8 => (group.clone(), 1..6u64, 8..1500usize).prop_map(|(group, count, bytes)| Step::Append { group, count, bytes }),
        2 => (group.clone(), 0..8u64).prop_map(|(group, back)| Step::Truncate { group, back }),
        3 => (group.clone(), 0..8u64).prop_map(|(group, back)| Step::Purge { group, back }),
        1 => group.clone().prop_map(|group| Step::Destroy { group }),
        1 => (group, any::<u8>()).prop_map(|(group, vote)| Step::Vote { group, vote }),
        1 => any::<bool>().prop_map(|crash| Step::Reopen { crash }),
    ]
}

#[derive(Debug, Default, Clone, PartialEq)]
struct Model {
    vote: Option<Bytes>,
    first: u64,
    entries: BTreeMap<u64, usize>,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn does_what_a_map_would(steps in vec(step(), 1..80), cache in prop_oneof![Just(0), Just(3000)]) {
        let mut fixture = Fixture::new();
        fixture.options.tail_cache_bytes = cache;
        fixture.options.max_closed_segments = 2;
        fixture.options.copy_forward_bytes = 2000;
        let mut db = fixture.open();
        let mut models: BTreeMap<u64, Model> = (0..3).map(|group| (group, Model::default())).collect();
        for step in steps {
            match step {
                Step::Append { group, count, bytes } => {
                    let model = models.get_mut(&group).unwrap();
                    let next = model.entries.keys().next_back().map_or(model.first, |last| last + 1);
                    append(&db.group(group), next..=next + count - 1, bytes);
                    model.entries.extend((next..next + count).map(|index| (index, bytes)));
                }
                Step::Truncate { group, back } => {
                    let model = models.get_mut(&group).unwrap();
                    let from = model.entries.keys().next_back().map_or(0, |last| (last + 1).saturating_sub(back));
                    done(|callback| db.group(group).truncate_from(from, callback)).unwrap();
                    model.entries.retain(|index, _| *index < from);
                }
                Step::Purge { group, back } => {
                    let model = models.get_mut(&group).unwrap();
                    let Some(last) = model.entries.keys().next_back() else { continue };
                    let to = last.saturating_sub(back);
                    done(|callback| db.group(group).purge_to(to, "p".into(), callback)).unwrap();
                    model.entries.retain(|index, _| *index > to);
                    model.first = model.first.max(to + 1);
                }
                Step::Destroy { group } => {
                    done(|callback| db.group(group).destroy(callback)).unwrap();
                    models.insert(group, Model::default());
                }
                Step::Vote { group, vote } => {
                    let vote = Bytes::copy_from_slice(&[vote]);
                    done(|callback| db.group(group).save_vote(vote.clone(), callback)).unwrap();
                    models.get_mut(&group).unwrap().vote = Some(vote);
                }
                Step::Reopen { crash } => {
                    if crash { db.crash() } else { db.shutdown() }
                    db = fixture.open();
                }
            }
            for (group, model) in &models {
                let log = db.group(*group);
                prop_assert_eq!(log.state().vote, model.vote.clone());
                prop_assert_eq!(log.state().first_index, model.first);
                let held = indexes(&log);
                prop_assert_eq!(&held, &model.entries.keys().copied().collect::<Vec<_>>());
                if let Some((index, bytes)) = model.entries.iter().next_back() {
                    prop_assert_eq!(log.read(*index, index + 1, 1).unwrap()[0].1.len(), *bytes);
                }
            }
        }
    }
}
