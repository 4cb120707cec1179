//! Disks of limited size that are filled up and freed. Needs root and `mkfs.ext4`.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::fs::{self, File};
use std::io::Write;

use vigie_systems::faults::{FileSystem, LimitedDisk};

#[track_caller]
fn check(kind: FileSystem) {
    let parent = tempfile::tempdir().unwrap();
    let disk = LimitedDisk::create(parent.path(), 32 << 20, kind).unwrap();
    let path = disk.path().to_owned();
    let before = disk.free_bytes().unwrap();
    assert!((16 << 20..=32 << 20).contains(&before), "{before} bytes are free");
    let mut data = File::create(path.join("data")).unwrap();
    disk.fill(0).unwrap();
    let full = data.write_all(&vec![1; 1 << 20]).and_then(|()| data.sync_all());
    assert_eq!(full.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    disk.free().unwrap();
    disk.fill(4 << 20).unwrap();
    data.write_all(&vec![1; 1 << 20]).unwrap();
    data.sync_all().unwrap();
    disk.free().unwrap();
    disk.free().unwrap();
    drop(data);
    drop(disk);
    assert!(!path.exists(), "the mount point is still there");
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
}

#[test]
fn a_full_disk_in_memory_refuses_writes_until_it_is_freed() {
    check(FileSystem::Tmpfs);
}

#[test]
fn a_full_disk_in_an_image_refuses_writes_until_it_is_freed() {
    check(FileSystem::Ext4);
}

#[test]
fn a_panic_leaves_nothing_behind() {
    let parent = tempfile::tempdir().unwrap();
    let place = parent.path().to_owned();
    let panicked = std::thread::spawn(move || {
        let disk = LimitedDisk::create(&place, 8 << 20, FileSystem::Ext4).unwrap();
        disk.fill(0).unwrap();
        panic!("on purpose");
    });
    assert!(panicked.join().is_err());
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
}
