use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use vigie_systems::faults::Schedule;
use vigie_workload::{Millis, Protocol, WorkloadSpec};

use super::query::{QueryGroup, When};

/// One scenario: data, how they are sent, what is asked meanwhile and afterwards, what goes wrong, and what is proven.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The name of the file without its ending.
    pub name: String,
    /// What the scenario shows, in a sentence or two.
    pub about: String,
    /// Whose workload this is, and in what ours differs from it.
    #[serde(default)]
    pub origin: Option<String>,
    /// The data that are sent by remote write; absent if the server scrapes them itself.
    #[serde(default)]
    pub workload: Option<WorkloadSpec>,
    /// Makes the workload's recordings that are not there, of this machine's node_exporter, at the workload's interval.
    #[serde(default)]
    pub record: Option<RecordSpec>,
    /// How `workload` is sent.
    #[serde(default)]
    pub send: SendSpec,
    /// Targets that the server scrapes; instead of `workload`.
    #[serde(default)]
    pub scrape: Option<ScrapeSpec>,
    /// What is asked, while data come in or afterwards.
    #[serde(default)]
    pub queries: Vec<QueryGroup>,
    /// What goes wrong, and how many seconds after the start of the live part; the system is called `server`.
    #[serde(default)]
    pub faults: Schedule,
    /// The size of the disk that a `fill-disk` fault fills. Default 1024.
    #[serde(default = "one_gib")]
    pub disk_mib: u64,
    /// How far behind the newest sample of a series the server must accept samples. Default 0.
    #[serde(default = "zero")]
    pub out_of_order_window: Millis,
    /// Kill the server with `kill -9` at the end, and time its restart until the first full answer. Default false.
    #[serde(default)]
    pub restart: bool,
    /// Before memory and disk are measured: `compact` (default), wait for the server's own compaction or have it
    /// compact; `rest`, only wait until it uses next to no CPU.
    #[serde(default)]
    pub settle: SettleSpec,
    /// What of the ledger is read back. Default `all`.
    #[serde(default)]
    pub verify: VerifySpec,
    /// More arguments, by system; they appear among its settings.
    #[serde(default)]
    pub args: BTreeMap<String, Vec<String>>,
    /// Systems that cannot take part, with the reason; `compare` leaves them out and says why.
    #[serde(default)]
    pub without: BTreeMap<String, String>,
}

fn one_gib() -> u64 {
    1024
}

fn zero() -> Millis {
    Millis(0)
}

/// How requests are sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SendSpec {
    /// `open`, by the workload's timetable (default), or `closed`, as fast as answers come.
    pub mode: SendMode,
    /// For `open`: seconds of the timetable that pass in a second. Default 1.
    pub speed: f64,
    /// For `open`: a request that has been due for so long is dropped and counted as missed. Default 30s.
    pub queue: Millis,
    /// An attempt without an answer ends after this time. Default 30s, as Prometheus has it.
    pub timeout: Millis,
    /// Attempts at one request end after this time. Default 5m.
    pub give_up: Millis,
}

impl Default for SendSpec {
    fn default() -> Self {
        Self {
            mode: SendMode::Open,
            speed: 1.0,
            queue: Millis(30_000),
            timeout: Millis(30_000),
            give_up: Millis(300_000),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SendMode {
    #[default]
    Open,
    Closed,
}

/// Targets served by the load tester.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScrapeSpec {
    /// What each target shows; `interval` is the scrape interval, `rounds` how often each is scraped.
    pub workload: WorkloadSpec,
}

/// A recording of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordSpec {
    /// At least 10; better an hour's.
    pub scrapes: u64,
}

/// What is waited for before memory and disk are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SettleSpec {
    #[default]
    Compact,
    Rest,
}

/// What of the ledger is read back after the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerifySpec {
    /// Every sample of every series, and that nothing else is there.
    #[default]
    All,
    /// Nothing: for runs that are too large to be read back. The report says so.
    Nothing,
}

/// A scenario that comes with the program.
#[derive(Debug, Clone, Copy)]
pub struct Builtin {
    pub name: &'static str,
    pub text: &'static str,
}

macro_rules! builtins {
    ($($name:literal),* $(,)?) => {
        &[$(Builtin {
            name: $name,
            text: include_str!(concat!("../../../scenarios/", $name, ".yaml")),
        }),*]
    };
}

/// All scenarios of `loadtest/scenarios`.
pub const fn builtin() -> &'static [Builtin] {
    builtins![
        "avalanche",
        "bench",
        "churn-10",
        "dashboards-24h",
        "engine-1h",
        "engine-24h",
        "exposition",
        "faults-disk",
        "faults-kill",
        "faults-network",
        "ha-pairs",
        "labels-1m",
        "mimir-k6",
        "noisy-tenant",
        "out-of-order",
        "prombench",
        "prometheus-benchmark",
        "recorded-24h",
        "remote-write-2",
        "restart-1m",
        "rules-200",
        "smoke",
        "steady-1m",
        "steady-200k",
        "tsbs-devops",
    ]
}

