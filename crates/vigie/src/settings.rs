//! Flags, checked and made into what the roles take.

use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use regex::Regex;
use url::Url;
use vigie_config::{Defaults, parse_bytes};
use vigie_model::parse_duration_ms;
use vigie_promql::ParseOptions;
use vigie_runtime::{LogFormat, LogLevel};
use vigie_storage::Durability;

use crate::flags::Flags;
use crate::role::{Role, Roles};

/// Prometheus's default.
const DEFAULT_RETENTION_MS: i64 = 15 * 24 * 3_600_000;

/// What the process was told to do. Nothing in here can be wrong any more.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) roles: Roles,
    pub(crate) config_file: Option<PathBuf>,
    pub(crate) tenants_file: Option<PathBuf>,
    pub(crate) tenants_reload_period: Duration,
    pub(crate) listen_address: SocketAddr,
    /// `None`: no other process is served.
    pub(crate) grpc_listen_address: Option<SocketAddr>,
    /// Empty: the ingester of this process.
    pub(crate) ingester_addresses: Vec<String>,
    /// `None`: the distributor of this process.
    pub(crate) distributor_address: Option<String>,
    pub(crate) shard_count: u32,
    pub(crate) shards: Vec<u32>,
    pub(crate) external_url: Url,
    /// Empty, or with a leading and without a trailing slash.
    pub(crate) route_prefix: String,
    pub(crate) read_timeout: Duration,
    pub(crate) max_connections: usize,
    pub(crate) lifecycle_enabled: bool,
    pub(crate) cors_origin: Regex,
    pub(crate) storage_path: PathBuf,
    pub(crate) retention_ms: i64,
    /// 0: no limit.
    pub(crate) retention_bytes: u64,
    pub(crate) durability: Durability,
    pub(crate) checkpoint_interval: Duration,
    pub(crate) checkpoint_log_bytes: u64,
    pub(crate) lookback_ms: i64,
    pub(crate) query_timeout: Duration,
    pub(crate) query_max_concurrency: usize,
    pub(crate) query_max_samples: u64,
    /// 0 for no limit.
    pub(crate) remote_read_max_samples: u64,
    pub(crate) remote_read_max_concurrency: usize,
    pub(crate) remote_read_max_frame_bytes: usize,
    pub(crate) max_notification_listeners: usize,
    pub(crate) features: Features,
    pub(crate) log_level: LogLevel,
    pub(crate) log_format: LogFormat,
    /// For display.
    pub(crate) shown_flags: BTreeMap<String, String>,
    pub(crate) flags_without_effect: Vec<String>,
}

/// The feature flags that change anything here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Features {
    pub(crate) promql: ParseOptions,
    pub(crate) delayed_name_removal: bool,
    pub(crate) exemplar_storage: bool,
    /// Those that targets expose and senders send are read and kept.
    pub(crate) start_timestamps: bool,
    pub(crate) use_start_timestamps: bool,
    /// Flags of Prometheus that are known, but not built.
    pub(crate) without_effect: Vec<String>,
}

impl Features {
    /// What they change in the configuration file's defaults.
    pub(crate) fn config_defaults(&self) -> Defaults {
        Defaults {
            // Of the formats, it says best when a counter began.
            prefers_protobuf: self.start_timestamps,
        }
    }
}

/// Every feature flag of Prometheus 3.14, so that a typing error can be told from one not built.
const KNOWN_FEATURES: &[&str] = &[
    "auto-reload-config",
    "concurrent-rule-eval",
    "created-timestamp-zero-ingestion",
    "delayed-compaction",
    "extra-scrape-metrics",
    "histograms-st-encoding",
    "memory-snapshot-on-shutdown",
    "metadata-wal-records",
    "native-histograms",
    "old-ui",
    "otlp-deltatocumulative",
    "otlp-native-delta-ingestion",
    "promql-at-modifier",
    "promql-negative-offset",
    "promql-per-step-stats",
    "search-api",
    "st-storage",
    "st-synthesis",
    "type-and-unit-labels",
    "use-uncached-io",
    "xor2-encoding",
];

