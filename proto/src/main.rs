//! Generates `crates/proto/src/generated` from the `.proto` files: `cargo run --release -p vigie-protogen`.
//!
//! The outcome is committed rather than made by a build script: the compiler and its dependencies
//! would otherwise be part of every build, and the features they ask of shared crates would change
//! the fingerprint of RocksDB's bindings, so that RocksDB would be built anew for each selection of
//! packages.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

const FILES: [&str; 3] = [
    "vigie/v1/ingester.proto",
    "vigie/v1/distributor.proto",
    "vigie/v1/querier.proto",
];
/// Where the `.proto` files are, and whence the generated ones are found.
const PROTO: &str = env!("CARGO_MANIFEST_DIR");
const GENERATED: &str = "../crates/proto/src/generated";

fn main() -> Result<()> {
    generate(&Path::new(PROTO).join(GENERATED))
}

fn generate(out: &Path) -> Result<()> {
    fs::create_dir_all(out).with_context(|| format!("create {}", out.display()))?;
    let descriptors = protox::compile(FILES, [PROTO]).context("compile the .proto files")?;
    tonic_prost_build::configure()
        .bytes(".")
        .out_dir(out)
        .compile_fds(descriptors)
        .context("generate Rust")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_code_is_what_the_proto_files_give() {
        let scratch = tempfile::tempdir().unwrap();
        generate(scratch.path()).unwrap();
        for file in fs::read_dir(scratch.path()).unwrap() {
            let file = file.unwrap();
            let committed = Path::new(PROTO).join(GENERATED).join(file.file_name());
            assert!(
                fs::read(file.path()).unwrap() == fs::read(&committed).unwrap_or_default(),
                "{} is stale: run `cargo run --release -p vigie-protogen`",
                committed.display()
            );
        }
    }
}
