//! Disk usage.

use std::path::Path;

use crate::StorageError;

/// Bytes that the files directly in `path` take on disk; RocksDB keeps no folders of its own. Preallocated
/// and recycled space counts.
pub(crate) fn folder_bytes(path: &Path) -> Result<u64, StorageError> {
    let context = |source| StorageError::Io {
        op: "list",
        path: path.to_owned(),
        source,
    };
    let mut bytes = 0;
    for entry in std::fs::read_dir(path).map_err(context)? {
        // Files come and go while we look.
        if let Ok(metadata) = entry.map_err(context)?.metadata()
            && metadata.is_file()
        {
            bytes += allocated_bytes(&metadata);
        }
    }
    Ok(bytes)
}

/// Refuses a folder with files of a database but without the one that names the current state: opening would
/// start an empty database and delete them.
pub(crate) fn refuse_headless(path: &Path) -> Result<(), StorageError> {
    let context = |source| StorageError::Io {
        op: "look into",
        path: path.to_owned(),
        source,
    };
    if !path.try_exists().map_err(context)? || path.join("CURRENT").try_exists().map_err(context)? {
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(context)? {
        let name = entry.map_err(context)?.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("MANIFEST-") || name.ends_with(".sst") {
            return Err(StorageError::Corrupt {
                what: "database",
                reason: "the file CURRENT is missing",
            });
        }
    }
    Ok(())
}

#[cfg(unix)]
fn allocated_bytes(metadata: &std::fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    metadata.blocks() * 512
}

#[cfg(not(unix))]
fn allocated_bytes(metadata: &std::fs::Metadata) -> u64 {
    metadata.len()
}
