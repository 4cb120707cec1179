//! The process itself.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::Serialize;
use tokio::sync::mpsc::Receiver;

use super::Notification;

/// The process behind the edge: its state, its configuration, its end.
#[async_trait]
pub trait Lifecycle: Send + Sync {
    fn readiness(&self) -> Readiness;

    /// What a process that is starting waits for, as one line without a full stop.
    fn waiting_for(&self) -> Option<String>;

    /// What of a process that is ready has stopped and needs a restart, as one line without a full stop.
    fn stopped(&self) -> Option<String>;

    /// Reads the configuration again. The error is shown to the caller.
    async fn reload(&self) -> Result<(), String>;

    /// Asks the process to end; returns at once.
    fn quit(&self);

    /// The configuration in force, secrets hidden.
    fn config_yaml(&self) -> String;

    /// Command line flags and their values.
    fn flags(&self) -> BTreeMap<String, String>;

    fn build_info(&self) -> BuildInfo;

    fn runtime_info(&self) -> RuntimeInfo;

    fn replay_status(&self) -> ReplayStatus;

    /// Feature flags by category.
    fn features(&self) -> BTreeMap<String, BTreeMap<String, bool>>;

    /// Those that are active, oldest first.
    fn notifications(&self) -> Vec<Notification>;

    /// The active notifications and all later ones; ends with the process. `None` if too many listen already.
    fn subscribe(&self) -> Option<Receiver<Notification>>;

    /// The process's own metrics as OpenMetrics text.
    fn metrics_text(&self) -> String;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    Starting,
    Ready,
    Stopping,
}

/// The body of status/buildinfo and `/version`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildInfo {
    /// A Prometheus version: clients choose features by it.
    pub version: String,
    pub revision: String,
    pub branch: String,
    pub build_user: String,
    pub build_date: String,
    /// Clients expect it to be there.
    pub go_version: String,
}

/// The body of status/runtimeinfo. The names of Go's world are kept; what has no counterpart is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuntimeInfo {
    pub start_time_ms: i64,
    pub working_directory: String,
    pub hostname: String,
    pub reload_config_success: bool,
    pub last_config_time_ms: i64,
    pub corruption_count: u64,
    pub threads: u64,
    /// The limit in force, as in `15d`.
    pub storage_retention: String,
}

/// How far the start is. Prometheus counts files of its log here, Vigie hundredths of the whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ReplayStatus {
    pub min: u64,
    pub max: u64,
    pub current: u64,
}
