//! Remote write and remote read.

use std::collections::BTreeMap;
use std::time::Duration;

use vigie_relabel::{NameScheme, Rule};

use crate::http::{redacted_url, text_map};
use crate::relabel::{build_rules, rules_to_yaml, take_rules};
use crate::yaml::{Fields, Node, Problems, Yaml, YamlMap};
use crate::{HttpClientConfig, RawSection};

pub(crate) const SIGV4_KEYS: [&str; 8] = [
    "region",
    "access_key",
    "secret_key",
    "profile",
    "role_arn",
    "external_id",
    "use_fips_sts_endpoint",
    "service_name",
];
const AZURE_KEYS: [&str; 7] = [
    "managed_identity",
    "workload_identity",
    "oauth",
    "sdk",
    "certificate",
    "cloud",
    "scope",
];

/// Headers the protocols set themselves.
const RESERVED_HEADERS: [&str; 15] = [
    "host",
    "content-encoding",
    "content-length",
    "content-type",
    "user-agent",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "www-authenticate",
    "accept-encoding",
    "x-prometheus-remote-write-version",
    "x-prometheus-remote-read-version",
    "x-amz-date",
    "x-amz-security-token",
];

const PROTOBUF_V1: &str = "prometheus.WriteRequest";
const PROTOBUF_V2: &str = "io.prometheus.write.v2.Request";

