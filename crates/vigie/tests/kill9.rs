//! Nothing acknowledged is lost, changed or invented when processes die at any moment of a write load.

use std::path::Path;

use anyhow::{Context, Result};
use vigie_e2e::{Layout, TargetOptions, kill9};

#[test]
fn one_process_keeps_every_acknowledged_sample() {
    check(Layout::AllInOne);
}

#[test]
fn separate_roles_keep_every_acknowledged_sample() {
    check(Layout::Roles);
}

/// Checkpoints are frequent, so that many a failure hits one.
const FREQUENT_CHECKPOINTS: [&str; 2] = [
    "--storage.checkpoint-log-bytes=64KB",
    "--storage.checkpoint-interval=300ms",
];

#[test]
fn a_power_failure_keeps_every_acknowledged_sample() {
    if let Err(error) = kill9(Layout::AllInOne, &FREQUENT_CHECKPOINTS, true) {
        panic!("{error:?}");
    }
}

/// The test above would be worth nothing if its failures took nothing away.
#[test]
fn a_power_failure_is_felt_where_nothing_is_synced() {
    let relaxed = [&FREQUENT_CHECKPOINTS[..], &["--storage.durability=relaxed"]].concat();
    let error = kill9(Layout::AllInOne, &relaxed, true).unwrap_err();
    assert!(format!("{error:?}").contains("has lost"), "{error:?}");
}

#[track_caller]
fn check(layout: Layout) {
    if let Err(error) = kill9(layout, &[], false) {
        panic!("{error:?}");
    }
}

fn kill9(layout: Layout, args: &[&str], power_loss: bool) -> Result<()> {
    let dir = tempfile::tempdir().context("make a folder")?;
    let mut options = TargetOptions::new(layout, Path::new(env!("CARGO_BIN_EXE_vigie")), dir.path());
    options.write_args = args.iter().map(|arg| (*arg).to_owned()).collect();
    let mut kills = kill9::Options::from_env()?;
    kills.power_loss = power_loss;
    kill9::run(&options, kills)
}
