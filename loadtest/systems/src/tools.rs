use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::kind::SystemKind;

/// Where the peers built by `make tools-...` are: `VIGIE_TOOLS_BIN`, else `tools/bin` of the cache the Makefile uses.
pub fn tools_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os("VIGIE_TOOLS_BIN") {
        return dir.into();
    }
    cache_dir().join("tools/bin")
}

/// `VIGIE_CACHE`, else `~/.cache/vigie`.
pub(crate) fn cache_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os("VIGIE_CACHE") {
        return dir.into();
    }
    let home = std::env::var_os("HOME").unwrap_or_default();
    Path::new(&home).join(".cache/vigie")
}

/// The vigie binary: `VIGIE_BIN`, or beside the running program's folder, or where `make build` puts it.
pub fn vigie_binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("VIGIE_BIN") {
        return Ok(path.into());
    }
    let this = std::env::current_exe().context("find the running binary")?;
    let beside = this.ancestors().skip(1).map(|folder| folder.join("vigie"));
    let made = cache_dir().join("target/release/vigie");
    let found = beside.chain([made]).find(|path| path.is_file());
    found.context("find the vigie binary: set VIGIE_BIN or run `make build` first")
}

/// The program of a system; fails if it has not been built.
pub(crate) fn program(kind: SystemKind) -> Result<PathBuf> {
    let path = match kind {
        SystemKind::Vigie | SystemKind::VigieRelaxed => vigie_binary()?,
        peer => tools_dir().join(peer.name()),
    };
    if !path.is_file() {
        bail!(
            "{} is missing: build it with `make {}`",
            path.display(),
            make_target(kind)
        );
    }
    Ok(path)
}

/// The Makefile's target that builds a system.
pub(crate) fn make_target(kind: SystemKind) -> &'static str {
    match kind {
        SystemKind::Vigie | SystemKind::VigieRelaxed => "build",
        SystemKind::Prometheus => "tools-prometheus",
        SystemKind::VictoriaMetrics => "tools-victoria-metrics",
        SystemKind::Mimir => "tools-mimir",
    }
}

/// The clone this program was built from, else the nearest folder above the working folder with our Makefile.
pub fn repository_root() -> Result<PathBuf> {
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let here = std::env::current_dir().context("find the working folder")?;
    let is_root = |dir: &Path| dir.join("scripts/build-tool.sh").is_file() && dir.join("Makefile").is_file();
    std::iter::once(built_from.as_path())
        .chain(here.ancestors())
        .find(|dir| is_root(dir))
        .context("find the clone of Vigie: run this inside it")?
        .canonicalize()
        .context("resolve the path of the clone")
}
