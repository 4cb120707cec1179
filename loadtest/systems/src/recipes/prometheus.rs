use std::path::PathBuf;

use anyhow::Result;

use crate::options::StartOptions;
use crate::recipe::{Recipe, set_go_cores};
use crate::setting::Flags;

/// What `--auto-gomemlimit.ratio` is by default.
const MEMORY_SHARE: f64 = 0.9;

pub(crate) fn recipe(program: PathBuf, options: &StartOptions) -> Result<Recipe> {
    let mut flags = Flags::default();
    flags.args.push("--web.enable-remote-write-receiver".to_owned());
    flags.note(
        "--web.enable-remote-write-receiver",
        "",
        "off by default; nothing can be written without it",
    );
    set_go_cores(&mut flags, options);
    if let Some(bytes) = options.memory_bytes {
        let limit = (bytes as f64 * MEMORY_SHARE) as u64;
        let why = "nine tenths of its memory, which --auto-gomemlimit (on by default) would take of a container's limit";
        flags.set_env("GOMEMLIMIT", limit.to_string(), why);
    }
    let durability = "acknowledged when written to the operating system through the WAL, which is fsynced only at the \
                      end of a segment: survives kill -9, not a power failure";
    like_prometheus(program, options, flags, durability)
}

/// What Prometheus and Vigie have in common: flags for places, the configuration file, the paths of the HTTP surface.
pub(crate) fn like_prometheus(
    program: PathBuf,
    options: &StartOptions,
    mut flags: Flags,
    durability: &'static str,
) -> Result<Recipe> {
    let (host, port) = (options.host(), options.port_or_free()?);
    let data_dir = options.dir.join("data");
    let config_file = options.dir.join("prometheus.yml");
    flags.place("--config.file", config_file.display().to_string());
    flags.place("--storage.tsdb.path", data_dir.display().to_string());
    flags.place("--web.listen-address", format!("{host}:{port}"));
    flags.place("--log.level", "warn");
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
        durability,
    })
}

/// The scrape configuration, and the window for late samples, which is set in the same file.
fn config_with_window(options: &StartOptions, flags: &mut Flags) -> String {
    let mut config = options.scrape_config.clone();
    if options.out_of_order_ms > 0 {
        let window = format!("{}ms", options.out_of_order_ms);
        if !config.is_empty() && !config.ends_with('\n') {
            config.push('\n');
        }
        config.push_str(&format!(
            "storage: {{tsdb: {{out_of_order_time_window: {window}}}}}\n"
        ));
        let why = "samples older than the newest of their series are refused without it";
        flags.note("storage.tsdb.out_of_order_time_window", window, why);
    }
    config
}
