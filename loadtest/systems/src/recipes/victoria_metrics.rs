use std::path::PathBuf;

use anyhow::Result;

use crate::options::StartOptions;
use crate::recipe::{Recipe, set_go_cores};
use crate::setting::Flags;

/// What `-memory.allowedPercent` is by default, as a share.
const MEMORY_SHARE: f64 = 0.6;

/// The single-node VictoriaMetrics.
pub(crate) fn recipe(program: PathBuf, options: &StartOptions) -> Result<Recipe> {
    let (host, port) = (options.host(), options.port_or_free()?);
    let data_dir = options.dir.join("data");
    let mut flags = Flags::default();
    flags.place("-storageDataPath", data_dir.display().to_string());
    flags.place("-httpListenAddr", format!("{host}:{port}"));
    flags.place("-loggerLevel", "WARN");
    flags.set(
        "-retentionPeriod",
        "1y",
        "the default of one month would refuse back-filled samples that are older",
    );
    flags.set(
        "-search.latencyOffset",
        "0s",
        "by default the newest 30 s are hidden from queries, so answers could not be compared with the others'",
    );
    flags.set(
        "-search.maxQueryDuration",
        "2m",
        "what Prometheus allows a query; 30 s by default",
    );
    flags.set(
        "-search.maxSeries",
        "10000000",
        "at most 30,000 series are listed by default, which would cut a check of everything that is stored short",
    );
    set_go_cores(&mut flags, options);
    if let Some(bytes) = options.memory_bytes {
        let limit = (bytes as f64 * MEMORY_SHARE) as u64;
        let why = "the share of its memory that caches get by default (-memory.allowedPercent=60)";
        flags.set("-memory.allowedBytes", limit.to_string(), why);
    }
    let mut files = Vec::new();
    if !options.scrape_config.is_empty() {
        let file = options.dir.join("promscrape.yml");
        flags.place("-promscrape.config", file.display().to_string());
        files.push((file, options.scrape_config.clone()));
    }
    Ok(Recipe {
        program,
        flags,
        files,
        folders: Vec::new(),
        data_dir,
        base: format!("http://{host}:{port}"),
        write_path: "/api/v1/write",
        query_prefix: "",
        ready_path: "/health",
        durability: "acknowledged when in memory; written and fsynced every 5 s (-inmemoryDataFlushInterval): \
                     kill -9 loses what is younger",
    })
}
