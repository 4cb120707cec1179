//! What an older run has left in a folder that gets a new result.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use vigie_systems::SystemKind;

const FILES: [&str; 5] = [
    "result.json",
    "report.html",
    "report.md",
    "workload.json",
    "ledger",
];

/// Moves what a run writes from `dir` to `older/TIME` below it, or deletes it.
pub(super) fn clear(dir: &Path, delete: bool) -> Result<()> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("list {}", dir.display()))? {
        let entry = entry.with_context(|| format!("list {}", dir.display()))?;
        if is_of_a_run(&entry.file_name().to_string_lossy()) {
            found.push(entry.path());
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    if delete {
        return found.iter().try_for_each(|path| {
            let removed = if path.is_dir() {
                fs::remove_dir_all(path)
            } else {
                fs::remove_file(path)
            };
            removed.with_context(|| format!("delete {}", path.display()))
        });
    }
    let shelf = new_shelf(dir, &found)?;
    for path in &found {
        if let Some(name) = path.file_name() {
            fs::rename(path, shelf.join(name)).with_context(|| format!("move {}", path.display()))?;
        }
    }
    Ok(())
}

/// Files of a result, ledgers of tenants, and the folders of systems, `NAME-ROUND`.
fn is_of_a_run(name: &str) -> bool {
    let is_of_system = || {
        let (system, round) = name.rsplit_once('-')?;
        Some(system.parse::<SystemKind>().is_ok() && round.parse::<u32>().is_ok())
    };
    FILES.contains(&name) || name.starts_with("ledger-") || is_of_system().unwrap_or(false)
}

/// A folder that is not there yet, named by when the newest of the files was written.
fn new_shelf(dir: &Path, found: &[PathBuf]) -> Result<PathBuf> {
    let newest = found
        .iter()
        .filter_map(|path| path.metadata().and_then(|metadata| metadata.modified()).ok())
        .max()
        .context("find out when the older result was written")?;
    let time = jiff::Timestamp::try_from(newest).context("read the time of the older result")?;
    let time = time.strftime("%Y%m%d-%H%M%S").to_string();
    let older = dir.join("older");
    fs::create_dir_all(&older).with_context(|| format!("make the folder {}", older.display()))?;
    for number in 1..1000 {
        let name = match number {
            1 => time.clone(),
            _ => format!("{time}-{number}"),
        };
        let shelf = older.join(name);
        match fs::create_dir(&shelf) {
            Ok(()) => return Ok(shelf),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("make the folder {}", shelf.display())),
        }
    }
    bail!("{} is full; tidy it up", older.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn leave_a_result(dir: &Path) {
        fs::create_dir_all(dir.join("vigie-1")).unwrap();
        for name in ["result.json", "vigie-1/ledger", "ledger-noisy", "notes.txt"] {
            fs::write(dir.join(name), name).unwrap();
        }
    }

    #[test]
    fn older_results_move_and_other_files_stay() {
        let dir = tempfile::tempdir().unwrap();
        clear(dir.path(), false).unwrap();
        assert!(names(dir.path()).is_empty());
        for _ in 0..2 {
            leave_a_result(dir.path());
            clear(dir.path(), false).unwrap();
        }
        assert_eq!(names(dir.path()), ["notes.txt", "older"]);
        let shelves = names(&dir.path().join("older"));
        assert_eq!(shelves.len(), 2);
        for shelf in shelves {
            let moved = dir.path().join("older").join(shelf);
            assert_eq!(names(&moved), ["ledger-noisy", "result.json", "vigie-1"]);
            assert_eq!(names(&moved.join("vigie-1")), ["ledger"]);
        }
    }

    #[test]
    fn older_results_are_deleted_where_that_was_asked() {
        let dir = tempfile::tempdir().unwrap();
        leave_a_result(dir.path());
        clear(dir.path(), true).unwrap();
        assert_eq!(names(dir.path()), ["notes.txt"]);
    }
}
