//! How a scraper finds a farm.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use serde::Serialize;
use vigie_workload::Millis;

use super::pages::Pages;

/// An element of what `file_sd_configs` and `http_sd_configs` read.
#[derive(Debug, Serialize)]
struct TargetGroup<'a> {
    targets: [String; 1],
    labels: BTreeMap<&'a str, String>,
}

/// The path of a target's page.
fn path(target: usize) -> String {
    format!("/targets/{target}/metrics")
}

/// The target of a path.
pub(super) fn target_of(path: &str) -> Option<usize> {
    let number = path.strip_prefix("/targets/")?.strip_suffix("/metrics")?;
    number.parse().ok()
}

/// All targets in the JSON of `file_sd_configs` and `http_sd_configs`: one address, a path for each target, and the
/// `instance` and `job` that its series have.
pub fn service_discovery(pages: &Pages, address: SocketAddr) -> serde_json::Result<String> {
    let groups = pages.targets().iter().enumerate().map(|(number, target)| {
        let own = target
            .labels
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()));
        TargetGroup {
            targets: [address.to_string()],
            labels: own.chain([("__metrics_path__", path(number))]).collect(),
        }
    });
    serde_json::to_string(&groups.collect::<Vec<_>>())
}

/// A scraper's configuration file that scrapes what `file_sd` lists, as Prometheus, VictoriaMetrics and Vigie read it.
pub fn scrape_config(file_sd: &Path, interval: Millis) -> String {
    // JSON's strings are YAML's too.
    let file = serde_json::Value::from(file_sd.display().to_string());
    format!(
        "global: {{scrape_interval: {interval}, scrape_timeout: {interval}}}\n\
         scrape_configs:\n  - job_name: farm\n    file_sd_configs: [{{files: [{file}]}}]\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_back() {
        assert_eq!(target_of(&path(17)), Some(17));
        assert_eq!(target_of("/targets//metrics"), None);
        assert_eq!(target_of("/metrics"), None);
    }
}