#[derive(Debug, Clone, PartialEq)]
pub struct RemoteWriteConfig {
    pub url: String,
    pub remote_timeout: Duration,
    pub headers: BTreeMap<String, String>,
    pub write_relabel_rules: Vec<Rule>,
    pub name: String,
    pub send_exemplars: bool,
    pub send_native_histograms: bool,
    pub round_robin_dns: bool,
    /// Whether the 2.0 message is sent instead of the 1.0 one.
    pub is_v2: bool,
    pub failed_request_logging: bool,
    pub http: HttpClientConfig,
    pub queue: QueueConfig,
    pub metadata: MetadataConfig,
    pub sigv4: Option<RawSection>,
    pub azuread: Option<RawSection>,
    pub google_iam: Option<RawSection>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueConfig {
    pub capacity: i64,
    pub max_shards: i64,
    pub min_shards: i64,
    pub max_samples_per_send: i64,
    pub batch_send_deadline: Duration,
    pub min_backoff: Duration,
    pub max_backoff: Duration,
    pub retry_on_http_429: bool,
    /// Zero means no limit.
    pub sample_age_limit: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataConfig {
    pub send: bool,
    pub send_interval: Duration,
    pub max_samples_per_send: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RemoteReadConfig {
    pub url: String,
    pub remote_timeout: Duration,
    pub chunked_read_limit_bytes: u64,
    pub headers: BTreeMap<String, String>,
    pub read_recent: bool,
    pub name: String,
    pub http: HttpClientConfig,
    pub required_matchers: BTreeMap<String, String>,
    pub filter_external_labels: bool,
}

impl Default for QueueConfig {
    fn default() -> QueueConfig {
        QueueConfig {
            capacity: 10_000,
            max_shards: 50,
            min_shards: 1,
            max_samples_per_send: 2_000,
            batch_send_deadline: Duration::from_secs(5),
            min_backoff: Duration::from_millis(30),
            max_backoff: Duration::from_secs(5),
            retry_on_http_429: false,
            sample_age_limit: Duration::ZERO,
        }
    }
}

impl Default for MetadataConfig {
    fn default() -> MetadataConfig {
        MetadataConfig {
            send: true,
            send_interval: Duration::from_secs(60),
            max_samples_per_send: 2_000,
        }
    }
}

impl RemoteWriteConfig {
    pub(crate) fn decode(node: &Node, names: NameScheme, problems: &Problems) -> RemoteWriteConfig {
        let mut fields = Fields::new(node, "config.plain", problems);
        let rules = take_rules(
            &mut fields,
            "write_relabel_configs",
            "empty or null relabeling rule in remote write config",
        );
        let message = fields.string_or("protobuf_message", PROTOBUF_V1);
        if message != PROTOBUF_V1 && message != PROTOBUF_V2 {
            problems.invalid(format!(
                "invalid protobuf_message value: unknown type for remote write protobuf message {message}, \
                 supported: {PROTOBUF_V1}, {PROTOBUF_V2}"
            ));
        }
        let config = RemoteWriteConfig {
            url: take_url(&mut fields, "remote_write"),
            remote_timeout: fields
                .duration("remote_timeout")
                .unwrap_or(Duration::from_secs(30)),
            headers: take_headers(&mut fields),
            write_relabel_rules: build_rules(rules, names, problems),
            name: fields.string("name"),
            send_exemplars: fields.bool("send_exemplars").unwrap_or(false),
            send_native_histograms: fields.bool("send_native_histograms").unwrap_or(false),
            round_robin_dns: fields.bool("round_robin_dns").unwrap_or(false),
            is_v2: message == PROTOBUF_V2,
            failed_request_logging: fields.bool("failed_request_logging").unwrap_or(false),
            http: HttpClientConfig::take(&mut fields, false),
            queue: QueueConfig::take(&mut fields),
            metadata: MetadataConfig::take(&mut fields),
            sigv4: RawSection::take(&mut fields, "sigv4", "sigv4.plain", &SIGV4_KEYS),
            azuread: RawSection::take(&mut fields, "azuread", "azuread.plain", &AZURE_KEYS),
            google_iam: RawSection::take(
                &mut fields,
                "google_iam",
                "googleiam.Config",
                &["credentials_file"],
            ),
        };
        fields.finish();
        config.check_credentials(problems);
        config
    }

    fn check_credentials(&self, problems: &Problems) {
        let configured: Vec<&str> = [
            ("basic_auth", self.http.basic_auth.is_some()),
            ("authorization", self.http.authorization.is_some()),
            ("oauth2", self.http.oauth2.is_some()),
            ("sigv4", self.sigv4.is_some()),
            ("azuread", self.azuread.is_some()),
            ("google_iam", self.google_iam.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, is_set)| is_set.then_some(name))
        .collect();
        if configured.len() > 1 {
            problems.invalid(format!(
                "at most one of basic_auth, authorization, oauth2, sigv4, azuread or google_iam must be \
                 configured. Currently configured: [{}]",
                configured.join(" ")
            ));
        }
    }

    pub(crate) fn to_yaml(&self) -> YamlMap {
        let mut map = YamlMap::default();
        map.text("url", &redacted_url(&self.url))
            .duration("remote_timeout", self.remote_timeout)
            .some_map("headers", text_map(&self.headers))
            .some_list("write_relabel_configs", rules_to_yaml(&self.write_relabel_rules))
            .some_text("name", &self.name)
            .some_bool("send_exemplars", self.send_exemplars)
            .some_bool("send_native_histograms", self.send_native_histograms)
            .some_bool("round_robin_dns", self.round_robin_dns)
            .text(
                "protobuf_message",
                if self.is_v2 { PROTOBUF_V2 } else { PROTOBUF_V1 },
            )
            .some_bool("failed_request_logging", self.failed_request_logging)
            .extend(self.http.to_yaml())
            .put("queue_config", Yaml::Map(self.queue.to_yaml()))
            .put("metadata_config", Yaml::Map(self.metadata.to_yaml()));
        for (name, section) in [
            ("sigv4", &self.sigv4),
            ("azuread", &self.azuread),
            ("google_iam", &self.google_iam),
        ] {
            if let Some(section) = section {
                map.put(name, Yaml::Map(section.to_yaml()));
            }
        }
        map
    }
}

impl QueueConfig {
    fn take(fields: &mut Fields<'_>) -> QueueConfig {
        let defaults = QueueConfig::default();
        let Some(node) = fields.take("queue_config") else {
            return defaults;
        };
        let problems = fields.problems;
        let mut fields = Fields::new(node, "config.QueueConfig", problems);
        let queue = QueueConfig {
            capacity: fields.int("capacity").unwrap_or(defaults.capacity),
            max_shards: fields.int("max_shards").unwrap_or(defaults.max_shards),
            min_shards: fields.int("min_shards").unwrap_or(defaults.min_shards),
            max_samples_per_send: fields
                .int("max_samples_per_send")
                .unwrap_or(defaults.max_samples_per_send),
            batch_send_deadline: fields
                .duration("batch_send_deadline")
                .unwrap_or(defaults.batch_send_deadline),
            min_backoff: fields.duration("min_backoff").unwrap_or(defaults.min_backoff),
            max_backoff: fields.duration("max_backoff").unwrap_or(defaults.max_backoff),
            retry_on_http_429: fields.bool("retry_on_http_429").unwrap_or(false),
            sample_age_limit: fields.duration("sample_age_limit").unwrap_or_default(),
        };
        fields.finish();
        if let Some(rule) = queue.violation() {
            problems.invalid(format!("remote write queue {rule}"));
        }
        queue
    }

    fn violation(&self) -> Option<&'static str> {
        let rules = [
            (self.max_shards > 0, "max_shards must be positive"),
            (self.min_shards > 0, "min_shards must be positive"),
            (
                self.min_shards <= self.max_shards,
                "min_shards must not be greater than max_shards",
            ),
            (
                self.max_samples_per_send > 0,
                "max_samples_per_send must be positive",
            ),
            (self.capacity > 0, "capacity must be positive"),
            (
                self.max_backoff >= self.min_backoff,
                "max_backoff must not be less than min_backoff",
            ),
        ];
        rules
            .into_iter()
            .find_map(|(holds, rule)| (!holds).then_some(rule))
    }

    fn to_yaml(&self) -> YamlMap {
        let mut map = YamlMap::default();
        map.plain("capacity", self.capacity)
            .plain("max_shards", self.max_shards)
            .plain("min_shards", self.min_shards)
            .plain("max_samples_per_send", self.max_samples_per_send)
            .duration("batch_send_deadline", self.batch_send_deadline)
            .duration("min_backoff", self.min_backoff)
            .duration("max_backoff", self.max_backoff)
            .some_bool("retry_on_http_429", self.retry_on_http_429)
            .some_duration("sample_age_limit", self.sample_age_limit);
        map
    }
}

impl MetadataConfig {
    fn take(fields: &mut Fields<'_>) -> MetadataConfig {
        let defaults = MetadataConfig::default();
        let Some(node) = fields.take("metadata_config") else {
            return defaults;
        };
        let mut fields = Fields::new(node, "config.MetadataConfig", fields.problems);
        let metadata = MetadataConfig {
            send: fields.bool("send").unwrap_or(defaults.send),
            send_interval: fields.duration("send_interval").unwrap_or(defaults.send_interval),
            max_samples_per_send: fields
                .int("max_samples_per_send")
                .unwrap_or(defaults.max_samples_per_send),
        };
        fields.finish();
        metadata
    }

    fn to_yaml(&self) -> YamlMap {
        let mut map = YamlMap::default();
        map.bool("send", self.send)
            .duration("send_interval", self.send_interval)
            .plain("max_samples_per_send", self.max_samples_per_send);
        map
    }
}

impl RemoteReadConfig {
    pub(crate) fn decode(node: &Node, problems: &Problems) -> RemoteReadConfig {
        let mut fields = Fields::new(node, "config.plain", problems);
        let limit = fields.uint("chunked_read_limit");
        let config = RemoteReadConfig {
            url: take_url(&mut fields, "remote_read"),
            remote_timeout: fields
                .duration("remote_timeout")
                .unwrap_or(Duration::from_secs(60)),
            chunked_read_limit_bytes: if limit == 0 { 50_000_000 } else { limit },
            headers: take_headers(&mut fields),
            read_recent: fields.bool("read_recent").unwrap_or(false),
            name: fields.string("name"),
            http: HttpClientConfig::take(&mut fields, true),
            required_matchers: fields.string_map("required_matchers"),
            filter_external_labels: fields.bool("filter_external_labels").unwrap_or(true),
        };
        fields.finish();
        config
    }

    pub(crate) fn to_yaml(&self) -> YamlMap {
        let mut map = YamlMap::default();
        map.text("url", &redacted_url(&self.url))
            .duration("remote_timeout", self.remote_timeout)
            .plain("chunked_read_limit", self.chunked_read_limit_bytes)
            .some_map("headers", text_map(&self.headers))
            .some_bool("read_recent", self.read_recent)
            .some_text("name", &self.name)
            .extend(self.http.to_yaml())
            .some_map("required_matchers", text_map(&self.required_matchers))
            .some_bool("filter_external_labels", self.filter_external_labels);
        map
    }
}

fn take_url(fields: &mut Fields<'_>, section: &str) -> String {
    let url = fields.string("url");
    if url.is_empty() {
        fields.problems.invalid(format!("url for {section} is empty"));
    }
    url
}

fn take_headers(fields: &mut Fields<'_>) -> BTreeMap<String, String> {
    let headers = fields.string_map("headers");
    for name in headers.keys() {
        let lower = name.to_lowercase();
        if lower == "authorization" {
            fields.problems.invalid(
                "authorization header must be changed via the basic_auth, authorization, oauth2, sigv4, \
                 azuread or google_iam parameter",
            );
        } else if is_reserved_header(&lower) {
            fields
                .problems
                .invalid(format!("{name} is a reserved header. It must not be changed"));
        }
    }
    headers
}

/// The name in lower case.
pub(crate) fn is_reserved_header(lower: &str) -> bool {
    RESERVED_HEADERS.contains(&lower) || lower == "x-amz-content-sha256"
}
