use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::options::StartOptions;
use crate::ports::free_port;
use crate::recipe::{Recipe, set_go_cores};
use crate::setting::Flags;

/// A Mimir ring, as the prefix of its flags.
const RINGS: [&str; 10] = [
    "alertmanager.sharding-ring",
    "compactor.ring",
    "distributor.ring",
    "ingester.partition-ring",
    "ingester.ring",
    "overrides-exporter.ring",
    "querier.ring",
    "query-scheduler.ring",
    "ruler.ring",
    "store-gateway.sharding-ring",
];
/// Rings that copy what they hold three times unless told otherwise.
const COPYING_RINGS: [&str; 3] = [
    "alertmanager.sharding-ring",
    "ingester.ring",
    "store-gateway.sharding-ring",
];

/// Every component in one process (`-target=all`), blocks in a folder, without Kafka: the classic architecture.
pub(crate) fn recipe(program: PathBuf, options: &StartOptions) -> Result<Recipe> {
    if !options.scrape_config.is_empty() {
        bail!("mimir does not scrape: let a prometheus in agent mode send to it");
    }
    let (host, port) = (options.host(), options.port_or_free()?);
    let data_dir = options.dir.join("data");
    let mut flags = Flags::default();
    flags.place("-server.http-listen-address", host);
    flags.place("-server.http-listen-port", port.to_string());
    flags.place("-server.grpc-listen-address", host);
    flags.place("-server.grpc-listen-port", free_port()?.to_string());
    flags.place("-memberlist.bind-addr", host);
    flags.place("-memberlist.bind-port", free_port()?.to_string());
    flags.place("-log.level", "warn");
    flags.place("-usage-stats.enabled", "false");
    let mut folders = Vec::new();
    for (flag, folder) in [
        ("-blocks-storage.filesystem.dir", "blocks"),
        ("-blocks-storage.tsdb.dir", "tsdb"),
        ("-blocks-storage.bucket-store.sync-dir", "tsdb-sync"),
        ("-compactor.data-dir", "compactor"),
        ("-ruler.rule-path", "ruler"),
        ("-ruler-storage.filesystem.dir", "rules"),
        ("-alertmanager.storage.path", "alertmanager"),
        ("-alertmanager-storage.filesystem.dir", "alertmanager-storage"),
        ("-activity-tracker.filepath", "activity.log"),
    ] {
        let path = data_dir.join(folder);
        flags.place(flag, path.display().to_string());
        if !folder.contains('.') {
            folders.push(path);
        }
    }
    one_process(&mut flags, host);
    limits(&mut flags);
    old_samples(&mut flags);
    flags.set(
        "-compactor.compaction-interval",
        "30s",
        "hourly by default: what is on disk after its own compaction can be measured without waiting an hour",
    );
    flags.set(
        "-compactor.first-level-compaction-wait-period",
        "0s",
        "25 minutes by default, waiting for blocks of other ingesters; there is one",
    );
    flags.set(
        "-compactor.deletion-delay",
        "1m",
        "12 hours by default; blocks that were compacted away would be counted as disk until then",
    );
    let why = "an hour by default, for a deletion delay of 12; it has to be shorter than that delay, or queries ask for \
               blocks that are gone";
    flags.set(
        "-blocks-storage.bucket-store.ignore-deletion-marks-while-querying-delay",
        "35s",
        why,
    );
    flags.set(
        "-blocks-storage.bucket-store.ignore-deletion-marks-delay",
        "50s",
        why,
    );
    set_go_cores(&mut flags, options);
    if let Some(bytes) = options.memory_bytes {
        let why = "its memory as a whole, as Mimir's own deployment sets it to the requested memory of a distributor \
                   and a store-gateway";
        flags.set_env("GOMEMLIMIT", bytes.to_string(), why);
    }
    if options.out_of_order_ms > 0 {
        let why = "samples older than the newest of their series are refused without it";
        flags.set(
            "-ingester.out-of-order-time-window",
            format!("{}ms", options.out_of_order_ms),
            why,
        );
    }
    Ok(Recipe {
        program,
        flags,
        files: Vec::new(),
        folders,
        data_dir,
        base: format!("http://{host}:{port}"),
        write_path: "/api/v1/push",
        query_prefix: "/prometheus",
        ready_path: "/ready",
        durability: "acknowledged when written to the operating system through the WAL of the one ingester (replication \
                     factor 1): survives kill -9, not a power failure",
    })
}

fn one_process(flags: &mut Flags, host: &str) {
    flags.note(
        "replication factor of all rings",
        "1",
        "one process; every other system is measured with one copy too",
    );
    flags.note(
        "kvstore of all rings",
        "inmemory",
        "one process: there is nobody to gossip with",
    );
    for ring in RINGS {
        flags.place(&format!("-{ring}.store"), "inmemory");
        let address = if ring.ends_with("partition-ring") {
            None
        } else {
            Some(host)
        };
        if let Some(address) = address {
            flags.place(&format!("-{ring}.instance-addr"), address);
        }
    }
    for ring in COPYING_RINGS {
        flags.place(&format!("-{ring}.replication-factor"), "1");
    }
    flags.place("-query-frontend.instance-addr", host);
    flags.set(
        "-ingester.ring.min-ready-duration",
        "0s",
        "15 s by default, a pause for rolling updates; it would be counted as restart time",
    );
}

fn limits(flags: &mut Flags) {
    let why = "limits per tenant, set for shared clusters; 10,000 samples/s and 150,000 series by default";
    for (flag, value) in [
        ("-distributor.ingestion-rate-limit", "100000000"),
        ("-distributor.ingestion-burst-size", "100000000"),
        ("-ingester.max-global-series-per-user", "0"),
        ("-validation.max-label-names-per-series", "40"),
        ("-querier.max-fetched-chunks-per-query", "0"),
    ] {
        flags.set(flag, value, why);
    }
}

/// Tests write a day in minutes, so "recent" and "old" are not what the clock says.
fn old_samples(flags: &mut Flags) {
    flags.set(
        "-querier.query-store-after",
        "0s",
        "12 h by default: back-filled samples are in blocks at once, and would not be asked for",
    );
    flags.set(
        "-querier.query-ingesters-within",
        "0s",
        "13 h by default: back-filled samples are still in the ingester, and would not be asked for",
    );
    flags.set(
        "-blocks-storage.bucket-store.ignore-blocks-within",
        "0s",
        "10 h by default; see -querier.query-store-after",
    );
    flags.set(
        "-blocks-storage.bucket-store.sync-interval",
        "10s",
        "15 min by default: new blocks would be invisible that long",
    );
    flags.set(
        "-compactor.cleanup-interval",
        "10s",
        "15 min by default: the bucket index, which lists the blocks, would be that old",
    );
}