/// Reads a scenario by the name of a builtin one, or by the path of a file; also returns the text.
pub fn load(name_or_path: &str) -> Result<(Scenario, String)> {
    let text = match builtin().iter().find(|builtin| builtin.name == name_or_path) {
        Some(builtin) => builtin.text.to_owned(),
        None => {
            let path = PathBuf::from(name_or_path);
            if !path.exists() && !name_or_path.contains(['/', '.']) {
                let names: Vec<&str> = builtin().iter().map(|builtin| builtin.name).collect();
                bail!(
                    "there is no scenario {name_or_path:?}; there are {}, or give the path of a file",
                    names.join(", ")
                );
            }
            std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?
        }
    };
    let scenario = Scenario::parse(&text).with_context(|| format!("scenario {name_or_path}"))?;
    if let Some(stem) = Path::new(name_or_path).file_stem().and_then(|stem| stem.to_str()) {
        ensure!(
            scenario.name == stem,
            "scenario {name_or_path}: `name` is {:?}; make it {stem:?}, as the file is called",
            scenario.name
        );
    }
    Ok((scenario, text))
}

impl Scenario {
    pub fn parse(text: &str) -> Result<Self> {
        let scenario: Self = serde_saphyr::from_str(text).context("read the YAML")?;
        scenario.validate()?;
        Ok(scenario)
    }

    fn validate(&self) -> Result<()> {
        ensure!(
            !self.about.trim().is_empty(),
            "`about` is empty; say what the scenario shows"
        );
        match (&self.workload, &self.scrape) {
            (Some(workload), None) => workload.validate()?,
            (None, Some(scrape)) => {
                scrape.workload.validate().context("scrape")?;
                ensure!(
                    scrape.workload.rounds.is_some(),
                    "`scrape.workload.rounds` is missing; say how often each target is scraped"
                );
                ensure!(
                    self.faults.is_empty() && self.queries.is_empty() && !self.restart,
                    "`scrape` does not go together with `faults`, `queries` or `restart`: each server scrapes at \
                     times of its own"
                );
            }
            (Some(_), Some(_)) => bail!("`workload` and `scrape` exclude each other"),
            (None, None) => bail!("`workload` is missing (or `scrape`, if the server collects the data)"),
        }
        if let Some(record) = &self.record {
            ensure!(
                (10..=100_000).contains(&record.scrapes),
                "`record.scrapes` is {}; it must be between 10 and 100000",
                record.scrapes
            );
        }
        let send = &self.send;
        ensure!(
            send.speed > 0.0 && send.speed <= 10_000.0,
            "`send.speed` is {}; it must be above 0 and at most 10000",
            send.speed
        );
        for (name, value) in [
            ("queue", send.queue),
            ("timeout", send.timeout),
            ("give_up", send.give_up),
        ] {
            ensure!(value.0 > 0, "`send.{name}` must be longer than 0");
        }
        for group in &self.queries {
            group
                .validate()
                .with_context(|| format!("`queries`: {}", group.name))?;
            ensure!(
                group.when == When::After || send.mode == SendMode::Open || self.workload.is_none(),
                "`queries`: {} asks while data come in, which needs `send.mode: open`: in a closed loop there is no \
                 timetable to ask by",
                group.name
            );
        }
        for name in self.without.keys().chain(self.args.keys()) {
            name.parse::<vigie_systems::SystemKind>()
                .context("`without` or `args` names a system that is not known")?;
        }
        Ok(())
    }

    /// What is sent or scraped.
    pub fn data(&self) -> Result<&WorkloadSpec> {
        self.workload
            .as_ref()
            .or(self.scrape.as_ref().map(|scrape| &scrape.workload))
            .context("a scenario without data")
    }

    pub fn data_mut(&mut self) -> Result<&mut WorkloadSpec> {
        self.workload
            .as_mut()
            .or(self.scrape.as_mut().map(|scrape| &mut scrape.workload))
            .context("a scenario without data")
    }

    /// Time that the data span.
    pub fn data_span_ms(&self) -> Option<i64> {
        let data = self.data().ok()?;
        i64::try_from(data.rounds?).ok()?.checked_mul(data.interval.0)
    }

    /// Whether requests are remote write 2.0.
    pub fn is_v2(&self) -> bool {
        self.workload
            .as_ref()
            .is_some_and(|workload| workload.protocol == Protocol::V2)
    }
}