impl Settings {
    pub(crate) fn from_flags(flags: Flags) -> Result<Settings> {
        let roles: Roles = flags.target.parse().context("read --target")?;
        ensure!(flags.shard_count > 0, "--cluster.shards must be at least 1");
        ensure!(
            flags.shard_count <= 4096,
            "--cluster.shards must be at most 4096, the number of slots"
        );
        if let Some(flag) = flags.unsupported.given() {
            bail!("{flag} is not supported yet");
        }
        ensure!(
            !flags.enable_admin_api,
            "--web.enable-admin-api is not supported yet"
        );
        let shards = match &flags.ingester_shards {
            Some(list) => shard_list(list, flags.shard_count).context("read --ingester.shards")?,
            None => (0..flags.shard_count).collect(),
        };
        let needs_ingester = roles.has(Role::Distributor) || roles.has(Role::Querier);
        if needs_ingester && !roles.has(Role::Ingester) && flags.ingester_addresses.is_empty() {
            bail!("--ingester.address is needed, as this process has no ingester of its own");
        }
        if roles.has(Role::Scraper) && !roles.has(Role::Distributor) && flags.distributor_address.is_none() {
            bail!("--distributor.address is needed, as this process has no distributor of its own");
        }
        let grpc_listen_address = match &flags.grpc_listen_address {
            Some(text) => Some(address(text).context("read --server.grpc-listen-address")?),
            None if roles.is_all() => None,
            None => Some(SocketAddr::from(([127, 0, 0, 1], 9095))),
        };
        let external_path = flags.external_url.as_deref().map_or("", url_path);
        let route_prefix = flags
            .route_prefix
            .as_deref()
            .unwrap_or(external_path)
            .trim_matches('/');
        let listen_address = address(&flags.listen_address).context("read --web.listen-address")?;
        Ok(Settings {
            listen_address,
            grpc_listen_address,
            shards,
            route_prefix: if route_prefix.is_empty() {
                String::new()
            } else {
                format!("/{route_prefix}")
            },
            external_url: external_url(flags.external_url.as_deref(), listen_address)?,
            read_timeout: duration(&flags.read_timeout, "--web.read-timeout")?,
            cors_origin: Regex::new(&format!("^(?s:{})$", flags.cors_origin))
                .context("read --web.cors.origin")?,
            retention_ms: match &flags.retention_time {
                Some(text) => duration_ms(text, "--storage.tsdb.retention.time")?,
                None => DEFAULT_RETENTION_MS,
            },
            retention_bytes: match &flags.retention_size {
                Some(text) => bytes(text, "--storage.tsdb.retention.size")?,
                None => 0,
            },
            durability: match flags.durability.as_str() {
                "fsync" => Durability::Fsync,
                "relaxed" => Durability::Relaxed,
                other => bail!("unknown --storage.durability {other:?}: use fsync or relaxed"),
            },
            checkpoint_interval: duration(&flags.checkpoint_interval, "--storage.checkpoint-interval")?,
            checkpoint_log_bytes: bytes(&flags.checkpoint_log_bytes, "--storage.checkpoint-log-bytes")?,
            lookback_ms: duration_ms(&flags.lookback_delta, "--query.lookback-delta")?,
            query_timeout: duration(&flags.query_timeout, "--query.timeout")?,
            features: features(&flags.features)?,
            log_level: flags.log_level.parse()?,
            log_format: flags.log_format.parse()?,
            shown_flags: Flags::shown(std::env::args()),
            flags_without_effect: Flags::without_effect(std::env::args()),
            tenants_reload_period: duration(
                &flags.runtime_config_reload_period,
                "--runtime-config.reload-period",
            )?
            .max(Duration::from_millis(1)),
            roles,
            config_file: flags.config_file,
            tenants_file: flags.runtime_config_file,
            ingester_addresses: flags.ingester_addresses,
            distributor_address: flags.distributor_address,
            shard_count: flags.shard_count,
            max_connections: flags.max_connections,
            lifecycle_enabled: flags.enable_lifecycle,
            storage_path: flags.storage_path,
            query_max_concurrency: flags.query_max_concurrency,
            query_max_samples: flags.query_max_samples,
            remote_read_max_samples: flags.remote_read_sample_limit,
            // A server that reads nothing would be a server that hangs.
            remote_read_max_concurrency: flags.remote_read_concurrent_limit.max(1),
            remote_read_max_frame_bytes: flags.remote_read_max_bytes_in_frame,
            max_notification_listeners: flags.max_notifications_subscribers,
        })
    }
}

