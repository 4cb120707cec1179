//! Groups of targets from the configuration and from files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use vigie_config::{DiscoveryConfig, TargetGroup};

use crate::metrics::ScrapeMetrics;

const FILEPATH_LABEL: &str = "__meta_filepath";

/// Finds the target groups of one job. Blocking: files are read in the caller's thread.
#[derive(Debug)]
pub(crate) struct Discovery {
    config: DiscoveryConfig,
    files: BTreeMap<PathBuf, KnownFile>,
    last_full_read: Option<Instant>,
    metrics: Arc<ScrapeMetrics>,
}

/// What was read from a file, kept while the file cannot be read.
#[derive(Debug, Default)]
struct KnownFile {
    stamp: Option<Stamp>,
    groups: Vec<TargetGroup>,
}

/// A change of either means that the file must be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified_since_epoch: Duration,
    length_bytes: u64,
}

impl Discovery {
    pub(crate) fn new(config: DiscoveryConfig, metrics: Arc<ScrapeMetrics>) -> Discovery {
        Discovery {
            config,
            files: BTreeMap::new(),
            last_full_read: None,
            metrics,
        }
    }

    /// Whether anything can change without a new configuration.
    pub(crate) fn is_static(&self) -> bool {
        self.config.files.is_empty()
    }

    /// All groups as last found.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &TargetGroup> {
        let from_files = self.files.values().flat_map(|file| &file.groups);
        self.config.static_groups.iter().chain(from_files)
    }

    /// Looks for new, changed and removed files. Modification time and size tell whether a file is
    /// read again; after the refresh interval all are. Returns whether any group changed.
    pub(crate) fn refresh(&mut self) -> bool {
        if self.is_static() {
            return false;
        }
        let start = Instant::now();
        let refresh_interval = self
            .config
            .files
            .iter()
            .map(|files| files.refresh_interval)
            .min()
            .unwrap_or_default();
        let read_all = self
            .last_full_read
            .is_none_or(|last| start.duration_since(last) >= refresh_interval);
        if read_all {
            self.last_full_read = Some(start);
        }
        let present = self.list();
        let mut changed = self.forget_missing(&present);
        for path in present {
            changed |= self.refresh_file(path, read_all);
        }
        self.metrics
            .file_scan_duration
            .observe(start.elapsed().as_secs_f64());
        changed
    }

    fn list(&self) -> Vec<PathBuf> {
        let patterns = self.config.files.iter().flat_map(|files| &files.patterns);
        let mut paths = Vec::new();
        for pattern in patterns {
            match glob::glob(pattern) {
                Ok(found) => paths.extend(found.filter_map(Result::ok)),
                Err(error) => tracing::error!(glob = pattern, %error, "Error expanding glob"),
            }
        }
        paths.sort();
        paths.dedup();
        paths
    }

    fn forget_missing(&mut self, present: &[PathBuf]) -> bool {
        let count = self.files.len();
        let metrics = &self.metrics;
        self.files.retain(|path, _| {
            let keep = present.binary_search(path).is_ok();
            if !keep {
                metrics.remove_file(&path.to_string_lossy());
            }
            keep
        });
        self.files.len() < count
    }

    fn refresh_file(&mut self, path: PathBuf, read_anyway: bool) -> bool {
        let stamp = stamp(&path);
        let name = path.to_string_lossy().into_owned();
        let file = self.files.entry(path).or_default();
        if !read_anyway && stamp.is_some() && file.stamp == stamp {
            return false;
        }
        match read(Path::new(&name), &name) {
            Ok(groups) => {
                if let Some(stamp) = stamp {
                    let seconds = i64::try_from(stamp.modified_since_epoch.as_secs()).unwrap_or(i64::MAX);
                    self.metrics.set_file_mtime(&name, seconds);
                }
                file.stamp = stamp;
                let changed = file.groups != groups;
                file.groups = groups;
                changed
            }
            Err(error) => {
                // The stamp is noted, so that a bad file is reported once per change.
                file.stamp = stamp;
                self.metrics.file_read_errors.inc();
                tracing::error!(path = name, error, "Error reading file");
                false
            }
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    let modified = metadata.modified().ok()?;
    Some(Stamp {
        modified_since_epoch: modified.duration_since(UNIX_EPOCH).ok()?,
        length_bytes: metadata.len(),
    })
}

fn read(path: &Path, name: &str) -> Result<Vec<TargetGroup>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let mut groups = TargetGroup::parse_file(&text).map_err(|error| error.to_string())?;
    for group in &mut groups {
        group.labels.insert(FILEPATH_LABEL.to_owned(), name.to_owned());
    }
    Ok(groups)
}
