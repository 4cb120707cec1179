//! The `global` section: what jobs inherit.

use std::time::Duration;

use vigie_model::Labels;
use vigie_relabel::NameScheme;

use crate::http::text_map;
use crate::yaml::{Fields, Node, Problems, Yaml, YamlMap};

const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, PartialEq)]
pub struct GlobalConfig {
    pub scrape_interval: Duration,
    pub scrape_timeout: Duration,
    /// `None` if not given: the default then depends on the job.
    pub scrape_protocols: Option<Vec<ScrapeProtocol>>,
    pub evaluation_interval: Duration,
    pub rule_query_offset: Duration,
    /// Empty if there is none, as the next one.
    pub query_log_file: String,
    pub scrape_failure_log_file: String,
    pub external_labels: Labels,
    pub limits: ScrapeLimits,
    pub name_scheme: NameScheme,
    pub(crate) escaping_scheme: Option<EscapingScheme>,
    pub scrape_native_histograms: bool,
    pub convert_classic_histograms_to_nhcb: bool,
    pub always_scrape_classic_histograms: bool,
    pub extra_scrape_metrics: bool,
}

impl Default for GlobalConfig {
    fn default() -> GlobalConfig {
        GlobalConfig {
            scrape_interval: DEFAULT_INTERVAL,
            scrape_timeout: DEFAULT_TIMEOUT,
            scrape_protocols: None,
            evaluation_interval: DEFAULT_INTERVAL,
            rule_query_offset: Duration::ZERO,
            query_log_file: String::new(),
            scrape_failure_log_file: String::new(),
            external_labels: Labels::empty(),
            limits: ScrapeLimits::default(),
            name_scheme: NameScheme::Utf8,
            escaping_scheme: None,
            scrape_native_histograms: false,
            convert_classic_histograms_to_nhcb: false,
            always_scrape_classic_histograms: false,
            extra_scrape_metrics: false,
        }
    }
}

/// What a scrape may not exceed; zero means no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScrapeLimits {
    /// Of the uncompressed body.
    pub body_size_bytes: u64,
    /// After metric relabelling, as the three label limits.
    pub samples: u64,
    pub targets: u64,
    pub labels: u64,
    pub label_name_length: u64,
    pub label_value_length: u64,
    /// How many dropped targets are remembered for the status page.
    pub keep_dropped_targets: u64,
}

/// A form of exposition, in the words of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScrapeProtocol {
    PrometheusProto,
    PrometheusText004,
    PrometheusText100,
    OpenMetricsText001,
    OpenMetricsText100,
}

/// How targets are asked to write names outside the legacy character set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EscapingScheme {
    #[default]
    AllowUtf8,
    Underscores,
    Dots,
    Values,
}

impl ScrapeProtocol {
    pub const DEFAULT: [ScrapeProtocol; 4] = [
        ScrapeProtocol::OpenMetricsText100,
        ScrapeProtocol::OpenMetricsText001,
        ScrapeProtocol::PrometheusText100,
        ScrapeProtocol::PrometheusText004,
    ];
    /// The default where protobuf is wanted, for what only it or it best can say.
    pub(crate) fn protobuf_first() -> Vec<ScrapeProtocol> {
        let first = [ScrapeProtocol::PrometheusProto];
        first.into_iter().chain(ScrapeProtocol::DEFAULT).collect()
    }

