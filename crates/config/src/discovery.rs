//! Where targets come from.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use crate::ConfigError;
use crate::http::text_map;
use crate::yaml::{Fields, Node, Problems, Value, Yaml, YamlMap};

const SUFFIX: &str = "_sd_configs";
const FILE_REFRESH_INTERVAL: Duration = Duration::from_secs(300);

/// Mechanisms Prometheus has and this system will have.
const UNSUPPORTED: [&str; 36] = [
    "aws",
    "azure",
    "consul",
    "digitalocean",
    "dns",
    "docker",
    "dockerswarm",
    "ec2",
    "ecs",
    "elasticache",
    "eureka",
    "gce",
    "hetzner",
    "http",
    "ionos",
    "kubernetes",
    "kuma",
    "lightsail",
    "linode",
    "marathon",
    "msk",
    "nerve",
    "nomad",
    "oci",
    "openstack",
    "outscale",
    "ovhcloud",
    "puppetdb",
    "rds",
    "scaleway",
    "serverset",
    "stackit",
    "triton",
    "uyuni",
    "vultr",
    "zookeeper",
];

/// Discovery of one scrape job or one group of Alertmanagers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DiscoveryConfig {
    pub static_groups: Vec<TargetGroup>,
    pub files: Vec<FileDiscovery>,
}

/// Addresses that share labels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TargetGroup {
    pub targets: Vec<String>,
    pub labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDiscovery {
    /// Paths; the last component may hold `*`.
    pub patterns: Vec<String>,
    pub refresh_interval: Duration,
}

impl DiscoveryConfig {
    /// `owner` names the section in errors, such as `job "node"`.
    pub(crate) fn take(fields: &mut Fields<'_>, owner: &str) -> DiscoveryConfig {
        let problems = fields.problems;
        let discovery = DiscoveryConfig {
            static_groups: fields.sections(
                "static_configs",
                "empty or null section in static_configs",
                TargetGroup::decode,
            ),
            files: fields.sections(
                "file_sd_configs",
                "empty or null section in file_sd_configs",
                FileDiscovery::decode,
            ),
        };
        for (name, line, node) in fields.take_suffixed(SUFFIX) {
            let mechanism = name.trim_end_matches(SUFFIX);
            let is_empty = matches!(&node.value, Value::Null) || node.value == Value::List(Vec::new());
            if !UNSUPPORTED.contains(&mechanism) {
                problems.form(
                    line,
                    format!("field {name} not found in type config.ScrapeConfig"),
                );
            } else if !is_empty {
                problems.invalid(format!("{name} is not supported yet ({owner})"));
            }
        }
        discovery
    }

    /// Catches URLs given as addresses. Not called if relabelling may still repair them.
    pub(crate) fn check_addresses(&self, problems: &Problems) {
        for address in self.static_groups.iter().flat_map(|group| &group.targets) {
            if let Err(error) = check_target_address(address) {
                problems.meaning(error);
            }
        }
    }

    pub(crate) fn to_yaml(&self) -> YamlMap {
        let mut map = YamlMap::default();
        let groups = self.static_groups.iter().map(TargetGroup::to_yaml).collect();
        let files = self.files.iter().map(FileDiscovery::to_yaml).collect();
        map.some_list("static_configs", groups)
            .some_list("file_sd_configs", files);
        map
    }
}

/// Whether the text can be the `__address__` of a target.
pub fn check_target_address(address: &str) -> Result<(), ConfigError> {
    if address.contains('/') {
        return Err(ConfigError::Invalid(format!(
            "{address:?} is not a valid hostname"
        )));
    }
    Ok(())
}

impl TargetGroup {
    /// Reads the contents of a file of target groups: YAML, or JSON, which is YAML as well.
    pub fn parse_file(text: &str) -> Result<Vec<TargetGroup>, ConfigError> {
        let root = Node::parse(text)?;
        let problems = Problems::new(Path::new(""));
        let groups = problems.list(&root, "[]*targetgroup.Group", |node| {
            if node.is_null() {
                problems.invalid("nil target group item found");
            }
            Some(TargetGroup::decode(node, &problems))
        });
        problems.finish()?;
        Ok(groups)
    }

    fn decode(node: &Node, problems: &Problems) -> TargetGroup {
        let mut fields = Fields::new(
            node,
            "struct { Targets []string; Labels model.LabelSet }",
            problems,
        );
        let group = TargetGroup {
            targets: fields.strings("targets"),
            labels: fields.string_map("labels"),
        };
        fields.finish();
        for name in group.labels.keys() {
            if name.is_empty() {
                problems.invalid(format!("{name:?} is not a valid label name"));
            }
        }
        group
    }

    fn to_yaml(&self) -> Yaml {
        let mut map = YamlMap::default();
        map.put("targets", Yaml::texts(&self.targets))
            .some_map("labels", text_map(&self.labels));
        Yaml::Map(map)
    }
}

impl FileDiscovery {
    fn decode(node: &Node, problems: &Problems) -> FileDiscovery {
        let mut fields = Fields::new(node, "file.plain", problems);
        let patterns = fields.strings("files");
        let discovery = FileDiscovery {
            patterns: patterns.iter().map(|pattern| problems.resolve(pattern)).collect(),
            refresh_interval: fields
                .duration("refresh_interval")
                .unwrap_or(FILE_REFRESH_INTERVAL),
        };
        fields.finish();
        if patterns.is_empty() {
            problems.invalid("file service discovery config must contain at least one path name");
        }
        if let Some(pattern) = patterns.iter().find(|pattern| !is_valid_pattern(pattern)) {
            problems.invalid(format!("path name {pattern:?} is not valid for file discovery"));
        }
        discovery
    }

    fn to_yaml(&self) -> Yaml {
        let mut map = YamlMap::default();
        map.put("files", Yaml::texts(&self.patterns))
            .duration("refresh_interval", self.refresh_interval);
        Yaml::Map(map)
    }
}

/// A known extension, and `*` in the last component only.
fn is_valid_pattern(pattern: &str) -> bool {
    const EXTENSIONS: [&str; 6] = [".json", ".yml", ".yaml", ".JSON", ".YML", ".YAML"];
    let Some(stem) = EXTENSIONS
        .iter()
        .find_map(|extension| pattern.strip_suffix(extension))
    else {
        return false;
    };
    match stem.split_once('*') {
        Some((_, after)) => !after.contains('/'),
        None => true,
    }
}
