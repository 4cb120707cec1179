//! The command line: Prometheus's flags, and a few of our own.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{ArgAction, CommandFactory, Parser};

/// Prometheus-compatible monitoring: scrape, receive, store, query. Without arguments a complete
/// system on this machine: http://127.0.0.1:9090, scraping itself, data in ./data.
#[derive(Debug, Clone, Parser)]
#[command(
    name = "vigie",
    version,
    disable_help_subcommand = true,
    after_help = "`vigie promql` checks, formats and tests queries and rule files, and asks servers: `vigie promql --help`."
)]
pub(crate) struct Flags {
    /// Prometheus configuration file. Without it, the process scrapes itself.
    #[arg(long = "config.file", value_name = "FILE")]
    pub(crate) config_file: Option<PathBuf>,

    /// Role of this process: all, or some of distributor, ingester, querier, scraper.
    #[arg(long, default_value = "all", value_name = "ROLES")]
    pub(crate) target: String,

    /// Address to listen on for HTTP.
    #[arg(
        long = "web.listen-address",
        default_value = "127.0.0.1:9090",
        value_name = "ADDRESS"
    )]
    pub(crate) listen_address: String,

    /// Address to listen on for other roles; default 127.0.0.1:9095 where roles are separate processes.
    #[arg(long = "server.grpc-listen-address", value_name = "ADDRESS")]
    pub(crate) grpc_listen_address: Option<String>,

    /// Ingester to use instead of one in this process; may be given several times.
    #[arg(long = "ingester.address", value_name = "HOST:PORT")]
    pub(crate) ingester_addresses: Vec<String>,

    /// Distributor to send scraped samples to instead of one in this process.
    #[arg(long = "distributor.address", value_name = "HOST:PORT")]
    pub(crate) distributor_address: Option<String>,

    /// Shards of the whole cluster; fixed once data are written.
    #[arg(long = "cluster.shards", default_value_t = 8, value_name = "N")]
    pub(crate) shard_count: u32,

    /// Shards this ingester serves, as in 0-3,6; default all.
    #[arg(long = "ingester.shards", value_name = "LIST")]
    pub(crate) ingester_shards: Option<String>,

    /// The URL under which the server is reachable from outside; its path is the default route prefix.
    #[arg(long = "web.external-url", value_name = "URL")]
    pub(crate) external_url: Option<String>,

    /// Prefix for the internal routes of web endpoints.
    #[arg(long = "web.route-prefix", value_name = "PATH")]
    pub(crate) route_prefix: Option<String>,

    /// Maximum duration before timing out the read of a request.
    #[arg(long = "web.read-timeout", default_value = "5m", value_name = "DURATION")]
    pub(crate) read_timeout: String,

    /// Maximum number of simultaneous connections.
    #[arg(long = "web.max-connections", default_value_t = 512, value_name = "N")]
    pub(crate) max_connections: usize,

    /// Enable shutdown and reload via HTTP request.
    #[arg(long = "web.enable-lifecycle", action = ArgAction::SetTrue)]
    pub(crate) enable_lifecycle: bool,

    /// Enable API endpoints for admin control actions.
    #[arg(long = "web.enable-admin-api", action = ArgAction::SetTrue)]
    pub(crate) enable_admin_api: bool,

    /// Accepted for compatibility: remote write is always received.
    #[arg(long = "web.enable-remote-write-receiver", action = ArgAction::SetTrue)]
    pub(crate) enable_remote_write_receiver: bool,

    /// Regex for CORS origin, fully anchored.
    #[arg(long = "web.cors.origin", default_value = ".*", value_name = "REGEX")]
    pub(crate) cors_origin: String,

    /// Base path for storage.
    #[arg(long = "storage.tsdb.path", default_value = "data/", value_name = "DIR")]
    pub(crate) storage_path: PathBuf,

    /// How long to retain samples; the configuration file's value, if any, wins. Default 15d.
    #[arg(long = "storage.tsdb.retention.time", value_name = "DURATION")]
    pub(crate) retention_time: Option<String>,

    /// Size of the store at which the oldest samples go, as in 512MB; the configuration file's value, if any,
    /// wins. Default 0, no limit.
    #[arg(long = "storage.tsdb.retention.size", value_name = "BYTES")]
    pub(crate) retention_size: Option<String>,

    /// When an acknowledged sample is safe: fsync (on the disk) or relaxed (with the operating system).
    #[arg(long = "storage.durability", default_value = "fsync", value_name = "MODE")]
    pub(crate) durability: String,

    /// Pause between checkpoints; what came after the last one is replayed at start.
    #[arg(
        long = "storage.checkpoint-interval",
        default_value = "5m",
        value_name = "DURATION"
    )]
    pub(crate) checkpoint_interval: String,

    /// Log that a start after a crash has to replay at most; more of it, and checkpoints come early.
    #[arg(
        long = "storage.checkpoint-log-bytes",
        default_value = "128MB",
        value_name = "BYTES"
    )]
    pub(crate) checkpoint_log_bytes: String,

    /// File with the limits of tenants, read again while running: docs/operations.md.
    #[arg(long = "runtime-config.file", value_name = "FILE")]
    pub(crate) runtime_config_file: Option<PathBuf>,

    /// How often the file with the limits of tenants is read again.
    #[arg(
        long = "runtime-config.reload-period",
        default_value = "10s",
        value_name = "DURATION"
    )]
    pub(crate) runtime_config_reload_period: String,

    /// Lookback for instant vectors.
    #[arg(long = "query.lookback-delta", default_value = "5m", value_name = "DURATION")]
    pub(crate) lookback_delta: String,

    /// Maximum time a query may take before being aborted.
    #[arg(long = "query.timeout", default_value = "2m", value_name = "DURATION")]
    pub(crate) query_timeout: String,

    /// Maximum number of queries executed concurrently.
    #[arg(long = "query.max-concurrency", default_value_t = 20, value_name = "N")]
    pub(crate) query_max_concurrency: usize,

    /// Maximum number of samples a single query can hold in memory.
    #[arg(long = "query.max-samples", default_value_t = 50_000_000, value_name = "N")]
    pub(crate) query_max_samples: u64,

    /// Maximum overall number of samples to return via the remote read interface in a single query; 0 means no
    /// limit. Streamed answers are limited by --query.max-samples alone.
    #[arg(
        long = "storage.remote.read-sample-limit",
        default_value_t = 50_000_000,
        value_name = "N"
    )]
    pub(crate) remote_read_sample_limit: u64,

    /// Maximum number of concurrent remote read calls.
    #[arg(
        long = "storage.remote.read-concurrent-limit",
        default_value_t = 10,
        value_name = "N"
    )]
    pub(crate) remote_read_concurrent_limit: usize,

    /// Maximum number of bytes in a single frame of a streamed remote read answer.
    #[arg(
        long = "storage.remote.read-max-bytes-in-frame",
        default_value_t = 1_048_576,
        value_name = "BYTES"
    )]
    pub(crate) remote_read_max_bytes_in_frame: usize,

    /// How many clients may follow the notifications at once.
    #[arg(
        long = "web.max-notifications-subscribers",
        default_value_t = 16,
        value_name = "N"
    )]
    pub(crate) max_notifications_subscribers: usize,

    /// Feature flags of Prometheus, separated by commas.
    #[arg(long = "enable-feature", value_delimiter = ',', value_name = "FEATURES")]
    pub(crate) features: Vec<String>,

    /// Only log messages with the given severity or above: debug, info, warn, error.
    #[arg(long = "log.level", default_value = "info", value_name = "LEVEL")]
    pub(crate) log_level: String,

    /// Output format of log messages: logfmt, json.
    #[arg(long = "log.format", default_value = "logfmt", value_name = "FORMAT")]
    pub(crate) log_format: String,

    #[command(flatten)]
    pub(crate) ignored: IgnoredFlags,

    #[command(flatten)]
    pub(crate) unsupported: UnsupportedFlags,
}

