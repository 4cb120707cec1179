//! A target: labels before and after relabelling, where to ask, and how often.

use std::time::Duration;

use parking_lot::Mutex;
use reqwest::Url;
use vigie_config::{ScrapeConfig, TargetGroup, check_target_address};
use vigie_exposition::ExpositionOptions;
use vigie_model::{Labels, LabelsBuilder, format_duration_ms, parse_duration_ms};
use vigie_relabel::{Verdict, apply};
use xxhash_rust::xxh3::Xxh3;

use crate::Health;
use crate::metadata::MetadataStore;

const ADDRESS: &str = "__address__";
const SCHEME: &str = "__scheme__";
const METRICS_PATH: &str = "__metrics_path__";
const SCRAPE_INTERVAL: &str = "__scrape_interval__";
const SCRAPE_TIMEOUT: &str = "__scrape_timeout__";
const PARAM_PREFIX: &str = "__param_";
const META_PREFIX: &str = "__meta_";
const RESERVED_PREFIX: &str = "__";

/// Labels that switch the treatment of histograms for one target, and their names in errors.
const SWITCHES: [(&str, &str); 3] = [
    (
        "__convert_classic_histograms_to_nhcb__",
        "convert classic histograms to nhcb",
    ),
    (
        "__always_scrape_classic_histograms__",
        "always scrape classic histograms",
    ),
    ("__scrape_native_histograms__", "scrape native histograms"),
];

/// What distinguishes targets of a job: all labels after relabelling, and the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TargetId(u64);

#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) id: TargetId,
    /// Without `__` labels: what all series of the target get.
    pub(crate) labels: Labels,
    pub(crate) url: Url,
    /// The URL as shown, with a port that `Url` leaves out because it is the scheme's own.
    pub(crate) shown_url: String,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    /// How histograms are read; relabelling may have decided it.
    pub(crate) exposition: ExpositionOptions,
}

/// An address of a group after relabelling.
#[derive(Debug)]
pub(crate) enum Populated {
    Active { target: Target, discovered: Labels },
    Dropped { discovered: Labels },
}

/// The state of a target that others look at.
#[derive(Debug, Default)]
pub(crate) struct TargetState {
    pub(crate) last: Mutex<LastScrape>,
    pub(crate) metadata: Mutex<MetadataStore>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct LastScrape {
    pub(crate) health: Health,
    pub(crate) error: String,
    pub(crate) time_ms: Option<i64>,
    pub(crate) duration: Duration,
    pub(crate) series: usize,
}

impl Target {
    /// Relabels one address of a group. The error says why it can be no target.
    pub(crate) fn populate(
        config: &ScrapeConfig,
        address: &str,
        group: &TargetGroup,
    ) -> Result<Populated, String> {
        let mut labels = discovered_labels(config, address, group);
        let discovered = labels.build();
        if apply(&config.relabel_rules, &mut labels) == Verdict::Drop {
            return Ok(Populated::Dropped { discovered });
        }
        let address = labels.get(ADDRESS).to_owned();
        if address.is_empty() {
            return Err("no address".to_owned());
        }
        check_target_address(&address).map_err(|error| error.to_string())?;
        let (interval, timeout) = timing(&labels)?;
        let exposition = switches(config, &labels)?;
        labels.retain(|name| !name.starts_with(META_PREFIX));
        if labels.get("instance").is_empty() {
            labels.set("instance", address.as_str());
        }
        let all = labels.build();
        let url = url(config, &all)?;
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let target = Target {
            shown_url: format!("{}://{address}{}{query}", url.scheme(), url.path()),
            id: identify(&all, &url),
            labels: all.filter(|name| !name.starts_with(RESERVED_PREFIX)),
            url,
            interval,
            timeout,
            exposition,
        };
        Ok(Populated::Active { target, discovered })
    }

    /// The URL as seen from elsewhere.
    pub(crate) fn global_url(&self, external_host: &str) -> String {
        match self.url.host_str() {
            Some(host @ ("localhost" | "127.0.0.1" | "[::1]")) => {
                self.shown_url.replacen(host, external_host, 1)
            }
            _ => self.shown_url.clone(),
        }
    }

