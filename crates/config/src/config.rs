//! The whole file.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vigie_relabel::NameScheme;

use crate::yaml::{Fields, Node, Problems, Yaml, YamlMap};
use crate::{
    AlertingConfig, ConfigError, GlobalConfig, OtlpConfig, RemoteReadConfig, RemoteWriteConfig,
    RuntimeConfig, ScrapeConfig, ScrapeProtocol, StorageConfig, TracingConfig,
};

/// The job of the built-in configuration.
pub const SELF_SCRAPE_JOB: &str = "vigie";

/// Defaults that feature flags of the process change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Defaults {
    /// Targets are asked for protobuf first, which says most of a metric.
    pub prefers_protobuf: bool,
}

/// A validated configuration, defaults filled in, paths resolved.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    pub global: GlobalConfig,
    pub runtime: RuntimeConfig,
    /// Globs.
    pub rule_files: Vec<String>,
    /// Globs, as the previous ones.
    pub scrape_config_files: Vec<String>,
    /// The jobs of the file itself; [`Config::all_scrape_configs`] has the others as well.
    pub scrape_configs: Vec<Arc<ScrapeConfig>>,
    pub alerting: AlertingConfig,
    pub storage: StorageConfig,
    pub tracing: Option<TracingConfig>,
    pub remote_write: Vec<RemoteWriteConfig>,
    pub remote_read: Vec<RemoteReadConfig>,
    pub otlp: OtlpConfig,
}

impl Config {
    /// Reads a configuration. Relative paths in it are relative to `base_dir`.
    pub fn load_str(text: &str, base_dir: &Path) -> Result<Config, ConfigError> {
        Config::load_str_with(text, base_dir, Defaults::default())
    }

    /// As [`Config::load_str`], with other defaults.
    pub fn load_str_with(text: &str, base_dir: &Path, defaults: Defaults) -> Result<Config, ConfigError> {
        let root = Node::parse(text)?;
        let problems = Problems::new(base_dir);
        let config = Config::decode(&root, defaults, &problems);
        problems.finish()?;
        Ok(config)
    }

    /// Reads a file; relative paths in it are relative to its folder.
    pub fn load_file(path: &Path, defaults: Defaults) -> Result<Config, ConfigError> {
        let text = read(path)?;
        Config::load_str_with(&text, folder(path), defaults).map_err(|source| ConfigError::File {
            path: path.to_owned(),
            source: Box::new(source),
        })
    }

    /// The configuration of a process that was given none: it scrapes itself.
    pub fn default_self_scrape(
        listen_address: SocketAddr,
        defaults: Defaults,
    ) -> Result<Config, ConfigError> {
        let host = match listen_address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => "127.0.0.1".to_owned(),
            IpAddr::V6(ip) if ip.is_unspecified() => "[::1]".to_owned(),
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let port = listen_address.port();
        let text = format!(
            "global:\n  scrape_interval: 15s\n  evaluation_interval: 15s\nscrape_configs:\n\
             - job_name: {SELF_SCRAPE_JOB}\n  static_configs:\n  - targets: ['{host}:{port}']\n"
        );
        Config::load_str_with(&text, Path::new(""), defaults)
    }

    /// All jobs, those of `scrape_config_files` included, which are read now.
    pub fn all_scrape_configs(&self) -> Result<Vec<Arc<ScrapeConfig>>, ConfigError> {
        let mut jobs = self.scrape_configs.clone();
        let mut origins: HashMap<String, String> = jobs
            .iter()
            .map(|job| (job.job_name.clone(), "main config file".to_owned()))
            .collect();
        for pattern in &self.scrape_config_files {
            for path in expand_glob(pattern)? {
                let included = |source| ConfigError::Included {
                    path: path.clone(),
                    source: Box::new(source),
                };
                for job in self.read_scrape_configs(&path).map_err(included)? {
                    if let Some(origin) = origins.get(&job.job_name) {
                        return Err(included(ConfigError::Invalid(format!(
                            "found multiple scrape configs with job name {:?}, first found in {origin}",
                            job.job_name
                        ))));
                    }
                    origins.insert(job.job_name.clone(), format!("{path:?}"));
                    jobs.push(Arc::new(job));
                }
            }
        }
        Ok(jobs)
    }

    /// The configuration as Prometheus shows it: defaults filled in, secrets hidden.
    pub fn to_yaml(&self) -> String {
        let mut map = YamlMap::default();
        map.put("global", Yaml::Map(self.global.to_yaml()))
            .put("runtime", Yaml::Map(self.runtime.to_yaml()))
            .some_map("alerting", self.alerting.to_yaml())
            .some_texts("rule_files", &self.rule_files)
            .some_texts("scrape_config_files", &self.scrape_config_files);
        let jobs = self.scrape_configs.iter().map(|job| Yaml::Map(job.to_yaml()));
        let writes = self.remote_write.iter().map(|write| Yaml::Map(write.to_yaml()));
        let reads = self.remote_read.iter().map(|read| Yaml::Map(read.to_yaml()));
        map.some_list("scrape_configs", jobs.collect())
            .some_map("storage", self.storage.to_yaml());
        if let Some(tracing) = &self.tracing {
            map.put("tracing", Yaml::Map(tracing.to_yaml()));
        }
        map.some_list("remote_write", writes.collect())
            .some_list("remote_read", reads.collect())
            .put("otlp", Yaml::Map(self.otlp.to_yaml()));
        map.to_text()
    }