/// Flags of Prometheus whose meaning is not built yet. Ignoring them could lose data or open doors,
/// so they are refused.
#[derive(Debug, Clone, Default, Parser)]
pub(crate) struct UnsupportedFlags {
    #[arg(long = "web.config.file", hide = true)]
    web_config_file: Option<String>,
    #[arg(long = "web.enable-otlp-receiver", action = ArgAction::SetTrue, hide = true)]
    enable_otlp_receiver: bool,
    #[arg(long = "config.auto-reload-interval", hide = true)]
    auto_reload_interval: Option<String>,
    #[arg(long, action = ArgAction::SetTrue, hide = true)]
    agent: bool,
    #[arg(long = "storage.agent.path", hide = true)]
    agent_path: Option<String>,
}

impl UnsupportedFlags {
    /// The first of them that was given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        [
            ("--web.config.file", self.web_config_file.is_some()),
            ("--web.enable-otlp-receiver", self.enable_otlp_receiver),
            (
                "--config.auto-reload-interval",
                self.auto_reload_interval.is_some(),
            ),
            ("--agent", self.agent),
            ("--storage.agent.path", self.agent_path.is_some()),
        ]
        .into_iter()
        .find_map(|(name, is_given)| is_given.then_some(name))
    }
}

/// Flags of Prometheus that mean nothing here. Taken, so that a command line works unchanged, and
/// named in the log when given.
#[derive(Debug, Clone, Parser)]
pub(crate) struct IgnoredFlags {
    #[arg(long = "web.console.templates", hide = true)]
    console_templates: Option<String>,
    #[arg(long = "web.console.libraries", hide = true)]
    console_libraries: Option<String>,
    #[arg(long = "web.page-title", hide = true)]
    page_title: Option<String>,
    #[arg(long = "web.user-assets", hide = true)]
    user_assets: Option<String>,
    #[arg(long = "storage.tsdb.no-lockfile", action = ArgAction::SetTrue, hide = true)]
    no_lockfile: bool,
    #[arg(long = "storage.tsdb.wal-compression", action = ArgAction::SetTrue, hide = true)]
    wal_compression: bool,
    #[arg(long = "storage.tsdb.wal-segment-size", hide = true)]
    wal_segment_size: Option<String>,
    #[arg(long = "storage.tsdb.min-block-duration", hide = true)]
    min_block_duration: Option<String>,
    #[arg(long = "storage.tsdb.max-block-duration", hide = true)]
    max_block_duration: Option<String>,
    #[arg(long = "storage.tsdb.head-chunks-write-queue-size", hide = true)]
    head_chunks_write_queue_size: Option<String>,
    #[arg(long = "storage.remote.flush-deadline", hide = true)]
    remote_flush_deadline: Option<String>,
    #[arg(long = "alertmanager.notification-queue-capacity", hide = true)]
    notification_queue_capacity: Option<String>,
    #[arg(long = "rules.alert.for-outage-tolerance", hide = true)]
    for_outage_tolerance: Option<String>,
    #[arg(long = "rules.alert.for-grace-period", hide = true)]
    for_grace_period: Option<String>,
    #[arg(long = "rules.alert.resend-delay", hide = true)]
    resend_delay: Option<String>,
    #[arg(long = "rules.max-concurrent-evals", hide = true)]
    max_concurrent_evals: Option<String>,
    #[arg(long = "auto-gomaxprocs", action = ArgAction::SetTrue, hide = true)]
    auto_gomaxprocs: bool,
    #[arg(long = "auto-gomemlimit", action = ArgAction::SetTrue, hide = true)]
    auto_gomemlimit: bool,
    #[arg(long = "auto-gomemlimit.ratio", hide = true)]
    auto_gomemlimit_ratio: Option<String>,
}

