use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::disk::{MOUNT_PREFIX, clear_away};
use super::network::{NAMESPACE_PREFIX, NAMESPACES, delete_namespace};

/// Unmounts disks and deletes network namespaces of load tests that were killed before they could; those of running
/// processes stay. Returns what was removed, for the user to see.
pub fn remove_leftovers() -> Result<Vec<String>> {
    let mut removed = Vec::new();
    let mounts = fs::read_to_string("/proc/self/mounts").context("list the mounts")?;
    for line in mounts.lines() {
        let Some(target) = line.split(' ').nth(1) else {
            continue;
        };
        let path = Path::new(target);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if is_orphan(&name, MOUNT_PREFIX) {
            clear_away(path);
            let _ = fs::remove_file(path.with_extension("image"));
            removed.push(target.to_owned());
        }
    }
    // No such folder: nobody has ever made a namespace.
    let namespaces = fs::read_dir(NAMESPACES).into_iter().flatten().flatten();
    for namespace in namespaces {
        let name = namespace.file_name().to_string_lossy().into_owned();
        if is_orphan(&name, NAMESPACE_PREFIX) {
            delete_namespace(&name);
            removed.push(name);
        }
    }
    Ok(removed)
}

/// Whether `name` is `prefix`, the id of a process that is gone, and something after a hyphen.
fn is_orphan(name: &str, prefix: &str) -> bool {
    let owner = name
        .strip_prefix(prefix)
        .and_then(|rest| rest.split_once('-'))
        .and_then(|(pid, _)| pid.parse::<u32>().ok());
    owner.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_belongs_to_a_dead_process_is_left_over() {
        let alive = std::process::id();
        // Beyond what the kernel gives out.
        let dead = 4_194_305;
        assert!(is_orphan(&format!("vigie-net-{dead}-7-a"), NAMESPACE_PREFIX));
        assert!(!is_orphan(&format!("vigie-net-{alive}-7-a"), NAMESPACE_PREFIX));
        assert!(!is_orphan("vigie-net-x-7", NAMESPACE_PREFIX));
        assert!(!is_orphan(&format!("other-{dead}-7"), NAMESPACE_PREFIX));
    }
}
