//! The scraper as a whole: jobs come and go with the configuration.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vigie_config::ScrapeConfig;
use vigie_model::{Labels, TenantId};

use crate::client::JobClient;
use crate::metrics::ScrapeMetrics;
use crate::pool::Pool;
use crate::{PoolStatus, SampleSink, ScraperError, TargetMetadata, TargetStatus};

/// How to scrape, whatever the targets.
#[derive(Debug, Clone)]
pub struct Options {
    /// The tenant that scraped samples belong to.
    pub tenant: TenantId,
    /// Shifts all offsets, so that several scrapers of the same targets do not coincide.
    pub offset_seed: u64,
    /// Bounds bodies of jobs that set no `body_size_limit`, and of those that set a higher one.
    pub max_body_bytes: u64,
    /// How often files of targets are looked at for changes.
    pub file_poll_interval: Duration,
    pub user_agent: String,
    /// What stands for a loopback host in the URLs shown to others.
    pub external_host: String,
    /// Exemplars are read and written.
    pub exemplars: bool,
    /// Start timestamps are read. `_created` lines of OpenMetrics are then no series.
    pub start_timestamps: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            tenant: TenantId::anonymous(),
            offset_seed: 0,
            max_body_bytes: 1 << 30,
            file_poll_interval: Duration::from_secs(5),
            user_agent: concat!("Vigie/", env!("CARGO_PKG_VERSION")).to_owned(),
            external_host: "localhost".to_owned(),
            exemplars: false,
            start_timestamps: false,
        }
    }
}

/// What pools and loops share.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) sink: Arc<dyn SampleSink>,
    pub(crate) metrics: Arc<ScrapeMetrics>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) tracker: TaskTracker,
    /// Random per process, so that no target can prepare colliding series.
    pub(crate) cache_seed: u64,
}

/// The running scraper; [`Service::run`] drives it to its end.
pub struct Service {
    shared: Arc<Shared>,
}

/// Controls the scraper and shows its state. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    pools: Arc<RwLock<BTreeMap<String, Arc<Pool>>>>,
    /// Configurations are applied one at a time.
    applying: Arc<tokio::sync::Mutex<()>>,
}

impl Service {
    /// A scraper without jobs; [`Handle::apply_config`] brings them. Registers its metrics.
    pub fn new(
        options: Options,
        sink: Arc<dyn SampleSink>,
        registry: &mut Registry,
        shutdown: CancellationToken,
    ) -> (Service, Handle) {
        let shared = Arc::new(Shared {
            options,
            sink,
            metrics: Arc::new(ScrapeMetrics::register(registry)),
            shutdown,
            tracker: TaskTracker::new(),
            cache_seed: RandomState::new().build_hasher().finish(),
        });
        let handle = Handle {
            shared: shared.clone(),
            pools: Arc::default(),
            applying: Arc::default(),
        };
        (Service { shared }, handle)
    }

    /// Returns once shutdown is asked for and every task has ended. Requests under way are dropped;
    /// what is being written is written to its end.
    pub async fn run(self) {
        self.shared.shutdown.cancelled().await;
        self.shared.tracker.close();
        self.shared.tracker.wait().await;
    }
}

impl Handle {
    /// Replaces the set of jobs. An error leaves everything as it was. Jobs that are the same as
    /// before are not touched; of changed ones, unchanged targets keep their loops and series.
    pub async fn apply_config(&self, jobs: &[Arc<ScrapeConfig>]) -> Result<(), ScraperError> {
        if self.shared.shutdown.is_cancelled() {
            return Err(ScraperError::ShuttingDown);
        }
        let _applying = self.applying.lock().await;
        let running = self.pools.read().clone();
        let changed: Vec<Arc<ScrapeConfig>> = jobs
            .iter()
            .filter(|job| {
                running
                    .get(&job.job_name)
                    .is_none_or(|pool| *pool.config() != ***job)
            })
            .cloned()
            .collect();
        let clients = self.build_clients(changed).await?;
        for pool in running.values() {
            if !jobs.iter().any(|job| job.job_name == pool.name()) {
                pool.stop();
                self.pools.write().remove(pool.name());
            }
        }
        for (job, client) in clients {
            match running.get(&job.job_name) {
                Some(pool) => pool.reload(job, client).await,
                None => {
                    let pool = Pool::new(self.shared.clone(), job, client);
                    self.pools.write().insert(pool.name().to_owned(), pool.clone());
                    pool.start().await;
                }
            }
        }
        Ok(())
    }

    /// Certificates are read from files, hence not on a thread that others wait for.
    async fn build_clients(
        &self,
        jobs: Vec<Arc<ScrapeConfig>>,
    ) -> Result<Vec<(Arc<ScrapeConfig>, Arc<JobClient>)>, ScraperError> {
        let user_agent = self.shared.options.user_agent.clone();
        let build = move || {
            jobs.into_iter()
                .map(|job| {
                    let client = JobClient::new(&job, &user_agent)?;
                    Ok((job, Arc::new(client)))
                })
                .collect::<Result<Vec<_>, _>>()
        };
        let clients = tokio::task::spawn_blocking(build)
            .await
            .unwrap_or(Err(ScraperError::ShuttingDown));
        if clients.is_err() {
            self.shared.metrics.pools_failed.inc();
            self.shared.metrics.pool_reloads_failed.inc();
        }
        clients
    }

    /// The names of all jobs, sorted.
    pub fn scrape_pools(&self) -> Vec<String> {
        self.pools.read().keys().cloned().collect()
    }

    /// All jobs with their active and dropped targets, sorted by name.
    pub fn pools(&self) -> Vec<PoolStatus> {
        self.snapshot().iter().map(|pool| pool.status()).collect()
    }

    /// All active targets.
    pub fn targets(&self) -> Vec<TargetStatus> {
        self.pools().into_iter().flat_map(|pool| pool.active).collect()
    }

    /// For each active target its labels and the metadata of its metrics, sorted by family.
    pub fn metadata(&self) -> Vec<(Labels, Vec<TargetMetadata>)> {
        self.snapshot().iter().flat_map(|pool| pool.metadata()).collect()
    }

    /// Scrapes every target at once, besides its schedule; returns when all is written.
    pub async fn run_once(&self) {
        for pool in self.snapshot() {
            pool.scrape_now().await;
        }
    }

    /// Looks for changed files of targets at once.
    pub async fn refresh_discovery(&self) {
        for pool in self.snapshot() {
            pool.refresh(false).await;
        }
    }

    fn snapshot(&self) -> Vec<Arc<Pool>> {
        self.pools.read().values().cloned().collect()
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle")
            .field("pools", &self.scrape_pools())
            .finish_non_exhaustive()
    }
}