    /// How long from now until the target's moment in its interval. Targets spread over the
    /// interval by their hash; the seed lets several scrapers differ.
    pub(crate) fn offset(&self, now_since_epoch: Duration, seed: u64) -> Duration {
        let interval = self.interval.as_nanos().max(1);
        let until_next_multiple = interval - now_since_epoch.as_nanos() % interval;
        let own = u128::from(self.id.0 ^ seed) % interval;
        let next = (until_next_multiple + own) % interval;
        Duration::from_nanos(u64::try_from(next).unwrap_or(u64::MAX))
    }
}

/// The labels relabelling starts from. What the group says of a target yields to the target, and
/// the defaults of the job yield to both.
fn discovered_labels(config: &ScrapeConfig, address: &str, group: &TargetGroup) -> LabelsBuilder {
    let mut labels = LabelsBuilder::new();
    for (name, value) in &group.labels {
        labels.set(name, value.as_str());
    }
    labels.set(ADDRESS, address);
    let defaults = [
        ("job", config.job_name.clone()),
        (SCRAPE_INTERVAL, duration_text(config.scrape_interval)),
        (SCRAPE_TIMEOUT, duration_text(config.scrape_timeout)),
        (METRICS_PATH, config.metrics_path.clone()),
        (SCHEME, config.scheme.clone()),
        (
            SWITCHES[0].0,
            config.convert_classic_histograms_to_nhcb.to_string(),
        ),
        (SWITCHES[1].0, config.always_scrape_classic_histograms.to_string()),
        (SWITCHES[2].0, config.scrape_native_histograms.to_string()),
    ];
    for (name, value) in defaults {
        if labels.get(name).is_empty() {
            labels.set(name, value);
        }
    }
    for (name, values) in &config.params {
        let label = format!("{PARAM_PREFIX}{name}");
        if let (Some(value), "") = (values.first(), labels.get(&label)) {
            labels.set(&label, value.as_str());
        }
    }
    labels
}

fn timing(labels: &LabelsBuilder) -> Result<(Duration, Duration), String> {
    let read = |name: &str, what: &str| {
        let ms = parse_duration_ms(labels.get(name))
            .map_err(|error| format!("error parsing scrape {what}: {error}"))?;
        match u64::try_from(ms) {
            Ok(ms) if ms > 0 => Ok(Duration::from_millis(ms)),
            _ => Err(format!("scrape {what} cannot be 0")),
        }
    };
    let interval = read(SCRAPE_INTERVAL, "interval")?;
    let timeout = read(SCRAPE_TIMEOUT, "timeout")?;
    if timeout > interval {
        return Err(format!(
            "scrape timeout cannot be greater than scrape interval ({:?} > {:?})",
            labels.get(SCRAPE_TIMEOUT),
            labels.get(SCRAPE_INTERVAL)
        ));
    }
    Ok((interval, timeout))
}

/// A label that relabelling took away leaves the job's choice.
fn switches(config: &ScrapeConfig, labels: &LabelsBuilder) -> Result<ExpositionOptions, String> {
    let [convert, keep, native] = SWITCHES;
    Ok(ExpositionOptions {
        native: switch(labels, native, config.scrape_native_histograms)?,
        keep_classic: switch(labels, keep, config.always_scrape_classic_histograms)?,
        convert_classic: switch(labels, convert, config.convert_classic_histograms_to_nhcb)?,
        start_timestamps: false,
    })
}

fn switch(labels: &LabelsBuilder, (name, what): (&str, &str), default: bool) -> Result<bool, String> {
    match labels.get(name) {
        "" => Ok(default),
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        value => Err(format!(
            "error parsing {what}: strconv.ParseBool: parsing {value:?}: invalid syntax"
        )),
    }
}

fn url(config: &ScrapeConfig, labels: &Labels) -> Result<Url, String> {
    let get = |name| labels.get(name).unwrap_or_default();
    let mut url = Url::parse(&format!("{}://{}", get(SCHEME), get(ADDRESS)))
        .map_err(|error| format!("invalid target address {:?}: {error}", get(ADDRESS)))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("unsupported scheme {:?}", url.scheme()));
    }
    url.set_path(get(METRICS_PATH));
    let mut params = config.params.clone();
    for (name, value) in labels {
        if let Some(param) = name.strip_prefix(PARAM_PREFIX) {
            let values = params.entry(param.to_owned()).or_default();
            match values.first_mut() {
                Some(first) => value.clone_into(first),
                None => values.push(value.to_owned()),
            }
        }
    }
    if params.values().any(|values| !values.is_empty()) {
        let mut query = url.query_pairs_mut();
        for (name, values) in &params {
            for value in values {
                query.append_pair(name, value);
            }
        }
    }
    Ok(url)
}

