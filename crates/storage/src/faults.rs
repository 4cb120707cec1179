//! A flipped bit in any file of either database: opening is refused, reading fails, or the file did not matter.
//! Never are the data others than those written.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc::channel;

use bytes::Bytes;
use tempfile::TempDir;

use crate::{ChunkKey, LogDb, LogDbOptions, MemoryBudget, StateDb, StateDbOptions, StorageError};

/// Flips one bit after the other in copies of the database in `folder` and reads them. Gives how often
/// reading was refused, by kind of file.
fn flip_bits<T: PartialEq + std::fmt::Debug>(
    folder: &Path,
    read: impl Fn(&Path) -> Result<T, StorageError>,
    may_lack: impl Fn(&T, &T) -> bool,
) -> BTreeMap<String, (u32, u32)> {
    let scratch = TempDir::new().unwrap();
    let copy = |name: &str| {
        let to = scratch.path().join(name);
        fs::create_dir(&to).unwrap();
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
        to
    };
    let expected = read(&copy("whole")).unwrap();
    let mut refused = BTreeMap::new();
    let files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for (number, name) in files.iter().enumerate() {
        let length = fs::metadata(folder.join(name)).unwrap().len();
        let kind = name
            .trim_matches(|c: char| c.is_ascii_digit() || c == '-')
            .to_owned();
        for step in 0..9u64.min(length) {
            let to = copy(&format!("{number}-{step}"));
            let mut bytes = fs::read(to.join(name)).unwrap();
            let at = (length - 1) * step / 8;
            bytes[at as usize] ^= 1 << (step % 8);
            fs::write(to.join(name), bytes).unwrap();
            let (tried, refusals): &mut (u32, u32) = refused.entry(kind.clone()).or_default();
            *tried += 1;
            match read(&to) {
                Ok(found) => assert!(
                    found == expected || may_lack(&found, &expected),
                    "{name}, byte {at}: {found:?} instead of {expected:?}"
                ),
                Err(_) => *refusals += 1,
            }
            fs::remove_dir_all(&to).unwrap();
        }
    }
    refused
}

type Log = Vec<Vec<(u64, Bytes)>>;

fn read_log(path: &Path) -> Result<Log, StorageError> {
    let db = LogDb::open(path, LogDbOptions::new([7; 16]))?;
    let read = |group| {
        let log = db.group(group);
        let state = log.state();
        match state.last_index {
            Some(last) => log.read(state.first_index, last + 1, usize::MAX),
            None => Ok(Vec::new()),
        }
    };
    let log = [1, 2].map(read).into_iter().collect();
    db.crash();
    log
}

#[test]
fn a_flipped_bit_in_the_log_is_no_other_log() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log");
    let db = LogDb::open(&path, LogDbOptions::new([7; 16])).unwrap();
    for index in 0..60u64 {
        for group in [1, 2] {
            let (done, result) = channel();
            let entry = Bytes::from(vec![index as u8; 3000]);
            db.group(group).append(
                vec![(index, entry)],
                Box::new(move |result| done.send(result).unwrap()),
            );
            result.recv().unwrap().unwrap();
        }
    }
    db.crash();
    // The very last batch cannot be told from one that a crash tore.
    let may_lack = |found: &Log, expected: &Log| {
        let count = |log: &Log| log.iter().map(Vec::len).sum::<usize>();
        found
            .iter()
            .zip(expected)
            .all(|(found, expected)| expected.starts_with(found))
            && count(found) + 1 == count(expected)
    };
    let refused = flip_bits(&path, read_log, may_lack);
    assert!(refused[".log"].1 >= 7, "{refused:?}");
    assert!(
        refused["MANIFEST"].1 > 0 && refused["CURRENT"].1 > 0,
        "{refused:?}"
    );
    fs::remove_file(path.join("CURRENT")).unwrap();
    assert!(matches!(read_log(&path), Err(StorageError::Corrupt { .. })));
}

type State = (Option<Vec<u8>>, Vec<(u32, Bytes)>, Vec<(u32, Bytes)>, Vec<Bytes>);

fn read_state(path: &Path) -> Result<State, StorageError> {
    let options = StateDbOptions::new([7; 16], MemoryBudget::new(8 << 20, 4 << 20));
    let db = StateDb::open(path, options)?;
    let shard = db.shard(1);
    let ids = (0..300).collect::<Vec<_>>();
    let mut chunks = Vec::new();
    shard.chunks(1, &ids, 0, 100_000, 1000, &mut |_, chunk| {
        chunks.push(Bytes::copy_from_slice(chunk));
        ControlFlow::Continue(())
    })?;
    Ok((
        shard.meta("applied")?,
        shard.series().collect::<Result<_, _>>()?,
        shard.heads().collect::<Result<_, _>>()?,
        chunks,
    ))
}

#[test]
fn a_flipped_bit_in_the_state_is_no_other_state() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state");
    let options = StateDbOptions::new([7; 16], MemoryBudget::new(8 << 20, 4 << 20));
    let db = StateDb::open(&path, options).unwrap();
    for round in 0..3u8 {
        let mut batch = db.shard(1).begin_checkpoint();
        batch.put_meta("applied", &[round]);
        for id in 0..300 {
            batch.put_series(id, &[round, id as u8, 1]);
            batch.put_head(id, &[round, id as u8, 2]);
            let key = ChunkKey {
                window: u32::from(round),
                tenant: 1,
                series: id,
                start_ms: i64::from(round) * 1000,
                ordinal: 0,
            };
            batch.put_chunk(key, &[round; 40]);
        }
        batch.commit().unwrap();
    }
    db.close();
    let refused = flip_bits(&path, read_state, |_, _| false);
    assert!(refused[".sst"].1 > 0 && refused["MANIFEST"].1 > 0, "{refused:?}");
    fs::remove_file(path.join("CURRENT")).unwrap();
    assert!(matches!(read_state(&path), Err(StorageError::Corrupt { .. })));
}
