//! The process as the HTTP edge sees it: ready or not, configured, reloadable.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Mutex;
use tokio::sync::mpsc::Receiver;
use tokio_util::sync::CancellationToken;
use vigie_api::{BuildInfo, Lifecycle, Notification, Readiness, ReplayStatus, RuntimeInfo};
use vigie_config::Config;
use vigie_ingester::{Ingester, StartProgress};
use vigie_model::format_duration_ms;
use vigie_runtime::{Clock, Metrics, SystemClock, with_causes};

use crate::adapters::QueryLog;
use crate::features;
use crate::notifications::{self, Notifications};
use crate::role::Role;
use crate::settings::Settings;

/// Clients choose features by the version of Prometheus that an API claims to be.
const PROMETHEUS_VERSION: &str = "3.14.0";

/// What has to happen when the configuration changes.
#[async_trait]
pub(crate) trait Reconfigure: Send + Sync {
    async fn apply(&self, config: &Config) -> Result<(), String>;
}

pub(crate) struct Process {
    settings: Settings,
    metrics: Metrics,
    config: ArcSwap<Config>,
    readiness: AtomicU8,
    /// Followed only by a process with an ingester.
    start_progress: Arc<StartProgress>,
    /// Once it is open.
    ingester: OnceLock<Arc<Ingester>>,
    started_ms: i64,
    last_reload_ms: AtomicI64,
    last_reload_succeeded: AtomicBool,
    shutdown: CancellationToken,
    /// Also keeps reloads one after the other.
    reconfigure: Mutex<Option<Arc<dyn Reconfigure>>>,
    reload_success: Gauge,
    reload_seconds: Gauge,
    notifications: Notifications,
    query_log: Arc<QueryLog>,
}

impl Process {
    pub(crate) fn new(
        settings: Settings,
        config: Config,
        metrics: Metrics,
        shutdown: CancellationToken,
    ) -> Process {
        let now_ms = SystemClock.now_ms();
        let gauge = |name, help| metrics.register(name, help, Gauge::default());
        let reload_success = gauge(
            "prometheus_config_last_reload_successful",
            "Whether the last configuration reload attempt was successful",
        );
        let reload_seconds = gauge(
            "prometheus_config_last_reload_success_timestamp_seconds",
            "Timestamp of the last successful configuration reload",
        );
        reload_success.set(1);
        reload_seconds.set(now_ms / 1000);
        let notifications = Notifications::new(settings.max_notification_listeners);
        notifications.begin(notifications::STARTING, now_ms);
        Process {
            notifications,
            query_log: Arc::default(),
            config: ArcSwap::from_pointee(config),
            readiness: AtomicU8::new(STARTING),
            start_progress: Arc::default(),
            ingester: OnceLock::new(),
            started_ms: now_ms,
            last_reload_ms: AtomicI64::new(now_ms),
            last_reload_succeeded: AtomicBool::new(true),
            reconfigure: Mutex::new(None),
            reload_success,
            reload_seconds,
            settings,
            metrics,
            shutdown,
        }
    }

    pub(crate) async fn on_reload(&self, reconfigure: Arc<dyn Reconfigure>) {
        *self.reconfigure.lock().await = Some(reconfigure);
    }

    /// Shards that stop show in readiness from now on.
    pub(crate) fn watch_shards(&self, ingester: &Arc<Ingester>) {
        let _ = self.ingester.set(Arc::clone(ingester));
    }

    pub(crate) fn set_ready(&self) {
        self.readiness.store(READY, Ordering::Release);
        self.notifications.end(notifications::STARTING);
    }

    pub(crate) fn set_stopping(&self) {
        self.readiness.store(STOPPING, Ordering::Release);
        self.notifications
            .begin(notifications::STOPPING, SystemClock.now_ms());
        self.notifications.close();
    }

    pub(crate) fn query_log(&self) -> Arc<QueryLog> {
        Arc::clone(&self.query_log)
    }

    pub(crate) fn start_progress(&self) -> Arc<StartProgress> {
        Arc::clone(&self.start_progress)
    }

    pub(crate) fn config(&self) -> Arc<Config> {
        self.config.load_full()
    }

