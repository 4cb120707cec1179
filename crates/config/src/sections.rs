//! The small sections: runtime, storage, OTLP, tracing.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use crate::TlsConfig;
use crate::http::text_map;
use crate::remote::is_reserved_header;
use crate::yaml::{Fields, Node, Problems, Yaml, YamlMap};

/// Accepted and shown; there is no Go runtime to tune.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeConfig {
    pub gogc: i64,
}

impl Default for RuntimeConfig {
    fn default() -> RuntimeConfig {
        RuntimeConfig { gogc: 75 }
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct StorageConfig {
    pub tsdb: TsdbConfig,
    pub exemplars: ExemplarsConfig,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct TsdbConfig {
    pub out_of_order_time_window: Duration,
    pub stale_series_compaction_threshold: f64,
    /// `xor`, `xor2`, or empty. Accepted and shown; chunks choose their codec by size.
    pub float_chunk_encoding: String,
    pub retention: RetentionConfig,
}

/// Zero means not set here.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RetentionConfig {
    pub time: Duration,
    pub size_bytes: u64,
    /// Of the disk, 0 to 100.
    pub percentage: f64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExemplarsConfig {
    /// Zero or less turns exemplars off.
    pub max_exemplars: i64,
}

impl Default for ExemplarsConfig {
    fn default() -> ExemplarsConfig {
        ExemplarsConfig {
            max_exemplars: 100_000,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpConfig {
    pub promote_all_resource_attributes: bool,
    pub promote_resource_attributes: Vec<String>,
    pub ignore_resource_attributes: Vec<String>,
    pub translation_strategy: String,
    pub keep_identifying_resource_attributes: bool,
    pub convert_histograms_to_nhcb: bool,
    pub promote_scope_metadata: bool,
    pub label_name_underscore_sanitization: bool,
    pub label_name_preserve_multiple_underscores: bool,
}

impl Default for OtlpConfig {
    fn default() -> OtlpConfig {
        OtlpConfig {
            promote_all_resource_attributes: false,
            promote_resource_attributes: Vec::new(),
            ignore_resource_attributes: Vec::new(),
            translation_strategy: DEFAULT_TRANSLATION.to_owned(),
            keep_identifying_resource_attributes: false,
            convert_histograms_to_nhcb: false,
            promote_scope_metadata: false,
            label_name_underscore_sanitization: true,
            label_name_preserve_multiple_underscores: true,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct TracingConfig {
    /// `grpc` or `http`.
    pub client_type: String,
    pub endpoint: String,
    pub sampling_fraction: f64,
    pub insecure: bool,
    pub tls: TlsConfig,
    pub headers: BTreeMap<String, String>,
    /// `gzip` or empty.
    pub compression: String,
    pub timeout: Duration,
}

const DEFAULT_TRANSLATION: &str = "UnderscoreEscapingWithSuffixes";

impl RuntimeConfig {
    pub(crate) fn decode(node: &Node, problems: &Problems) -> RuntimeConfig {
        let mut fields = Fields::new(node, "config.RuntimeConfig", problems);
        let gogc = fields.int("gogc").filter(|&percent| percent != 0);
        fields.finish();
        gogc.map_or_else(RuntimeConfig::default, |gogc| RuntimeConfig { gogc })
    }

    pub(crate) fn to_yaml(&self) -> YamlMap {
        let mut map = YamlMap::default();
        map.plain("gogc", self.gogc);
        map
    }
}

impl StorageConfig {
    pub(crate) fn decode(node: &Node, problems: &Problems) -> StorageConfig {
        let mut fields = Fields::new(node, "config.StorageConfig", problems);
        let storage = StorageConfig {
            tsdb: fields
                .take("tsdb")
                .map(|node| TsdbConfig::decode(node, problems))
                .unwrap_or_default(),
            exemplars: fields
                .take("exemplars")
                .map(|node| ExemplarsConfig::decode(node, problems))
                .unwrap_or_default(),
        };
        fields.finish();
        storage
    }

    pub(crate) fn to_yaml(&self) -> YamlMap {
        let mut map = YamlMap::default();
        map.some_map("tsdb", self.tsdb.to_yaml());
        if self.exemplars != ExemplarsConfig::default() {
            let mut exemplars = YamlMap::default();
            exemplars.plain("max_exemplars", self.exemplars.max_exemplars);
            map.put("exemplars", Yaml::Map(exemplars));
        }
        map
    }
}

impl TsdbConfig {
    fn decode(node: &Node, problems: &Problems) -> TsdbConfig {
        let mut fields = Fields::new(node, "config.plain", problems);
        let encoding = fields
            .take("chunk_encoding")
            .map(|node| {
                let mut fields = Fields::new(node, "config.ChunkEncodingConfig", problems);
                let floats = fields.string("floats");
                fields.finish();
                floats
            })
            .unwrap_or_default();
        if !matches!(encoding.as_str(), "" | "xor" | "xor2") {
            problems.invalid(format!(
                "'storage.tsdb.chunk_encoding.floats' must be 'xor' or 'xor2', or the field must be omitted \
                 entirely, got {encoding:?}"
            ));
        }
        let tsdb = TsdbConfig {
            out_of_order_time_window: fields.duration("out_of_order_time_window").unwrap_or_default(),
            stale_series_compaction_threshold: fields.float("stale_series_compaction_threshold"),
            float_chunk_encoding: encoding,
            retention: fields
                .take("retention")
                .map(|node| RetentionConfig::decode(node, problems))
                .unwrap_or_default(),
        };
        fields.finish();
        tsdb
    }

    fn to_yaml(&self) -> YamlMap {
        let mut encoding = YamlMap::default();
        encoding.some_text("floats", &self.float_chunk_encoding);
        let mut retention = YamlMap::default();
        retention
            .some_duration("time", self.retention.time)
            .some_bytes("size", self.retention.size_bytes)
            .some_number("percentage", self.retention.percentage);
        let mut map = YamlMap::default();
        map.some_duration("out_of_order_time_window", self.out_of_order_time_window)
            .some_number(
                "stale_series_compaction_threshold",
                self.stale_series_compaction_threshold,
            )
            .some_map("chunk_encoding", encoding)
            .some_map("retention", retention);
        map
    }
}

impl RetentionConfig {
    fn decode(node: &Node, problems: &Problems) -> RetentionConfig {
        let mut fields = Fields::new(node, "config.plain", problems);
        let retention = RetentionConfig {
            time: fields.duration("time").unwrap_or_default(),
            size_bytes: fields.bytes("size"),
            percentage: fields.float("percentage"),
        };
        fields.finish();
        if !(0.0..=100.0).contains(&retention.percentage) {
            problems.invalid(format!(
                "'storage.tsdb.retention.percentage' must be in the range [0, 100], got {}",
                retention.percentage
            ));
        }
        retention
    }
}

impl ExemplarsConfig {
    fn decode(node: &Node, problems: &Problems) -> ExemplarsConfig {
        let mut fields = Fields::new(node, "config.ExemplarsConfig", problems);
        let exemplars = ExemplarsConfig {
            max_exemplars: fields.int("max_exemplars").unwrap_or(0),
        };
        fields.finish();
        exemplars
    }
}

impl OtlpConfig {
    pub(crate) fn decode(node: &Node, problems: &Problems) -> OtlpConfig {
        let mut fields = Fields::new(node, "config.plain", problems);
        let otlp = OtlpConfig {
            promote_all_resource_attributes: fields.bool("promote_all_resource_attributes").unwrap_or(false),
            promote_resource_attributes: trimmed(fields.strings("promote_resource_attributes")),
            ignore_resource_attributes: trimmed(fields.strings("ignore_resource_attributes")),
            translation_strategy: fields.string_or("translation_strategy", DEFAULT_TRANSLATION),
            keep_identifying_resource_attributes: fields
                .bool("keep_identifying_resource_attributes")
                .unwrap_or(false),
            convert_histograms_to_nhcb: fields.bool("convert_histograms_to_nhcb").unwrap_or(false),
            promote_scope_metadata: fields.bool("promote_scope_metadata").unwrap_or(false),
            label_name_underscore_sanitization: fields
                .bool("label_name_underscore_sanitization")
                .unwrap_or(true),
            label_name_preserve_multiple_underscores: fields
                .bool("label_name_preserve_multiple_underscores")
                .unwrap_or(true),
        };
        fields.finish();
        if let Err(message) = otlp.validate() {
            problems.invalid(message);
        }
        otlp
    }

    /// Whether the strategy leaves names outside the legacy character set as they are.
    pub(crate) fn needs_utf8(&self) -> bool {
        matches!(
            self.translation_strategy.as_str(),
            "NoTranslation" | "NoUTF8EscapingWithSuffixes"
        )
    }

    fn validate(&self) -> Result<(), String> {
        if !self.needs_utf8()
            && !matches!(
                self.translation_strategy.as_str(),
                "" | DEFAULT_TRANSLATION | "UnderscoreEscapingWithoutSuffixes"
            )
        {
            return Err(format!(
                "unsupported OTLP translation strategy {:?}",
                self.translation_strategy
            ));
        }
        if self.promote_all_resource_attributes {
            if !self.promote_resource_attributes.is_empty() {
                return Err(
                    "'promote_all_resource_attributes' and 'promote_resource_attributes' cannot be \
                            configured simultaneously"
                        .to_owned(),
                );
            }
            check_attributes(&self.ignore_resource_attributes, "ignored")
                .map_err(|message| format!("invalid 'ignore_resource_attributes': {message}"))
        } else if !self.ignore_resource_attributes.is_empty() {
            Err(
                "'ignore_resource_attributes' cannot be configured unless 'promote_all_resource_attributes' is true"
                    .to_owned(),
            )
        } else {
            check_attributes(&self.promote_resource_attributes, "promoted")
                .map_err(|message| format!("invalid 'promote_resource_attributes': {message}"))
        }
    }

    pub(crate) fn to_yaml(&self) -> YamlMap {
        let mut map = YamlMap::default();
        map.some_bool(
            "promote_all_resource_attributes",
            self.promote_all_resource_attributes,
        )
        .some_texts("promote_resource_attributes", &self.promote_resource_attributes)
        .some_texts("ignore_resource_attributes", &self.ignore_resource_attributes)
        .some_text("translation_strategy", &self.translation_strategy)
        .some_bool(
            "keep_identifying_resource_attributes",
            self.keep_identifying_resource_attributes,
        )
        .some_bool("convert_histograms_to_nhcb", self.convert_histograms_to_nhcb)
        .some_bool("promote_scope_metadata", self.promote_scope_metadata)
        .bool(
            "label_name_underscore_sanitization",
            self.label_name_underscore_sanitization,
        )
        .bool(
            "label_name_preserve_multiple_underscores",
            self.label_name_preserve_multiple_underscores,
        );
        map
    }
}

fn trimmed(texts: Vec<String>) -> Vec<String> {
    texts.into_iter().map(|text| text.trim().to_owned()).collect()
}

fn check_attributes(attributes: &[String], adjective: &str) -> Result<(), String> {
    let mut seen = HashSet::new();
    for attribute in attributes {
        if attribute.is_empty() {
            return Err(format!("empty {adjective} OTel resource attribute"));
        }
        if !seen.insert(attribute) {
            return Err(format!(
                "duplicated {adjective} OTel resource attribute {attribute:?}"
            ));
        }
    }
    Ok(())
}

impl TracingConfig {
    pub(crate) fn decode(node: &Node, problems: &Problems) -> TracingConfig {
        let mut fields = Fields::new(node, "config.plain", problems);
        let tracing = TracingConfig {
            client_type: fields.string_or("client_type", "grpc"),
            endpoint: fields.string("endpoint"),
            sampling_fraction: fields.float("sampling_fraction"),
            insecure: fields.bool("insecure").unwrap_or(false),
            tls: fields
                .take("tls_config")
                .map(|node| TlsConfig::decode(node, problems))
                .unwrap_or_default(),
            headers: fields.string_map("headers"),
            compression: fields.string("compression"),
            timeout: fields.duration("timeout").unwrap_or_default(),
        };
        fields.finish();
        if let Err(message) = tracing.validate() {
            problems.invalid(message);
        }
        tracing
    }

    fn validate(&self) -> Result<(), String> {
        if !matches!(self.client_type.as_str(), "grpc" | "http") {
            return Err(format!(
                "expected tracing client type to be to be http or grpc, but got {}",
                self.client_type
            ));
        }
        for name in self.headers.keys() {
            let lower = name.to_lowercase();
            if lower == "authorization" {
                return Err("custom authorization header configuration is not yet supported".to_owned());
            }
            if is_reserved_header(&lower) {
                return Err(format!("{name} is a reserved header. It must not be changed"));
            }
        }
        if self.endpoint.is_empty() {
            return Err("tracing endpoint must be set".to_owned());
        }
        if !matches!(self.compression.as_str(), "" | "gzip") {
            return Err(format!(
                "invalid compression type {} provided, valid options: gzip",
                self.compression
            ));
        }
        Ok(())
    }

    pub(crate) fn to_yaml(&self) -> YamlMap {
        let mut map = YamlMap::default();
        map.text("client_type", &self.client_type)
            .text("endpoint", &self.endpoint)
            .some_number("sampling_fraction", self.sampling_fraction)
            .some_bool("insecure", self.insecure);
        if self.tls != TlsConfig::default() {
            map.put("tls_config", Yaml::Map(self.tls.to_yaml()));
        }
        map.some_map("headers", text_map(&self.headers))
            .some_text("compression", &self.compression)
            .some_duration("timeout", self.timeout);
        map
    }
}
