use serde::{Deserialize, Serialize};
use serde_json::Value;
use vigie_ledger::Verdict;

use crate::{Figure, LatencyHistogram, ReportError};

/// Rises when a reader of the older form would misread the newer.
pub const SCHEMA_VERSION: u32 = 1;

/// Everything a run, or a comparison of systems, has found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunResult {
    /// [`SCHEMA_VERSION`].
    pub schema: u32,
    pub title: String,
    /// When the run began, in RFC 3339.
    pub started: String,
    pub machine: Machine,
    pub scenario: Scenario,
    /// In the order in which they ran; a system that ran in several rounds is there once for each.
    pub systems: Vec<SystemRun>,
    /// What a reader has to know of the whole, unfavourable included.
    pub remarks: Vec<String>,
}

/// Where it ran.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    pub cpu_model: String,
    pub cores: u32,
    pub memory_bytes: u64,
    pub kernel: String,
    /// What is known of the disk under the data directories.
    pub disk: String,
    /// Load averages over 1, 5 and 15 minutes before the run began.
    pub load_before: [f64; 3],
}

/// What was asked for; with the seed, everything that is needed to run it again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub name: String,
    /// The scenario file as it is.
    pub text: String,
    pub seed: u64,
}

/// One system in one round.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemRun {
    /// The column it belongs to, with what tells variants apart, such as "Vigie, relaxed".
    pub system: String,
    pub version: String,
    /// From 1.
    pub round: u32,
    pub outcome: Outcome,
    /// What an acknowledged sample has survived when it is acknowledged.
    pub durability: String,
    pub settings: Vec<Setting>,
    pub totals: Totals,
    /// Time series, ascending.
    pub intervals: Vec<Interval>,
    /// From when a request was due to its acknowledgement.
    pub ack_latency: LatencyHistogram,
    pub queries: Vec<QueryResult>,
    /// CPU seconds the system spent while queries ran alone.
    pub query_cpu_seconds: Figure,
    /// Seconds from the kill to the first complete answer.
    pub restart_seconds: Figure,
    /// What the ledger found on reading everything back; absent if it was not asked.
    pub verdict: Option<Verdict>,
    pub generator: Generator,
    pub events: Vec<Event>,
    pub remarks: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    #[default]
    Finished,
    NotSupported,
    /// Why. What was measured before is kept, but no figure of it is compared.
    Failed(String),
}

/// A flag or a configuration value that is not the default, or that a reader may ask about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    pub name: String,
    pub value: String,
    pub reason: String,
}

/// Sums over the whole run, and what was measured once.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// From the first request to the last answer.
    pub elapsed_seconds: f64,
    pub active_series: u64,
    pub samples_sent: u64,
    pub samples_acked: u64,
    pub requests_acked: u64,
    pub requests_refused: u64,
    /// Timeouts, 5xx, lost connections.
    pub requests_failed: u64,
    /// Due, and never sent, because too many were waiting already.
    pub requests_missed: u64,
    /// Request bodies as they were sent.
    pub bytes_sent: u64,
    /// User and system time of all processes of the system, until the last answer, and until it came to rest.
    pub cpu_seconds: Figure,
    pub cpu_seconds_settled: Figure,
    pub resident_bytes_settled: Figure,
    pub resident_bytes_peak: Figure,
    /// All files below the data directory, after the system's own compaction.
    pub disk_bytes_settled: Figure,
    pub resident_bytes_after_restart: Figure,
}

/// What happened in a piece of time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Its end, since the run began.
    pub end_seconds: f64,
    pub length_seconds: f64,
    pub samples_acked: u64,
    /// Requests refused, failed and missed, and failed queries.
    pub errors: u64,
    /// Of the acknowledgements that came in it; absent if there were none.
    pub ack_p50_us: Option<u64>,
    pub ack_p99_us: Option<u64>,
    pub ack_p999_us: Option<u64>,
    pub queries: u64,
    pub query_p99_us: Option<u64>,
    /// CPU the system spent in it; absent if it was down.
    pub cpu_seconds: Option<f64>,
    /// At its end.
    pub resident_bytes: Option<u64>,
    pub disk_bytes: Option<u64>,
    pub generator_cpu_seconds: Option<f64>,
}

/// Something done to the system, such as a kill.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Since the run began.
    pub at_seconds: f64,
    pub what: String,
}

/// A query that was asked again and again.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryResult {
    /// The same in all systems.
    pub name: String,
    pub expr: String,
    /// Of answers that came; their number is the histogram's count.
    pub latency: LatencyHistogram,
    pub failed: u64,
    pub cpu_seconds: Figure,
    pub answers: Answers,
}

/// Whether answers were right.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answers {
    #[default]
    NotChecked,
    /// Which system or source of truth they equal, and how many were compared.
    Equal { to: String, checked: u64 },
    Differ {
        to: String,
        checked: u64,
        differing: u64,
        /// The first ones, in words.
        examples: Vec<String>,
    },
}

/// What the load tester itself cost while it drove this system.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    pub cpu_seconds: Figure,
    pub resident_bytes_peak: Figure,
}

impl RunResult {
    pub fn to_json(&self) -> Result<String, ReportError> {
        Ok(serde_json::to_string_pretty(self)?)
    }

    /// Refuses other schemas by their number, before a field of theirs confuses it.
    pub fn from_json(text: &str) -> Result<Self, ReportError> {
        let value: Value = serde_json::from_str(text)?;
        let found = value.get("schema").and_then(Value::as_u64).unwrap_or(0);
        if found != u64::from(SCHEMA_VERSION) {
            return Err(ReportError::Schema {
                found,
                expected: SCHEMA_VERSION,
            });
        }
        Ok(serde_json::from_value(value)?)
    }

    /// The names of the systems, each once, in the order in which they first ran.
    pub fn system_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for run in &self.systems {
            if !names.contains(&run.system.as_str()) {
                names.push(&run.system);
            }
        }
        names
    }
}
