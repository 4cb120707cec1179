//! One scrape job.

use std::collections::BTreeMap;
use std::time::Duration;

use vigie_relabel::{NameScheme, Rule};

use crate::global::take_name_scheme;
use crate::relabel::{build_rules, rules_to_yaml, take_rules};
use crate::yaml::{Fields, Node, Problems, Yaml, YamlMap};
use crate::{DiscoveryConfig, EscapingScheme, GlobalConfig, HttpClientConfig, ScrapeLimits, ScrapeProtocol};

/// A job with everything it inherits filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct ScrapeConfig {
    pub job_name: String,
    pub honor_labels: bool,
    pub honor_timestamps: bool,
    pub track_timestamps_staleness: bool,
    /// Query parameters; each may be given several times.
    pub params: BTreeMap<String, Vec<String>>,
    pub scrape_interval: Duration,
    pub scrape_timeout: Duration,
    pub scrape_protocols: Vec<ScrapeProtocol>,
    pub fallback_scrape_protocol: Option<ScrapeProtocol>,
    pub scrape_native_histograms: bool,
    pub always_scrape_classic_histograms: bool,
    pub convert_classic_histograms_to_nhcb: bool,
    /// Empty if there is none.
    pub scrape_failure_log_file: String,
    pub metrics_path: String,
    pub scheme: String,
    pub enable_compression: bool,
    pub limits: ScrapeLimits,
    pub native_histogram_bucket_limit: u64,
    pub native_histogram_min_bucket_factor: f64,
    pub name_scheme: NameScheme,
    pub escaping_scheme: EscapingScheme,
    pub extra_scrape_metrics: bool,
    pub http: HttpClientConfig,
    pub discovery: DiscoveryConfig,
    pub relabel_rules: Vec<Rule>,
    pub metric_relabel_rules: Vec<Rule>,
}

impl ScrapeConfig {
    pub(crate) fn decode(node: &Node, global: &GlobalConfig, problems: &Problems) -> ScrapeConfig {
        let mut fields = Fields::new(node, "config.ScrapeConfig", problems);
        let job_name = fields.string("job_name");
        if job_name.is_empty() {
            problems.invalid("job_name is empty");
        }
        let scope = format!("scrape config with job name {job_name:?}");
        let (scrape_interval, scrape_timeout) = take_timing(&mut fields, global, &scope);
        let (name_scheme, escaping_scheme) = take_naming(&mut fields, global);
        let scrape_native_histograms = fields
            .bool("scrape_native_histograms")
            .unwrap_or(global.scrape_native_histograms);
        let scrape_protocols = ScrapeProtocol::take_list(&mut fields, &scope)
            .or_else(|| global.scrape_protocols.clone())
            .unwrap_or_else(|| default_protocols(scrape_native_histograms));
        let discovery = DiscoveryConfig::take(&mut fields, &format!("job {job_name:?}"));
        let relabel = take_rules(
            &mut fields,
            "relabel_configs",
            "empty or null target relabeling rule in scrape config",
        );
        if relabel.is_empty() {
            discovery.check_addresses(problems);
        }
        let metric_relabel = take_rules(
            &mut fields,
            "metric_relabel_configs",
            "empty or null metric relabeling rule in scrape config",
        );
        let failure_log = fields.path("scrape_failure_log_file");
        let config = ScrapeConfig {
            honor_labels: fields.bool("honor_labels").unwrap_or(false),
            honor_timestamps: fields.bool("honor_timestamps").unwrap_or(true),
            track_timestamps_staleness: fields.bool("track_timestamps_staleness").unwrap_or(false),
            params: fields
                .take("params")
                .map(|node| problems.map(node, "url.Values", |values| Some(problems.strings(values))))
                .unwrap_or_default(),
            scrape_interval,
            scrape_timeout,
            scrape_protocols,
            fallback_scrape_protocol: take_fallback(&mut fields, &scope),
            scrape_native_histograms,
            always_scrape_classic_histograms: fields
                .bool("always_scrape_classic_histograms")
                .unwrap_or(global.always_scrape_classic_histograms),
            convert_classic_histograms_to_nhcb: fields
                .bool("convert_classic_histograms_to_nhcb")
                .unwrap_or(global.convert_classic_histograms_to_nhcb),
            scrape_failure_log_file: if failure_log.is_empty() {
                global.scrape_failure_log_file.clone()
            } else {
                failure_log
            },
            metrics_path: fields.string_or("metrics_path", "/metrics"),
            scheme: fields.string_or("scheme", "http"),
            enable_compression: fields.bool("enable_compression").unwrap_or(true),
            limits: ScrapeLimits::take(&mut fields).or(global.limits),
            native_histogram_bucket_limit: fields.uint("native_histogram_bucket_limit"),
            native_histogram_min_bucket_factor: fields.float("native_histogram_min_bucket_factor"),
            name_scheme,
            escaping_scheme,
            extra_scrape_metrics: fields
                .bool("extra_scrape_metrics")
                .unwrap_or(global.extra_scrape_metrics),
            http: HttpClientConfig::take(&mut fields, true),
            discovery,
            relabel_rules: build_rules(relabel, name_scheme, problems),
            metric_relabel_rules: build_rules(metric_relabel, name_scheme, problems),
            job_name,
        };
        fields.finish();
        config
    }

