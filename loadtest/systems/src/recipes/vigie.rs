use std::path::PathBuf;

use anyhow::Result;

use crate::kind::SystemKind;
use crate::options::StartOptions;
use crate::recipe::Recipe;
use crate::recipes::prometheus::like_prometheus;
use crate::setting::Flags;

/// Vigie with every role in one process.
pub(crate) fn recipe(kind: SystemKind, program: PathBuf, options: &StartOptions) -> Result<Recipe> {
    let mut flags = Flags::default();
    if let Some(bytes) = options.memory_bytes {
        let why = "not told to it: Vigie has no setting for its memory as a whole";
        flags.note("memory", format!("{bytes} bytes"), why);
    }
    let durability = if kind == SystemKind::VigieRelaxed {
        let why = "an acknowledged sample is with the operating system, as with Prometheus and Mimir";
        flags.set("--storage.durability", "relaxed", why);
        "acknowledged when its log entry is written to the operating system: survives kill -9, not a power failure"
    } else {
        "acknowledged when its log entry is fsynced: survives kill -9 and a power failure"
    };
    like_prometheus(program, options, flags, durability)
}