    const ALL: [ScrapeProtocol; 5] = [
        ScrapeProtocol::OpenMetricsText001,
        ScrapeProtocol::OpenMetricsText100,
        ScrapeProtocol::PrometheusProto,
        ScrapeProtocol::PrometheusText004,
        ScrapeProtocol::PrometheusText100,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            ScrapeProtocol::PrometheusProto => "PrometheusProto",
            ScrapeProtocol::PrometheusText004 => "PrometheusText0.0.4",
            ScrapeProtocol::PrometheusText100 => "PrometheusText1.0.0",
            ScrapeProtocol::OpenMetricsText001 => "OpenMetricsText0.0.1",
            ScrapeProtocol::OpenMetricsText100 => "OpenMetricsText1.0.0",
        }
    }

    /// The media type with its parameters, for an Accept header.
    pub fn media_type(self) -> &'static str {
        match self {
            ScrapeProtocol::PrometheusProto => {
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
            }
            ScrapeProtocol::PrometheusText004 => "text/plain;version=0.0.4",
            ScrapeProtocol::PrometheusText100 => "text/plain;version=1.0.0",
            ScrapeProtocol::OpenMetricsText001 => "application/openmetrics-text;version=0.0.1",
            ScrapeProtocol::OpenMetricsText100 => "application/openmetrics-text;version=1.0.0",
        }
    }

    pub(crate) fn parse(text: &str) -> Result<ScrapeProtocol, String> {
        ScrapeProtocol::ALL
            .into_iter()
            .find(|protocol| protocol.as_str() == text)
            .ok_or_else(|| {
                let supported = ScrapeProtocol::ALL.map(ScrapeProtocol::as_str).join(" ");
                format!("unknown scrape protocol {text}, supported: [{supported}]")
            })
    }

    /// Takes `scrape_protocols`; `scope` ends the error texts.
    pub(crate) fn take_list(fields: &mut Fields<'_>, scope: &str) -> Option<Vec<ScrapeProtocol>> {
        let node = fields.take("scrape_protocols").filter(|node| !node.is_null())?;
        let texts = fields.problems.strings(node);
        match parse_list(&texts) {
            Ok(protocols) => Some(protocols),
            Err(message) => {
                fields.problems.invalid(format!("{message} for {scope}"));
                None
            }
        }
    }

    pub(crate) fn list_to_yaml(protocols: &[ScrapeProtocol]) -> Yaml {
        Yaml::texts(protocols.iter().map(|protocol| protocol.as_str()))
    }
}

fn parse_list(texts: &[String]) -> Result<Vec<ScrapeProtocol>, String> {
    if texts.is_empty() {
        return Err("scrape_protocols cannot be empty".to_owned());
    }
    let mut protocols = Vec::with_capacity(texts.len());
    for text in texts {
        let protocol =
            ScrapeProtocol::parse(text).map_err(|message| format!("scrape_protocols: {message}"))?;
        if protocols.contains(&protocol) {
            return Err(format!(
                "duplicated protocol in scrape_protocols, got [{}]",
                texts.join(" ")
            ));
        }
        protocols.push(protocol);
    }
    Ok(protocols)
}

impl EscapingScheme {
    pub fn as_str(self) -> &'static str {
        match self {
            EscapingScheme::AllowUtf8 => "allow-utf-8",
            EscapingScheme::Underscores => "underscores",
            EscapingScheme::Dots => "dots",
            EscapingScheme::Values => "values",
        }
    }

    /// Takes `metric_name_escaping_scheme`; `scope` is `global` or `scrape config`.
    pub(crate) fn take(fields: &mut Fields<'_>, scope: &str) -> Option<EscapingScheme> {
        let text = fields.string("metric_name_escaping_scheme");
        if text.is_empty() {
            return None;
        }
        let all = [
            EscapingScheme::AllowUtf8,
            EscapingScheme::Underscores,
            EscapingScheme::Dots,
            EscapingScheme::Values,
        ];
        let scheme = all.into_iter().find(|scheme| scheme.as_str() == text);
        if scheme.is_none() {
            fields.problems.invalid(format!(
                "unknown {scope} name escaping method specified, must be one of 'allow-utf-8', \
                 'underscores', 'dots', or 'values', got {text:?}"
            ));
        }
        scheme
    }

    pub(crate) fn default_for(scheme: NameScheme) -> EscapingScheme {
        match scheme {
            NameScheme::Legacy => EscapingScheme::Underscores,
            NameScheme::Utf8 => EscapingScheme::AllowUtf8,
        }
    }
}