    pub(crate) fn to_yaml(&self) -> YamlMap {
        let mut map = YamlMap::default();
        map.text("job_name", &self.job_name)
            .some_bool("honor_labels", self.honor_labels)
            .bool("honor_timestamps", self.honor_timestamps)
            .bool("track_timestamps_staleness", self.track_timestamps_staleness);
        let params = self
            .params
            .iter()
            .map(|(name, values)| (name.as_str(), Yaml::texts(values)))
            .collect();
        map.some_map("params", params)
            .duration("scrape_interval", self.scrape_interval)
            .duration("scrape_timeout", self.scrape_timeout)
            .put(
                "scrape_protocols",
                ScrapeProtocol::list_to_yaml(&self.scrape_protocols),
            )
            .some_text(
                "fallback_scrape_protocol",
                self.fallback_scrape_protocol.map_or("", ScrapeProtocol::as_str),
            )
            .bool("scrape_native_histograms", self.scrape_native_histograms)
            .bool(
                "always_scrape_classic_histograms",
                self.always_scrape_classic_histograms,
            )
            .bool(
                "convert_classic_histograms_to_nhcb",
                self.convert_classic_histograms_to_nhcb,
            )
            .some_text("scrape_failure_log_file", &self.scrape_failure_log_file)
            .text("metrics_path", &self.metrics_path)
            .text("scheme", &self.scheme)
            .bool("enable_compression", self.enable_compression)
            .extend(self.limits.to_yaml())
            .some_number(
                "native_histogram_bucket_limit",
                self.native_histogram_bucket_limit,
            )
            .some_number(
                "native_histogram_min_bucket_factor",
                self.native_histogram_min_bucket_factor,
            )
            .text("metric_name_validation_scheme", self.name_scheme.as_str())
            .text("metric_name_escaping_scheme", self.escaping_scheme.as_str())
            .bool("extra_scrape_metrics", self.extra_scrape_metrics)
            .extend(self.http.to_yaml())
            .some_list("relabel_configs", rules_to_yaml(&self.relabel_rules))
            .some_list(
                "metric_relabel_configs",
                rules_to_yaml(&self.metric_relabel_rules),
            )
            .extend(self.discovery.to_yaml());
        map
    }
}

fn default_protocols(native_histograms: bool) -> Vec<ScrapeProtocol> {
    if native_histograms {
        ScrapeProtocol::protobuf_first()
    } else {
        ScrapeProtocol::DEFAULT.to_vec()
    }
}

fn take_timing(fields: &mut Fields<'_>, global: &GlobalConfig, scope: &str) -> (Duration, Duration) {
    let nonzero = |duration: &Duration| !duration.is_zero();
    let interval = fields
        .duration("scrape_interval")
        .filter(nonzero)
        .unwrap_or(global.scrape_interval);
    let timeout = fields.duration("scrape_timeout").filter(nonzero);
    if timeout.is_some_and(|timeout| timeout > interval) {
        fields
            .problems
            .invalid(format!("scrape timeout greater than scrape interval for {scope}"));
    }
    (interval, timeout.unwrap_or(global.scrape_timeout.min(interval)))
}

/// A job that only sets its name scheme does not inherit an escaping that contradicts it.
fn take_naming(fields: &mut Fields<'_>, global: &GlobalConfig) -> (NameScheme, EscapingScheme) {
    let own = take_name_scheme(fields);
    let names = own.unwrap_or(global.name_scheme);
    let escaping = EscapingScheme::take(fields, "scrape config").unwrap_or_else(|| match own {
        Some(own) => EscapingScheme::default_for(own),
        None => global.escaping_scheme(),
    });
    if escaping == EscapingScheme::AllowUtf8 && names != NameScheme::Utf8 {
        fields
            .problems
            .invalid("utf8 metric names requested but validation scheme is not set to UTF8");
    }
    (names, escaping)
}

fn take_fallback(fields: &mut Fields<'_>, scope: &str) -> Option<ScrapeProtocol> {
    let text = fields.string("fallback_scrape_protocol");
    if text.is_empty() {
        return None;
    }
    ScrapeProtocol::parse(&text)
        .map_err(|message| {
            fields
                .problems
                .invalid(format!("invalid fallback_scrape_protocol for {scope}: {message}"));
        })
        .ok()
}