    async fn try_reload(&self) -> Result<(), String> {
        let Some(path) = &self.settings.config_file else {
            return Ok(());
        };
        let reconfigure = self.reconfigure.lock().await;
        let defaults = self.settings.features.config_defaults();
        let config = Config::load_file(path, defaults).map_err(|error| with_causes(&error))?;
        if let Some(reconfigure) = reconfigure.as_ref() {
            reconfigure.apply(&config).await?;
        }
        self.query_log
            .configure(&config.global.query_log_file)
            .map_err(|error| format!("open the query log: {error}"))?;
        self.config.store(Arc::new(config));
        Ok(())
    }
}

const STARTING: u8 = 0;
const READY: u8 = 1;
const STOPPING: u8 = 2;

#[async_trait]
impl Lifecycle for Process {
    fn readiness(&self) -> Readiness {
        match self.readiness.load(Ordering::Acquire) {
            READY => Readiness::Ready,
            STOPPING => Readiness::Stopping,
            _ => Readiness::Starting,
        }
    }

    fn waiting_for(&self) -> Option<String> {
        let starting = self.settings.roles.has(Role::Ingester) && self.readiness() == Readiness::Starting;
        starting.then(|| self.start_progress.waiting_for()).flatten()
    }

    fn stopped(&self) -> Option<String> {
        self.ingester.get()?.stopped_shard()
    }

    async fn reload(&self) -> Result<(), String> {
        let outcome = self.try_reload().await;
        self.last_reload_succeeded
            .store(outcome.is_ok(), Ordering::Relaxed);
        self.reload_success.set(i64::from(outcome.is_ok()));
        match &outcome {
            Ok(()) => {
                self.notifications.end(notifications::RELOAD_FAILED);
                let now_ms = SystemClock.now_ms();
                self.last_reload_ms.store(now_ms, Ordering::Relaxed);
                self.reload_seconds.set(now_ms / 1000);
                tracing::info!("configuration reloaded");
            }
            Err(error) => {
                self.notifications
                    .begin(notifications::RELOAD_FAILED, SystemClock.now_ms());
                tracing::error!(%error, "reload the configuration; the previous one stays in force")
            }
        }
        outcome
    }

    fn quit(&self) {
        self.shutdown.cancel();
    }

    fn config_yaml(&self) -> String {
        self.config.load().to_yaml()
    }

    fn flags(&self) -> BTreeMap<String, String> {
        self.settings.shown_flags.clone()
    }

    fn build_info(&self) -> BuildInfo {
        BuildInfo {
            version: PROMETHEUS_VERSION.to_owned(),
            revision: format!("vigie-{}", env!("CARGO_PKG_VERSION")),
            branch: String::new(),
            build_user: String::new(),
            build_date: String::new(),
            go_version: String::new(),
        }
    }

    fn runtime_info(&self) -> RuntimeInfo {
        RuntimeInfo {
            start_time_ms: self.started_ms,
            working_directory: std::env::current_dir()
                .map_or_else(|_| String::new(), |dir| dir.display().to_string()),
            hostname: std::fs::read_to_string("/proc/sys/kernel/hostname")
                .unwrap_or_default()
                .trim()
                .to_owned(),
            reload_config_success: self.last_reload_succeeded.load(Ordering::Relaxed),
            last_config_time_ms: self.last_reload_ms.load(Ordering::Relaxed),
            corruption_count: 0,
            threads: std::fs::read_dir("/proc/self/task").map_or(0, |tasks| tasks.count() as u64),
            storage_retention: format_duration_ms(self.settings.retention_ms),
        }
    }

    fn replay_status(&self) -> ReplayStatus {
        if !self.settings.roles.has(Role::Ingester) {
            return ReplayStatus::default();
        }
        ReplayStatus {
            min: 0,
            max: 100,
            current: self.start_progress.percent().into(),
        }
    }

    fn features(&self) -> BTreeMap<String, BTreeMap<String, bool>> {
        features::shown(&self.settings)
    }

    fn notifications(&self) -> Vec<Notification> {
        self.notifications.active()
    }

    fn subscribe(&self) -> Option<Receiver<Notification>> {
        self.notifications.listen()
    }

    fn metrics_text(&self) -> String {
        self.metrics.encode_openmetrics()
    }
}
