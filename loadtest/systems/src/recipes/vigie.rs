use std::path::PathBuf;

use anyhow::Result;

use crate::kind::SystemKind;
use crate::options::StartOptions;
use crate::recipe::Recipe;
use crate::recipes::prometheus::config_with_window;
use crate::setting::Flags;

/// Vigie with every role in one process.
pub(crate) fn recipe(kind: SystemKind, program: PathBuf, options: &StartOptions) -> Result<Recipe> {
    let (host, port) = (options.host(), options.port_or_free()?);
    let data_dir = options.dir.join("data");
    let config_file = options.dir.join("vigie.yml");
    let mut flags = Flags::default();
    flags.place("--config.file", config_file.display().to_string());
    flags.place("--storage.tsdb.path", data_dir.display().to_string());
    flags.place("--web.listen-address", format!("{host}:{port}"));
    flags.place("--log.level", "warn");
    flags.args.push("--web.enable-lifecycle".to_owned());
    let relaxed = kind == SystemKind::VigieRelaxed;
    if relaxed {
        let why = "an acknowledged sample is with the operating system, as with Prometheus and Mimir";
        flags.set("--storage.durability", "relaxed", why);
    }
    if let Some(bytes) = options.memory_bytes {
        let why = "not told to it: Vigie has no setting for its memory as a whole";
        flags.note("memory", format!("{bytes} bytes"), why);
    }
    let config = config_with_window(options, &mut flags);
    Ok(Recipe {
        program,
        flags,
        files: vec![(config_file, config)],
        folders: Vec::new(),
        data_dir,
        base: format!("http://{host}:{port}"),
        write_path: "/api/v1/write",
        query_prefix: "",
        ready_path: "/-/ready",
        durability: if relaxed {
            "acknowledged when its log entry is written to the operating system: survives kill -9, not a power failure"
        } else {
            "acknowledged when its log entry is fsynced: survives kill -9 and a power failure"
        },
    })
}
