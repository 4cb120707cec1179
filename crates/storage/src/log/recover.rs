//! Opening LogDB: what every group holds, and whether it is whole.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use rocksdb::{
    ColumnFamilyDescriptor, DB, DBCompressionType, DBRecoveryMode, IteratorMode, Options, ReadOptions,
    WriteOptions,
};

use super::group::{Group, Image};
use super::keys::{
    FORMAT_KEY, FORMAT_VERSION, Field, GROUP_TAG, INCARNATION_KEY, META, decode_entry, decode_floor,
    decode_incarnation, entry_key, parse_entry_key, parse_meta_key, segment_name, segment_number,
};
use super::options::{Durability, LogDbOptions};
use super::segment::{Segment, Segments, Span};
use super::wal;
use crate::StorageError;
use crate::disk::refuse_headless;
use crate::error::Context;

/// A database that passed its checks.
pub(super) struct Recovered {
    pub(super) db: DB,
    pub(super) groups: BTreeMap<u64, Arc<Group>>,
    pub(super) segments: Segments,
    /// Segments that hold nothing any group needs.
    pub(super) dead: Vec<u64>,
}

/// Opens or creates the database and verifies every entry that is not purged.
pub(super) fn open(path: &Path, options: &LogDbOptions) -> Result<Recovered, StorageError> {
    refuse_headless(path)?;
    let last_sequence = match (wal::check(path), options.durability) {
        (Ok(last), Durability::Fsync) => last,
        (Err(error), Durability::Fsync) => return Err(error),
        // Without syncs a power cut may take any batch; what follows it is dropped.
        (checked, Durability::Relaxed) => {
            if let Err(error) = checked {
                tracing::warn!(%error, "the end of the log is lost");
            }
            0
        }
    };
    let mut numbers = existing_segments(path)?;
    let active_number = numbers.pop().unwrap_or(1);
    let segments = numbers.iter().chain([&active_number]);
    let families = segments
        .map(|number| ColumnFamilyDescriptor::new(segment_name(*number), segment_options(options)))
        .chain([ColumnFamilyDescriptor::new(META, meta_options())]);
    let db = DB::open_cf_descriptors(&db_options(options)?, path, families).during("open log")?;
    if db.latest_sequence_number() < last_sequence {
        return Err(wal::DAMAGED);
    }
    check_identity(&db, options)?;
    let images = read_groups(&db)?;

    let mut spans = BTreeMap::new();
    for number in numbers.iter().copied().chain([active_number]) {
        spans.insert(number, scan_segment(&db, number, &images)?);
    }
    for number in numbers.iter().copied().chain([active_number]).rev() {
        // Copied forward: the later copy counts, the earlier segment was about to go.
        let later = spans.get(&number).cloned().unwrap_or_default();
        for (_, earlier) in spans.range_mut(..number) {
            trim_overlap(earlier, &later);
        }
    }
    let mut groups = BTreeMap::new();
    for (id, mut image) in images {
        image.state.last_index = check_contiguous(id, image.state.first_index, &spans)?;
        groups.insert(
            id,
            Arc::new(Group {
                id,
                image: Mutex::new(image),
            }),
        );
    }

    let mut closed = spans
        .into_iter()
        .map(|(number, spans)| (number, segment(spans)))
        .collect::<BTreeMap<_, _>>();
    let active = closed.remove(&active_number).unwrap_or_else(Segment::new);
    let mut segments = Segments {
        closed,
        active_number,
        active,
        next: None,
        leaving: BTreeSet::new(),
    };
    let dead = segments.take_dead();
    Ok(Recovered {
        db,
        groups,
        segments,
        dead,
    })
}

