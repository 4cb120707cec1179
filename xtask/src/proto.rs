//! Generates `crates/proto/src/generated` from `proto/`.
//!
//! The outcome is committed rather than made by a build script: the compiler and its dependencies
//! would otherwise be part of every build, and the features they ask of shared crates would change
//! the fingerprint of RocksDB's bindings, so that RocksDB would be built anew for each selection of
//! packages.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

const FILES: [&str; 2] = ["vigie/v1/ingester.proto", "vigie/v1/distributor.proto"];
const GENERATED: &str = "vigie.v1.rs";

/// Writes the generated files of the workspace at `root`.
pub(crate) fn generate(root: &Path) -> Result<()> {
    compile(root, &root.join("crates/proto/src/generated"))
}

/// Fails if the committed files are not what `proto/` gives.
pub(crate) fn verify(root: &Path) -> Result<()> {
    let scratch = std::env::temp_dir().join(format!("vigie-proto-{}", std::process::id()));
    let outcome = compile(root, &scratch).and_then(|()| {
        let fresh = fs::read_to_string(scratch.join(GENERATED)).context("read the generated file")?;
        let committed = fs::read_to_string(root.join("crates/proto/src/generated").join(GENERATED))
            .context("read the committed file")?;
        ensure!(fresh == committed, "crates/proto/src/generated is not what proto/ gives: run `cargo xtask proto`");
        Ok(())
    });
    // Leaving a few kilobytes behind in the temporary folder would do no harm.
    let _ = fs::remove_dir_all(&scratch);
    outcome
}

fn compile(root: &Path, out: &Path) -> Result<()> {
    fs::create_dir_all(out).with_context(|| format!("create {}", out.display()))?;
    let descriptors = protox::compile(FILES, [root.join("proto")]).context("compile proto/")?;
    tonic_prost_build::configure()
        .bytes(".")
        .out_dir(out)
        .compile_fds(descriptors)
        .context("generate Rust from proto/")
}