fn identify(labels: &Labels, url: &Url) -> TargetId {
    let mut hasher = Xxh3::new();
    hasher.update(labels.as_packed());
    hasher.update(url.as_str().as_bytes());
    TargetId(hasher.digest())
}

fn duration_text(duration: Duration) -> String {
    format_duration_ms(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Populates the only target of a job given by the lines below its name; shows URL and labels,
    /// `dropped`, or the error.
    fn check(lines: &str, expected: &str) {
        let text = format!("scrape_configs:\n- job_name: node\n{lines}");
        let config = vigie_config::Config::load_str(&text, Path::new("")).unwrap();
        let job = &config.scrape_configs[0];
        let group = &job.discovery.static_groups[0];
        let shown = match Target::populate(job, &group.targets[0], group) {
            Ok(Populated::Active { target, .. }) => format!("{} {}", target.shown_url, target.labels),
            Ok(Populated::Dropped { .. }) => "dropped".to_owned(),
            Err(error) => error,
        };
        assert_eq!(shown, expected, "{lines}");
    }

    #[test]
    fn targets_are_populated_as_prometheus_does() {
        for (lines, expected) in [
            (
                "  static_configs: [{targets: ['a:1'], labels: {env: x, __meta_y: z, __tmp: 1}}]",
                r#"http://a:1/metrics {env="x", instance="a:1", job="node"}"#,
            ),
            (
                "  static_configs: [{targets: ['[::1]:80']}]",
                r#"http://[::1]:80/metrics {instance="[::1]:80", job="node"}"#,
            ),
            (
                "  scheme: https\n  metrics_path: /p\n  params: {m: [b c, d], e: []}\n  static_configs: [{targets: [a], labels: {job: own, __param_m: q}}]",
                r#"https://a/p?m=q&m=d {instance="a", job="own"}"#,
            ),
            (
                "  static_configs: [{targets: [a]}]\n  relabel_configs:\n  - {source_labels: [__address__], target_label: instance}\n  - {target_label: __address__, replacement: 'proxy:9'}\n  - {source_labels: [instance], target_label: __param_target}",
                r#"http://proxy:9/metrics?target=a {instance="a", job="node"}"#,
            ),
            (
                "  static_configs: [{targets: [a]}]\n  relabel_configs: [{source_labels: [job], regex: node, action: drop}]",
                "dropped",
            ),
            (
                "  static_configs: [{targets: [a]}]\n  relabel_configs: [{target_label: __address__, replacement: ''}]",
                "no address",
            ),
            (
                "  static_configs: [{targets: [a]}]\n  relabel_configs: [{target_label: __scrape_timeout__, replacement: '2m'}]",
                "scrape timeout cannot be greater than scrape interval (\"2m\" > \"1m\")",
            ),
            (
                "  static_configs: [{targets: [a]}]\n  relabel_configs: [{target_label: __scrape_interval__, replacement: x}]",
                "error parsing scrape interval: not a valid duration string: \"x\"",
            ),
            (
                "  static_configs: [{targets: [a]}]\n  relabel_configs: [{target_label: __scheme__, replacement: file}]",
                "unsupported scheme \"file\"",
            ),
            (
                "  static_configs: [{targets: [a], labels: {__scrape_native_histograms__: maybe}}]",
                "error parsing scrape native histograms: strconv.ParseBool: parsing \"maybe\": invalid syntax",
            ),
        ] {
            check(lines, expected);
        }
    }

    #[test]
    fn offsets_stay_within_the_interval_and_meet_the_same_moment() {
        let text = "scrape_configs: [{job_name: a, scrape_interval: 15s, static_configs: [{targets: [b]}]}]";
        let config = vigie_config::Config::load_str(text, Path::new("")).unwrap();
        let job = &config.scrape_configs[0];
        let Ok(Populated::Active { target, .. }) =
            Target::populate(job, "b", &job.discovery.static_groups[0])
        else {
            panic!("not active");
        };
        let mut moments = std::collections::HashSet::new();
        for now_ms in (1_000_000..1_100_000).step_by(777) {
            let now = Duration::from_millis(now_ms);
            let offset = target.offset(now, 42);
            assert!(offset < target.interval);
            moments.insert((now + offset).as_nanos() % target.interval.as_nanos());
        }
        assert_eq!(moments.len(), 1);
    }
}