/// Options of one segment: written once in order, read a little, dropped whole.
pub(super) fn segment_options(options: &LogDbOptions) -> Options {
    let mut cf = Options::default();
    cf.set_write_buffer_size(options.memtable_bytes);
    cf.set_max_write_buffer_number(4);
    cf.set_disable_auto_compactions(true);
    // Without compaction nothing lowers these counts, so they must never stop a write.
    cf.set_level_zero_slowdown_writes_trigger(1 << 30);
    cf.set_level_zero_stop_writes_trigger(1 << 30);
    cf.set_soft_pending_compaction_bytes_limit(1 << 60);
    cf.set_hard_pending_compaction_bytes_limit(1 << 60);
    // Entries come compressed.
    cf.set_compression_type(DBCompressionType::None);
    cf.set_memtable_whole_key_filtering(false);
    cf
}

fn meta_options() -> Options {
    let mut cf = Options::default();
    cf.set_write_buffer_size(4 << 20);
    cf.set_compression_type(DBCompressionType::None);
    cf
}

fn db_options(options: &LogDbOptions) -> Result<Options, StorageError> {
    // Memtables restored from the write-ahead log stay in memory: a restart must not wait for hundreds of
    // megabytes of flush.
    let mut db = Options::default()
        .get_options_from_string("avoid_flush_during_recovery=true")
        .during("set log options")?;
    db.create_if_missing(true);
    db.create_missing_column_families(true);
    db.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    db.set_track_and_verify_wals_in_manifest(true);
    db.set_recycle_log_file_num(2);
    db.set_max_total_wal_size(options.wal_bytes);
    db.set_wal_bytes_per_sync(512 << 10);
    db.set_bytes_per_sync(1 << 20);
    db.set_paranoid_checks(true);
    db.set_avoid_unnecessary_blocking_io(true);
    db.set_enable_pipelined_write(false);
    db.set_max_background_jobs(2);
    db.set_keep_log_file_num(4);
    db.set_max_log_file_size(8 << 20);
    if let Some(memory) = &options.memory {
        db.set_write_buffer_manager(&memory.write_buffers);
    }
    Ok(db)
}

/// Numbers of the segments there are, ascending.
fn existing_segments(path: &Path) -> Result<Vec<u64>, StorageError> {
    let current = path.join("CURRENT");
    let exists = current.try_exists().map_err(|source| StorageError::Io {
        op: "look for",
        path: current,
        source,
    })?;
    if !exists {
        return Ok(Vec::new());
    }
    let names = DB::list_cf(&Options::default(), path).during("list log segments")?;
    let mut numbers = names
        .iter()
        .filter_map(|name| segment_number(name))
        .collect::<Vec<_>>();
    numbers.sort_unstable();
    Ok(numbers)
}

fn check_identity(db: &DB, options: &LogDbOptions) -> Result<(), StorageError> {
    let meta = db.cf_handle(META).ok_or(StorageError::Closed)?;
    match db.get_cf(&meta, INCARNATION_KEY).during("read log incarnation")? {
        Some(found) => {
            let found = decode_incarnation(&found).ok_or(StorageError::Corrupt {
                what: "log incarnation",
                reason: "not 16 bytes",
            })?;
            if found != options.incarnation {
                return Err(StorageError::IncarnationMismatch {
                    expected: options.incarnation,
                    found,
                });
            }
            let format = db.get_cf(&meta, FORMAT_KEY).during("read log format")?;
            if format.as_deref() != Some(&[FORMAT_VERSION]) {
                return Err(StorageError::Corrupt {
                    what: "log format",
                    reason: "written by another version",
                });
            }
        }
        None => {
            let mut batch = rocksdb::WriteBatch::default();
            batch.put_cf(&meta, INCARNATION_KEY, options.incarnation);
            batch.put_cf(&meta, FORMAT_KEY, [FORMAT_VERSION]);
            let mut write = WriteOptions::new();
            write.set_sync(true);
            db.write_opt(batch, &write).during("write log incarnation")?;
        }
    }
    Ok(())
}