    fn decode(root: &Node, defaults: Defaults, problems: &Problems) -> Config {
        let mut fields = Fields::new(root, "config.plain", problems);
        let mut global = fields
            .take("global")
            .filter(|node| !node.is_null())
            .map(|node| GlobalConfig::decode(node, problems))
            .unwrap_or_default();
        if defaults.prefers_protobuf && global.scrape_protocols.is_none() {
            global.scrape_protocols = Some(ScrapeProtocol::protobuf_first());
        }
        let names = global.name_scheme;
        let config = Config {
            runtime: fields
                .take("runtime")
                .map(|node| RuntimeConfig::decode(node, problems))
                .unwrap_or_default(),
            rule_files: take_globs(&mut fields, "rule_files", "rule"),
            scrape_config_files: take_globs(&mut fields, "scrape_config_files", "scrape config"),
            scrape_configs: take_jobs(&mut fields, &global)
                .into_iter()
                .map(Arc::new)
                .collect(),
            alerting: fields
                .take("alerting")
                .map(|node| AlertingConfig::decode(node, names, problems))
                .unwrap_or_default(),
            storage: fields
                .take("storage")
                .map(|node| StorageConfig::decode(node, problems))
                .unwrap_or_default(),
            tracing: fields
                .take("tracing")
                .filter(|node| !node.is_null())
                .map(|node| TracingConfig::decode(node, problems)),
            remote_write: fields.sections(
                "remote_write",
                "empty or null remote write config section",
                |node, problems| RemoteWriteConfig::decode(node, names, problems),
            ),
            remote_read: fields.sections(
                "remote_read",
                "empty or null remote read config section",
                RemoteReadConfig::decode,
            ),
            otlp: fields
                .take("otlp")
                .filter(|node| !node.is_null())
                .map(|node| OtlpConfig::decode(node, problems))
                .unwrap_or_default(),
            global,
        };
        fields.finish();
        config.check(problems);
        config
    }

    /// What concerns several sections.
    fn check(&self, problems: &Problems) {
        if let Some(name) = duplicate(self.scrape_configs.iter().map(|job| job.job_name.as_str())) {
            problems.invalid(format!("found multiple scrape configs with job name {name:?}"));
        }
        if let Some(name) = duplicate(self.remote_write.iter().map(|write| write.name.as_str())) {
            problems.invalid(format!(
                "found multiple remote write configs with job name {name:?}"
            ));
        }
        if let Some(name) = duplicate(self.remote_read.iter().map(|read| read.name.as_str())) {
            problems.invalid(format!(
                "found multiple remote read configs with job name {name:?}"
            ));
        }
        if self.otlp.needs_utf8() && self.global.name_scheme == NameScheme::Legacy {
            problems.invalid(format!(
                "OTLP translation strategy {:?} is not allowed when UTF8 is disabled",
                self.otlp.translation_strategy
            ));
        }
    }

    fn read_scrape_configs(&self, path: &Path) -> Result<Vec<ScrapeConfig>, ConfigError> {
        let root = Node::parse(&read(path)?)?;
        let problems = Problems::new(folder(path));
        let mut fields = Fields::new(&root, "config.ScrapeConfigs", &problems);
        let jobs = take_jobs(&mut fields, &self.global);
        fields.finish();
        problems.finish()?;
        Ok(jobs)
    }
}

fn take_jobs(fields: &mut Fields<'_>, global: &GlobalConfig) -> Vec<ScrapeConfig> {
    fields.sections(
        "scrape_configs",
        "empty or null scrape config section",
        |node, problems| ScrapeConfig::decode(node, global, problems),
    )
}

fn take_globs(fields: &mut Fields<'_>, name: &str, what: &str) -> Vec<String> {
    let problems = fields.problems;
    fields
        .strings(name)
        .iter()
        .map(|pattern| {
            let stars_in_folders = pattern
                .split_once('*')
                .is_some_and(|(_, after)| after.contains('/'));
            if stars_in_folders {
                problems.invalid(format!("invalid {what} file path {pattern:?}"));
            }
            problems.resolve(pattern)
        })
        .collect()
}

/// The first name given twice; empty names do not count.
fn duplicate<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = std::collections::HashSet::new();
    names
        .into_iter()
        .find(|name| !name.is_empty() && !seen.insert(*name))
}

fn expand_glob(pattern: &str) -> Result<Vec<PathBuf>, ConfigError> {
    let paths = glob::glob(pattern).map_err(|error| {
        ConfigError::Invalid(format!(
            "error retrieving scrape config files for {pattern:?}: {error}"
        ))
    })?;
    // A folder that cannot be read holds no files, as with Go's filepath.Glob.
    Ok(paths.filter_map(Result::ok).collect())
}

pub(crate) fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new(""))
}

#[cfg(test)]
mod tests;
