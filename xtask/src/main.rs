//! Chores of the workspace: `cargo xtask <chore>`.

mod proto;

use std::path::Path;

use anyhow::{Context, Result, bail};

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("find the workspace's root")?;
    let chore = std::env::args().nth(1);
    match chore.as_deref() {
        Some("proto") => proto::generate(root),
        Some("tidy") => proto::verify(root),
        _ => bail!("usage: cargo xtask proto | tidy"),
    }
}