fn read_groups(db: &DB) -> Result<BTreeMap<u64, Image>, StorageError> {
    let bad = |reason| StorageError::Corrupt {
        what: "log metadata",
        reason,
    };
    let meta = db.cf_handle(META).ok_or(StorageError::Closed)?;
    let mut groups: BTreeMap<u64, Image> = BTreeMap::new();
    for item in db.iterator_cf(
        &meta,
        IteratorMode::From(&[GROUP_TAG], rocksdb::Direction::Forward),
    ) {
        let (key, value) = item.during("read log metadata")?;
        let (id, field) = parse_meta_key(&key).ok_or_else(|| bad("unknown key"))?;
        let image = groups.entry(id).or_default();
        match field {
            field if field == Field::Vote as u8 => image.state.vote = Some(value.into()),
            field if field == Field::Committed as u8 => image.state.committed = Some(value.into()),
            field if field == Field::Floor as u8 => {
                let (first_index, purged) = decode_floor(&value).ok_or_else(|| bad("bad first index"))?;
                image.state.first_index = first_index;
                image.state.purged = purged.map(Bytes::copy_from_slice);
                image.floor_recorded = true;
            }
            _ => return Err(bad("unknown field")),
        }
    }
    Ok(groups)
}

/// Verifies the live entries of one segment. Gives their spans by group.
fn scan_segment(
    db: &DB,
    number: u64,
    groups: &BTreeMap<u64, Image>,
) -> Result<BTreeMap<u64, Span>, StorageError> {
    let cf = db.cf_handle(&segment_name(number)).ok_or(StorageError::Closed)?;
    let mut spans = BTreeMap::new();
    for (group, image) in groups {
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(entry_key(*group, u64::MAX));
        options.fill_cache(false);
        options.set_readahead_size(1 << 20);
        let mut iter = db.raw_iterator_cf_opt(&cf, options);
        iter.seek(entry_key(*group, image.state.first_index));
        while let Some((key, value)) = iter.item() {
            let (_, index) = parse_entry_key(key).ok_or(StorageError::Corrupt {
                what: "log segment",
                reason: "key is not 16 bytes",
            })?;
            let entry = decode_entry(&entry_key(*group, index), value).map_err(|reason| {
                StorageError::LogCorrupt {
                    group: *group,
                    index,
                    reason,
                }
            })?;
            let span = spans.entry(*group).or_insert(Span {
                min: index,
                max: index,
                bytes: 0,
            });
            if index > span.max + 1 {
                return Err(StorageError::LogHole {
                    group: *group,
                    expected: span.max + 1,
                    found: Some(index),
                });
            }
            span.max = index;
            span.bytes += entry.len() as u64;
            iter.next();
        }
        iter.status().during("read log entries")?;
    }
    Ok(spans)
}

fn trim_overlap(earlier: &mut BTreeMap<u64, Span>, later: &BTreeMap<u64, Span>) {
    earlier.retain(|group, span| match later.get(group) {
        Some(copy) if copy.min <= span.min => false,
        Some(copy) => {
            span.max = span.max.min(copy.min - 1);
            true
        }
        None => true,
    });
}

/// Last index of `group`, if its spans follow each other from `first_index` on.
fn check_contiguous(
    group: u64,
    first_index: u64,
    spans: &BTreeMap<u64, BTreeMap<u64, Span>>,
) -> Result<Option<u64>, StorageError> {
    let mut expected = first_index;
    for span in spans.values().filter_map(|segment| segment.get(&group)) {
        if span.min != expected {
            return Err(StorageError::LogHole {
                group,
                expected,
                found: Some(span.min),
            });
        }
        expected = span.max + 1;
    }
    Ok((expected > first_index).then(|| expected - 1))
}

fn segment(spans: BTreeMap<u64, Span>) -> Segment {
    let bytes = spans.values().map(|span| span.bytes).sum();
    Segment {
        spans: spans.into_iter().collect(),
        bytes,
        ..Segment::new()
    }
}