fn features(given: &[String]) -> Result<Features> {
    let mut features = Features::default();
    for feature in given {
        match feature.as_str() {
            "promql-experimental-functions" => features.promql.experimental_functions = true,
            "promql-extended-range-selectors" => features.promql.extended_range_selectors = true,
            "promql-binop-fill-modifiers" => features.promql.fill_modifiers = true,
            "promql-delayed-name-removal" => features.delayed_name_removal = true,
            "exemplar-storage" => features.exemplar_storage = true,
            // Part of the language here, whether asked for or not.
            "promql-duration-expr" => {}
            "st-storage" => features.start_timestamps = true,
            "use-start-timestamps" => features.use_start_timestamps = true,
            // No-op in Prometheus too: always on.
            "native-histograms" => {}
            known if KNOWN_FEATURES.contains(&known) => features.without_effect.push(known.to_owned()),
            unknown => bail!("unknown feature {unknown:?} in --enable-feature"),
        }
    }
    Ok(features)
}

/// As Prometheus has it: without the flag, the machine's name and the port that is listened on; a path alone is below that.
fn external_url(given: Option<&str>, listen_address: SocketAddr) -> Result<Url> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let own = Url::parse(&format!("http://{}:{}/", name.trim(), listen_address.port()))
        .or_else(|_| Url::parse(&format!("http://{listen_address}/")))
        .context("make the external URL")?;
    match given {
        Some(url) => own.join(url).context("read --web.external-url"),
        None => Ok(own),
    }
}

/// `0-3,6`
fn shard_list(text: &str, shard_count: u32) -> Result<Vec<u32>> {
    let mut shards = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.trim().split_once('-').unwrap_or((part.trim(), part.trim()));
        let first: u32 = first
            .parse()
            .with_context(|| format!("{part:?} is not a shard or a range of shards"))?;
        let last: u32 = last
            .parse()
            .with_context(|| format!("{part:?} is not a shard or a range of shards"))?;
        ensure!(
            first <= last && last < shard_count,
            "{part:?} is outside the cluster's {shard_count} shards"
        );
        shards.extend(first..=last);
    }
    shards.sort_unstable();
    shards.dedup();
    Ok(shards)
}

/// As Prometheus, `:9090` means all interfaces.
fn address(text: &str) -> Result<SocketAddr> {
    let full = if text.starts_with(':') {
        format!("0.0.0.0{text}")
    } else {
        text.to_owned()
    };
    full.to_socket_addrs()
        .with_context(|| format!("{text:?} is not host:port"))?
        .next()
        .with_context(|| format!("{text:?} has no address"))
}

fn url_path(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    after_scheme.find('/').map_or("", |slash| &after_scheme[slash..])
}

fn duration_ms(text: &str, flag: &str) -> Result<i64> {
    parse_duration_ms(text).with_context(|| format!("read {flag}"))
}

fn bytes(text: &str, flag: &str) -> Result<u64> {
    parse_bytes(text)
        .map_err(anyhow::Error::msg)
        .with_context(|| format!("read {flag}"))
}

fn duration(text: &str, flag: &str) -> Result<Duration> {
    Ok(Duration::from_millis(duration_ms(text, flag)?.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn settings(arguments: &str) -> Result<Settings> {
        let flags = Flags::try_parse_from(["vigie"].into_iter().chain(arguments.split_whitespace()))?;
        Settings::from_flags(flags)
    }

    #[test]
    fn without_arguments_everything_runs_here() {
        let settings = settings("").unwrap();
        assert!(settings.roles.is_all());
        assert_eq!(settings.listen_address.to_string(), "127.0.0.1:9090");
        assert_eq!(settings.grpc_listen_address, None);
        assert_eq!(settings.shards, [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn the_route_prefix_follows_the_external_url() {
        assert_eq!(
            settings("--web.external-url=http://h/mon/").unwrap().route_prefix,
            "/mon"
        );
        let both = settings("--web.external-url=http://h/mon/ --web.route-prefix=/").unwrap();
        assert_eq!(both.route_prefix, "");
    }

    #[test]
    fn wrong_flags_say_what_to_do() {
        for (arguments, text) in [
            ("--target=ingestor", "unknown target \"ingestor\""),
            ("--target=querier", "--ingester.address is needed"),
            ("--target=scraper", "--distributor.address is needed"),
            (
                "--storage.tsdb.retention.size=1furlong",
                "--storage.tsdb.retention.size",
            ),
            ("--storage.durability=maybe", "use fsync or relaxed"),
            ("--ingester.shards=3-9", "outside the cluster's 8 shards"),
            ("--query.timeout=soon", "--query.timeout"),
            ("--enable-feature=promql-typo", "unknown feature"),
        ] {
            let error = format!("{:#}", settings(arguments).unwrap_err());
            assert!(error.contains(text), "{arguments}: {error}");
        }
    }

    #[test]
    fn lists_of_shards_are_read() {
        assert_eq!(shard_list("0-2, 6,1", 8).unwrap(), [0, 1, 2, 6]);
    }
}