/// Takes `metric_name_validation_scheme`.
pub(crate) fn take_name_scheme(fields: &mut Fields<'_>) -> Option<NameScheme> {
    match fields.string("metric_name_validation_scheme").as_str() {
        "" => None,
        "legacy" => Some(NameScheme::Legacy),
        "utf8" => Some(NameScheme::Utf8),
        other => {
            fields.problems.invalid(format!(
                "unrecognized ValidationScheme: {other:?}, must be either '', 'legacy' or 'utf8'"
            ));
            None
        }
    }
}

impl ScrapeLimits {
    pub(crate) fn take(fields: &mut Fields<'_>) -> ScrapeLimits {
        ScrapeLimits {
            body_size_bytes: fields.bytes("body_size_limit"),
            samples: fields.uint("sample_limit"),
            targets: fields.uint("target_limit"),
            labels: fields.uint("label_limit"),
            label_name_length: fields.uint("label_name_length_limit"),
            label_value_length: fields.uint("label_value_length_limit"),
            keep_dropped_targets: fields.uint("keep_dropped_targets"),
        }
    }

    /// The limits of a job, those it does not set being the global ones.
    pub(crate) fn or(self, global: ScrapeLimits) -> ScrapeLimits {
        let or = |own, inherited| if own == 0 { inherited } else { own };
        ScrapeLimits {
            body_size_bytes: or(self.body_size_bytes, global.body_size_bytes),
            samples: or(self.samples, global.samples),
            targets: or(self.targets, global.targets),
            labels: or(self.labels, global.labels),
            label_name_length: or(self.label_name_length, global.label_name_length),
            label_value_length: or(self.label_value_length, global.label_value_length),
            keep_dropped_targets: or(self.keep_dropped_targets, global.keep_dropped_targets),
        }
    }

    pub(crate) fn to_yaml(self) -> YamlMap {
        let mut map = YamlMap::default();
        map.some_bytes("body_size_limit", self.body_size_bytes)
            .some_number("sample_limit", self.samples)
            .some_number("target_limit", self.targets)
            .some_number("label_limit", self.labels)
            .some_number("label_name_length_limit", self.label_name_length)
            .some_number("label_value_length_limit", self.label_value_length)
            .some_number("keep_dropped_targets", self.keep_dropped_targets);
        map
    }
}

impl GlobalConfig {
    pub(crate) fn decode(node: &Node, problems: &Problems) -> GlobalConfig {
        let mut fields = Fields::new(node, "config.plain", problems);
        let name_scheme = take_name_scheme(&mut fields).unwrap_or_default();
        let nonzero = |duration: &Duration| !duration.is_zero();
        let scrape_interval = fields
            .duration("scrape_interval")
            .filter(nonzero)
            .unwrap_or(DEFAULT_INTERVAL);
        let scrape_timeout = fields.duration("scrape_timeout").filter(nonzero);
        if scrape_timeout.is_some_and(|timeout| timeout > scrape_interval) {
            problems.invalid("global scrape timeout greater than scrape interval");
        }
        let global = GlobalConfig {
            scrape_interval,
            scrape_timeout: scrape_timeout.unwrap_or(DEFAULT_TIMEOUT.min(scrape_interval)),
            scrape_protocols: ScrapeProtocol::take_list(&mut fields, "global config"),
            evaluation_interval: fields
                .duration("evaluation_interval")
                .filter(nonzero)
                .unwrap_or(DEFAULT_INTERVAL),
            rule_query_offset: fields.duration("rule_query_offset").unwrap_or_default(),
            query_log_file: fields.path("query_log_file"),
            scrape_failure_log_file: fields.path("scrape_failure_log_file"),
            external_labels: take_external_labels(&mut fields, name_scheme),
            limits: ScrapeLimits::take(&mut fields),
            name_scheme,
            escaping_scheme: EscapingScheme::take(&mut fields, "global"),
            scrape_native_histograms: fields.bool("scrape_native_histograms").unwrap_or(false),
            convert_classic_histograms_to_nhcb: fields
                .bool("convert_classic_histograms_to_nhcb")
                .unwrap_or(false),
            always_scrape_classic_histograms: fields
                .bool("always_scrape_classic_histograms")
                .unwrap_or(false),
            extra_scrape_metrics: fields.bool("extra_scrape_metrics").unwrap_or(false),
        };
        fields.finish();
        global
    }

