//! Nothing acknowledged is lost, changed or invented when processes die at any moment of a write load.

use std::path::Path;

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
    let dir = tempfile::tempdir().unwrap();
    let options = TargetOptions::new(layout, Path::new(env!("CARGO_BIN_EXE_vigie")), dir.path());
    if let Err(error) = kill9::Options::from_env().and_then(|kills| kill9::run(&options, kills)) {
        panic!("{error:?}");
    }
}
