//! What a power failure does to files, done to a dead process's: writes that no fsync followed are taken back, of each
//! file the newest ones, some, all or none.
//!
//! The writes are known from a library that is preloaded into the server (`power_loss/shim.c`, built when a test starts).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::rng::Rng;

const SHIM: &str = include_str!("power_loss/shim.c");

/// The library, and the folder it watches.
#[derive(Debug)]
pub struct PowerLoss {
    shim: PathBuf,
    journal: PathBuf,
    data: PathBuf,
}

/// What goes wrong while the server runs; zeros are no fault.
#[derive(Debug, Clone, Copy, Default)]
pub struct ShimOptions {
    /// The operation on files in the middle of which the process dies.
    pub die_at: u64,
    /// The fsync from which on all fail.
    pub sync_fails_at: u64,
    /// Bytes after which the disk is full.
    pub full_after_bytes: u64,
}

impl PowerLoss {
    /// Builds the library in `dir`; it will watch the files below `data`.
    pub fn build(dir: &Path, data: &Path) -> Result<PowerLoss> {
        let (source, shim, journal) = (dir.join("shim.c"), dir.join("shim.so"), dir.join("journal"));
        fs::write(&source, SHIM).context("write the source of the library")?;
        fs::create_dir_all(&journal).context("make the folder of undo records")?;
        let built = Command::new("cc")
            .args(["-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o"])
            .args([&shim, &source])
            .args(["-ldl", "-lpthread"])
            .output()
            .context("run cc")?;
        ensure!(
            built.status.success(),
            "cc: {}",
            String::from_utf8_lossy(&built.stderr)
        );
        Ok(PowerLoss {
            shim,
            journal,
            data: data.to_owned(),
        })
    }

    /// The environment of the server under test.
    pub fn env(&self, options: ShimOptions) -> Vec<(&'static str, String)> {
        vec![
            ("LD_PRELOAD", self.shim.display().to_string()),
            ("VIGIE_SHIM_FOLDER", self.data.display().to_string()),
            ("VIGIE_SHIM_JOURNAL", self.journal.display().to_string()),
            ("VIGIE_SHIM_DIE_AT", options.die_at.to_string()),
            ("VIGIE_SHIM_SYNC_FAILS_AT", options.sync_fails_at.to_string()),
            ("VIGIE_SHIM_FULL_AFTER", options.full_after_bytes.to_string()),
        ]
    }

    /// The power fails; the server is dead already. Returns how many writes were taken back.
    pub fn strike(&self, rng: &mut Rng) -> Result<usize> {
        let files = files_by_inode(&self.data)?;
        let mut taken_back = 0;
        for (inode, records) in self.records()? {
            let Some(path) = files.get(&inode) else {
                continue;
            };
            // The disk may have got the older ones by itself.
            let survive = match rng.below(3) {
                0 => 0,
                1 => records.len(),
                _ => rng.below(records.len() as u64 + 1) as usize,
            };
            let file = File::options()
                .write(true)
                .open(path)
                .context("open a file to undo writes")?;
            for record in records[survive..].iter().rev() {
                record
                    .undo(&file)
                    .with_context(|| format!("undo a write to {}", path.display()))?;
                taken_back += 1;
            }
        }
        fs::remove_dir_all(&self.journal).context("remove undo records")?;
        fs::create_dir_all(&self.journal).context("make the folder of undo records")?;
        Ok(taken_back)
    }

    /// All undo records, by inode, oldest first.
    fn records(&self) -> Result<BTreeMap<u64, Vec<Record>>> {
        let mut parts: Vec<(u64, u64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.journal).context("list undo records")? {
            let path = entry.context("list undo records")?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let (inode, number) = name.split_once('.').context("read the name of undo records")?;
            let number = if number == "current" {
                u64::MAX
            } else {
                number.parse()?
            };
            parts.push((inode.parse()?, number, path));
        }
        parts.sort();
        let mut records: BTreeMap<u64, Vec<Record>> = BTreeMap::new();
        for (inode, _, path) in parts {
            records.entry(inode).or_default().extend(Record::read_all(&path)?);
        }
        Ok(records)
    }
}

/// How to take one write back.
#[derive(Debug)]
struct Record {
    offset: u64,
    size_before: u64,
    kept: Vec<u8>,
}

impl Record {
    fn read_all(path: &Path) -> Result<Vec<Record>> {
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|mut file| file.read_to_end(&mut bytes))
            .context("read undo records")?;
        let mut records = Vec::new();
        let mut rest = &bytes[..];
        while let Some((head, after)) = rest.split_at_checked(32) {
            let number = |at: usize| {
                let mut word = [0; 8];
                word.copy_from_slice(&head[at * 8..][..8]);
                u64::from_ne_bytes(word)
            };
            let Some((kept, after)) = after.split_at_checked(number(3) as usize) else {
                bail!("undo records are cut off");
            };
            records.push(Record {
                offset: number(0),
                size_before: number(2),
                kept: kept.to_vec(),
            });
            rest = after;
        }
        ensure!(rest.is_empty(), "undo records are cut off");
        Ok(records)
    }

    fn undo(&self, file: &File) -> Result<()> {
        file.write_all_at(&self.kept, self.offset)?;
        file.set_len(self.size_before)?;
        Ok(())
    }
}

fn files_by_inode(folder: &Path) -> Result<BTreeMap<u64, PathBuf>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).context("list the data")? {
            let entry = entry.context("list the data")?;
            let metadata = entry.metadata().context("list the data")?;
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                files.insert(metadata.ino(), entry.path());
            }
        }
    }
    Ok(files)
}
