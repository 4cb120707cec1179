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

#[track_caller]
fn check(layout: Layout) {
    if let Err(error) = kill9(layout) {
        panic!("{error:?}");
    }
}

fn kill9(layout: Layout) -> Result<()> {
    let dir = tempfile::tempdir().context("make a folder")?;
    let options = TargetOptions::new(layout, Path::new(env!("CARGO_BIN_EXE_vigie")), dir.path());
    kill9::run(&options, kill9::Options::from_env()?)
}
