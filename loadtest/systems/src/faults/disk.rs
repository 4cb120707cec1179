use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::run::{need_root, run};

/// Mount points start so, followed by the process that made them.
pub(super) const MOUNT_PREFIX: &str = "vigie-disk-";
const BALLAST: &str = "vigie-ballast";
const BLOCK_BYTES: usize = 4096;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// What a size-limited disk is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileSystem {
    /// In memory: fast, and fsync means nothing.
    Tmpfs,
    /// In a sparse image beside the mount point: an fsync reaches the disk below.
    Ext4,
}

/// A small file system for the data of a system, so that it can be filled up without harm to the machine. Unmounted
/// and removed with everything in it when dropped; end the system first.
#[derive(Debug)]
pub struct LimitedDisk {
    path: PathBuf,
    image: Option<PathBuf>,
}

impl LimitedDisk {
    /// Mounts `size_bytes` in a new folder below `parent`.
    pub fn create(parent: &Path, size_bytes: u64, kind: FileSystem) -> Result<Self> {
        need_root("a disk of limited size")?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("{MOUNT_PREFIX}{}-{number}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("make the mount point {}", path.display()))?;
        // Made first: what fails from here on is cleared away by its drop.
        let mut disk = Self { path, image: None };
        let target = disk
            .path
            .to_str()
            .context("the path of a mount point is not UTF-8")?
            .to_owned();
        match kind {
            FileSystem::Tmpfs => {
                let size = format!("size={size_bytes}");
                run(
                    "mount",
                    &["-t", "tmpfs", "-o", &size, "vigie-loadtest", &target],
                    "",
                )?;
            }
            FileSystem::Ext4 => {
                let image = disk.path.with_extension("image");
                disk.image = Some(image.clone());
                let file = File::create_new(&image).context("make the image of a disk")?;
                file.set_len(size_bytes).context("size the image of a disk")?;
                let image = image.to_str().context("the path of an image is not UTF-8")?;
                // Nothing is reserved for root, which the system under test may be.
                run("mkfs.ext4", &["-q", "-m", "0", image], "")?;
                run("mount", &["-o", "loop", image, &target], "")?;
            }
        }
        Ok(disk)
    }

    /// The mount point: where to let a system store.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn free_bytes(&self) -> Result<u64> {
        let stat = statvfs(&self.path).context("ask for the free space of a disk")?;
        Ok(stat.f_bavail * stat.f_frsize)
    }

    /// Takes all space but `leave_bytes`; whatever the system frees meanwhile it may use again. With 0 left, returns
    /// only when a write has failed for want of space.
    pub fn fill(&self, leave_bytes: u64) -> Result<()> {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.path.join(BALLAST))
            .context("make the ballast of a disk")?;
        let length = file.metadata().context("look at the ballast of a disk")?.len();
        let take = self.free_bytes()?.saturating_sub(leave_bytes);
        if take > 0 {
            match fallocate(&file, FallocateFlags::empty(), length, take) {
                // The file system's own bookkeeping, or the system under test, was faster.
                Ok(()) | Err(Errno::NOSPC) => {}
                Err(error) => bail!("take the space of a disk: {error}"),
            }
        }
        if leave_bytes > 0 {
            return Ok(());
        }
        loop {
            match file.write_all(&[0; BLOCK_BYTES]) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(error).context("take the last space of a disk"),
            }
        }
    }

    /// Gives the space back.
    pub fn free(&self) -> Result<()> {
        match fs::remove_file(self.path.join(BALLAST)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).context("remove the ballast of a disk")
            }
            _ => Ok(()),
        }
    }
}

impl Drop for LimitedDisk {
    fn drop(&mut self) {
        clear_away(&self.path);
        if let Some(image) = &self.image {
            let _ = fs::remove_file(image);
        }
    }
}

/// Best effort, as there is nobody left to tell. A mount still in use leaves the tree at once and ends with its last
/// user.
pub(super) fn clear_away(mount_point: &Path) {
    let _ = run("umount", &["--lazy", &mount_point.display().to_string()], "");
    let _ = fs::remove_dir(mount_point);
}