/// Flags that Prometheus 3.14 shows, with its defaults: tools look for some of them.
const PROMETHEUS_DEFAULTS: &[(&str, &str)] = &[
    ("agent", "false"),
    ("alertmanager.drain-notification-queue-on-shutdown", "true"),
    ("alertmanager.notification-batch-size", "256"),
    ("alertmanager.notification-queue-capacity", "10000"),
    ("auto-gomaxprocs", "true"),
    ("auto-gomemlimit", "true"),
    ("auto-gomemlimit.ratio", "0.9"),
    ("config.auto-reload", "false"),
    ("config.auto-reload-interval", "30s"),
    ("rules.alert.for-grace-period", "10m"),
    ("rules.alert.for-outage-tolerance", "1h"),
    ("rules.alert.resend-delay", "1m"),
    ("rules.max-concurrent-evals", "4"),
    ("scrape.adjust-timestamps", "true"),
    ("scrape.discovery-reload-interval", "5s"),
    ("scrape.timestamp-tolerance", "2ms"),
    ("storage.agent.checkpoint-batch-size", "1000"),
    ("storage.agent.checkpoint-from-in-memory-series", "false"),
    ("storage.agent.no-lockfile", "false"),
    ("storage.agent.path", "data-agent/"),
    ("storage.agent.retention.max-time", "4h"),
    ("storage.agent.retention.min-time", "5m"),
    ("storage.agent.wal-compression", "true"),
    ("storage.agent.wal-compression-type", "snappy"),
    ("storage.agent.wal-segment-size", "0B"),
    ("storage.agent.wal-truncate-frequency", "0s"),
    ("storage.remote.flush-deadline", "1m"),
    ("storage.tsdb.allow-overlapping-compaction", "true"),
    ("storage.tsdb.block-reload-interval", "1m"),
    ("storage.tsdb.delay-compact-file.path", ""),
    ("storage.tsdb.delayed-compaction.max-percent", "10"),
    ("storage.tsdb.head-chunks-write-queue-size", "0"),
    ("storage.tsdb.max-block-chunk-segment-size", "0B"),
    ("storage.tsdb.max-block-duration", "1d12h"),
    ("storage.tsdb.min-block-duration", "2h"),
    ("storage.tsdb.retention.size", "0B"),
    ("storage.tsdb.retention.time", "15d"),
    ("storage.tsdb.samples-per-chunk", "120"),
    ("storage.tsdb.wal-compression-type", "snappy"),
    ("storage.tsdb.wal-segment-size", "0B"),
    ("web.config.file", ""),
    ("web.console.libraries", "console_libraries"),
    ("web.console.templates", "consoles"),
    ("web.enable-otlp-receiver", "false"),
    (
        "web.page-title",
        "Prometheus Time Series Collection and Processing Server",
    ),
    (
        "web.remote-write-receiver.accepted-protobuf-messages",
        "prometheus.WriteRequest,io.prometheus.write.v2.Request",
    ),
    ("web.route-prefix", "/"),
    ("web.search.max-limit", "10000"),
    ("write-documentation", "false"),
];