    /// The scheme jobs inherit that set neither names nor escaping themselves.
    pub fn escaping_scheme(&self) -> EscapingScheme {
        self.escaping_scheme
            .unwrap_or_else(|| EscapingScheme::default_for(self.name_scheme))
    }

    pub(crate) fn to_yaml(&self) -> YamlMap {
        let mut map = YamlMap::default();
        map.duration("scrape_interval", self.scrape_interval)
            .duration("scrape_timeout", self.scrape_timeout);
        if let Some(protocols) = &self.scrape_protocols {
            map.put("scrape_protocols", ScrapeProtocol::list_to_yaml(protocols));
        }
        let external_labels = self
            .external_labels
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        map.duration("evaluation_interval", self.evaluation_interval)
            .some_duration("rule_query_offset", self.rule_query_offset)
            .some_text("query_log_file", &self.query_log_file)
            .some_text("scrape_failure_log_file", &self.scrape_failure_log_file)
            .some_map("external_labels", text_map(&external_labels))
            .extend(self.limits.to_yaml())
            .text("metric_name_validation_scheme", self.name_scheme.as_str())
            .some_text(
                "metric_name_escaping_scheme",
                self.escaping_scheme.map_or("", EscapingScheme::as_str),
            )
            .bool("scrape_native_histograms", self.scrape_native_histograms)
            .some_bool(
                "convert_classic_histograms_to_nhcb",
                self.convert_classic_histograms_to_nhcb,
            )
            .some_bool(
                "always_scrape_classic_histograms",
                self.always_scrape_classic_histograms,
            )
            .bool("extra_scrape_metrics", self.extra_scrape_metrics);
        map
    }
}

fn take_external_labels(fields: &mut Fields<'_>, scheme: NameScheme) -> Labels {
    let labels = fields.string_map("external_labels");
    if let Some(name) = labels.keys().find(|name| !scheme.is_valid_label_name(name)) {
        fields
            .problems
            .invalid(format!("{name:?} is not a valid label name"));
        return Labels::empty();
    }
    let expanded = labels
        .iter()
        .map(|(name, value)| (name, expand_environment(value, |name| std::env::var(name).ok())));
    Labels::from_pairs(expanded).unwrap_or_else(|error| {
        fields.problems.invalid(error.to_string());
        Labels::empty()
    })
}

/// `$NAME` and `${NAME}` become the variable's value or nothing; `$$` is a dollar (Go's os.Expand).
fn expand_environment(text: &str, lookup: impl Fn(&str) -> Option<String>) -> String {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let (name, tail) = if let Some(braced) = after.strip_prefix('{') {
            braced.split_once('}').unwrap_or(("", braced))
        } else if let Some(tail) = after.strip_prefix('$') {
            ("$", tail)
        } else {
            let is_name = |c: char| c == '_' || c.is_ascii_alphanumeric();
            after.split_at(after.find(|c| !is_name(c)).unwrap_or(after.len()))
        };
        match name {
            "$" => expanded.push('$'),
            "" if tail == after => expanded.push('$'),
            _ => expanded.push_str(&lookup(name).unwrap_or_default()),
        }
        rest = tail;
    }
    expanded.push_str(rest);
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn external_labels_take_variables() {
        let lookup = |name: &str| (name == "REGION").then(|| "eu".to_owned());
        for (text, expected) in [
            ("$REGION-1", "eu-1"),
            ("a${REGION}b", "aeub"),
            ("$$REGION", "$REGION"),
            ("x${MISSING}y$MISSING", "xy"),
            ("plain", "plain"),
        ] {
            assert_eq!(expand_environment(text, lookup), expected, "{text}");
        }
    }
}
