use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::kind::SystemKind;
use crate::options::StartOptions;
use crate::recipes::{mimir, prometheus, victoria_metrics, vigie};
use crate::setting::Flags;
use crate::tools::program;

/// All there is to know to start one kind of system and to talk to it. Made once; a restart uses it again, so that
/// ports, folders and settings stay.
#[derive(Debug)]
pub(crate) struct Recipe {
    pub(crate) program: PathBuf,
    pub(crate) flags: Flags,
    /// Configuration files to write before the start, and folders to make.
    pub(crate) files: Vec<(PathBuf, String)>,
    pub(crate) folders: Vec<PathBuf>,
    /// Everything below it counts as the system's disk.
    pub(crate) data_dir: PathBuf,
    /// `http://HOST:PORT`.
    pub(crate) base: String,
    /// Path of remote write.
    pub(crate) write_path: &'static str,
    /// What stands before `/api/v1/query`.
    pub(crate) query_prefix: &'static str,
    pub(crate) ready_path: &'static str,
    /// When an acknowledged sample is safe, in words.
    pub(crate) durability: &'static str,
}

impl Recipe {
    pub(crate) fn of(kind: SystemKind, options: &StartOptions) -> Result<Self> {
        if !options.dir.is_dir() {
            bail!("{} is no folder to run {kind} in", options.dir.display());
        }
        // The working folder of a process is its own: a relative path would be looked for below it.
        let options = StartOptions {
            dir: options.dir.canonicalize()?,
            ..options.clone()
        };
        let program = program(kind)?;
        let mut recipe = match kind {
            SystemKind::Vigie | SystemKind::VigieRelaxed => vigie::recipe(kind, program, &options),
            SystemKind::Prometheus => prometheus::recipe(program, &options),
            SystemKind::VictoriaMetrics => victoria_metrics::recipe(program, &options),
            SystemKind::Mimir => mimir::recipe(program, &options),
        }?;
        for arg in &options.extra_args {
            recipe.flags.args.push(arg.clone());
            let (name, value) = arg.split_once('=').unwrap_or((arg, ""));
            recipe.flags.note(name, value, "asked for by the scenario");
        }
        if !options.cores.is_empty() {
            let cores: Vec<String> = options.cores.iter().map(usize::to_string).collect();
            let why = "every system gets the same cores (sched_setaffinity)";
            recipe.flags.note("cores", cores.join(","), why);
        }
        Ok(recipe)
    }
}

/// `GOMAXPROCS`, for Go servers pinned to cores.
pub(crate) fn set_go_cores(flags: &mut Flags, options: &StartOptions) {
    if !options.cores.is_empty() {
        let why = "as many threads running Go code as there are cores for it; Go reads the mask of cores, but the \
                   servers' own detection looks at the CPU quota";
        flags.set_env("GOMAXPROCS", options.cores.len().to_string(), why);
    }
}