impl Flags {
    /// The flags and their values as `/api/v1/status/flags` shows them: those of this command line,
    /// and the defaults of all others, those of Prometheus that are not flags here among them.
    pub(crate) fn shown(arguments: impl IntoIterator<Item = String>) -> BTreeMap<String, String> {
        let mut command = Flags::command();
        command.build();
        let given = command.clone().try_get_matches_from(arguments).ok();
        let unsupported = UnsupportedFlags::command();
        let mut shown: BTreeMap<String, String> = command
            .get_arguments()
            .filter(|argument| {
                unsupported
                    .get_arguments()
                    .all(|other| other.get_id() != argument.get_id())
            })
            .filter_map(|argument| {
                let name = argument
                    .get_long()
                    .filter(|name| !matches!(*name, "help" | "version"))?;
                let raw: Vec<String> = given
                    .as_ref()
                    .and_then(|given| given.get_raw(argument.get_id().as_str()))
                    .map(|values| values.map(|value| value.to_string_lossy().into_owned()).collect())
                    .unwrap_or_default();
                Some((name.to_owned(), raw.join(",")))
            })
            .collect();
        for &(name, default) in PROMETHEUS_DEFAULTS {
            let value = shown.entry(name.to_owned()).or_default();
            if value.is_empty() {
                default.clone_into(value);
            }
        }
        shown
    }

    /// Names of the flags in this command line that have no effect.
    pub(crate) fn without_effect(arguments: impl IntoIterator<Item = String>) -> Vec<String> {
        let ignored: Vec<String> = IgnoredFlags::command()
            .get_arguments()
            .filter_map(|argument| argument.get_long().map(|name| format!("--{name}")))
            .filter(|name| !matches!(name.as_str(), "--help" | "--version"))
            .collect();
        arguments
            .into_iter()
            .map(|argument| argument.split('=').next().unwrap_or_default().to_owned())
            .filter(|argument| ignored.contains(argument))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Flags::command().debug_assert();
    }

    #[test]
    fn flags_are_shown_with_defaults_and_given_values() {
        let shown =
            Flags::shown(["vigie", "--query.timeout=30s", "--web.enable-lifecycle"].map(str::to_owned));
        assert_eq!(shown["query.timeout"], "30s");
        assert_eq!(shown["web.enable-lifecycle"], "true");
        assert_eq!(shown["storage.tsdb.path"], "data/");
        assert!(!shown.contains_key("help"));
    }

    #[test]
    fn flags_without_effect_are_named() {
        let given = ["vigie", "--web.console.templates=x", "--log.level=warn"].map(str::to_owned);
        assert_eq!(Flags::without_effect(given), ["--web.console.templates"]);
    }
}
