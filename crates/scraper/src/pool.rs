//! The targets of one job.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use vigie_config::{ScrapeConfig, TargetGroup};
use vigie_model::Labels;

use crate::client::JobClient;
use crate::discovery::Discovery;
use crate::sample_labels::SampleRules;
use crate::scrape_loop::{LoopContext, LoopInputs, ScrapeLoop, ScrapeNow};
use crate::service::Shared;
use crate::target::{Populated, Target, TargetId, TargetState};
use crate::{DroppedTarget, PoolStatus, ScrapeError, TargetMetadata, TargetStatus};

/// A job's discovery and its running targets. Dropping it does not stop them; [`Pool::stop`] does.
pub(crate) struct Pool {
    name: String,
    shared: Arc<Shared>,
    /// Held while groups are looked for and turned into targets, so that an older finding cannot
    /// overwrite a newer one.
    discovery: tokio::sync::Mutex<Arc<Mutex<Discovery>>>,
    targets: Mutex<Targets>,
    stopped: CancellationToken,
}

struct Targets {
    config: Arc<ScrapeConfig>,
    client: Arc<JobClient>,
    active: BTreeMap<TargetId, ActiveTarget>,
    /// Removed targets that wait to mark their end, and how to call that off.
    retiring: HashMap<TargetId, CancellationToken>,
    dropped: Vec<Labels>,
    dropped_count: usize,
}

struct ActiveTarget {
    target: Arc<Target>,
    discovered: Labels,
    state: Arc<TargetState>,
    context: watch::Sender<Arc<LoopContext>>,
    scrape_now: mpsc::Sender<ScrapeNow>,
    removed: CancellationToken,
    back: CancellationToken,
}

/// What the groups of a job amount to after relabelling.
struct Population {
    active: BTreeMap<TargetId, (Target, Labels)>,
    dropped: Vec<Labels>,
    dropped_count: usize,
    failures: usize,
    discovered_count: usize,
}

impl Pool {
    pub(crate) fn new(shared: Arc<Shared>, config: Arc<ScrapeConfig>, client: Arc<JobClient>) -> Arc<Pool> {
        shared.metrics.pools.inc();
        let discovery = Discovery::new(config.discovery.clone(), shared.metrics.clone());
        Arc::new(Pool {
            name: config.job_name.clone(),
            stopped: shared.shutdown.child_token(),
            shared,
            discovery: tokio::sync::Mutex::new(Arc::new(Mutex::new(discovery))),
            targets: Mutex::new(Targets {
                config,
                client,
                active: BTreeMap::new(),
                retiring: HashMap::new(),
                dropped: Vec::new(),
                dropped_count: 0,
            }),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn config(&self) -> Arc<ScrapeConfig> {
        self.targets.lock().config.clone()
    }

    /// Finds targets for the first time and goes on looking for changes until stopped.
    pub(crate) async fn start(self: &Arc<Pool>) {
        self.refresh(true).await;
        let pool = self.clone();
        self.shared.tracker.spawn(async move {
            loop {
                tokio::select! {
                    biased;
                    () = pool.stopped.cancelled() => return,
                    () = tokio::time::sleep(pool.shared.options.file_poll_interval) => {}
                }
                pool.refresh(false).await;
            }
        });
    }

    /// Takes over a changed configuration. Targets that it leaves alone go on undisturbed.
    pub(crate) async fn reload(&self, config: Arc<ScrapeConfig>, client: Arc<JobClient>) {
        self.shared.metrics.pool_reloads.inc();
        {
            let mut discovery = self.discovery.lock().await;
            let mut targets = self.targets.lock();
            if targets.config.discovery != config.discovery {
                let fresh = Discovery::new(config.discovery.clone(), self.shared.metrics.clone());
                *discovery = Arc::new(Mutex::new(fresh));
            }
            targets.config = config;
            targets.client = client;
        }
        self.refresh(true).await;
    }

    /// Looks for targets now. `sync_anyway`: even if discovery found no change.
    pub(crate) async fn refresh(&self, sync_anyway: bool) {
        let discovery = self.discovery.lock().await;
        let searching = discovery.clone();
        if searching.lock().is_static() && !sync_anyway {
            return;
        }
        let search = tokio::task::spawn_blocking(move || {
            let mut discovery = searching.lock();
            let changed = discovery.refresh();
            (changed || sync_anyway).then(|| discovery.groups().cloned().collect::<Vec<TargetGroup>>())
        });
        match search.await {
            Ok(Some(groups)) if !self.stopped.is_cancelled() => self.sync(&groups),
            Ok(_) => {}
            Err(error) => tracing::error!(scrape_pool = self.name, %error, "Discovery was interrupted"),
        }
    }

    /// Removes all targets. Their series are marked as ended later.
    pub(crate) fn stop(&self) {
        self.stopped.cancel();
        let mut targets = self.targets.lock();
        for active in std::mem::take(&mut targets.active).into_values() {
            active.removed.cancel();
        }
        self.shared.metrics.remove_pool(&self.name);
    }

    /// Scrapes all targets now; returns when all are written.
    pub(crate) async fn scrape_now(&self) {
        let senders: Vec<_> = self
            .targets
            .lock()
            .active
            .values()
            .map(|active| active.scrape_now.clone())
            .collect();
        let mut answers = Vec::with_capacity(senders.len());
        for sender in senders {
            let (answer, answered) = oneshot::channel();
            // An error means that the target has just been removed.
            if sender.send(answer).await.is_ok() {
                answers.push(answered);
            }
        }
        for answered in answers {
            let _ = answered.await;
        }
    }

    fn sync(&self, groups: &[TargetGroup]) {
        let start = Instant::now();
        let mut targets = self.targets.lock();
        let population = populate(&targets.config, groups);
        let (count, failures, found) = (
            population.active.len(),
            population.failures,
            population.discovered_count,
        );
        targets.apply(population, &self.shared);
        drop(targets);
        let metrics = &self.shared.metrics;
        metrics.set_discovered(&self.name, found);
        metrics.synced(&self.name, count, failures, start.elapsed());
    }

    pub(crate) fn status(&self) -> PoolStatus {
        let targets = self.targets.lock();
        let mut active: Vec<_> = targets
            .active
            .values()
            .map(|active| active.status(&self.name, &self.shared.options.external_host))
            .collect();
        active.sort_by(|left, right| left.scrape_url.cmp(&right.scrape_url));
        PoolStatus {
            name: self.name.clone(),
            active,
            dropped: targets
                .dropped
                .iter()
                .map(|labels| DroppedTarget {
                    scrape_pool: self.name.clone(),
                    discovered_labels: labels.clone(),
                })
                .collect(),
            dropped_count: targets.dropped_count,
        }
    }

    /// The labels of each target and what it says about its metrics.
    pub(crate) fn metadata(&self) -> Vec<(Labels, Vec<TargetMetadata>)> {
        let targets = self.targets.lock();
        targets
            .active
            .values()
            .map(|active| (active.target.labels.clone(), active.state.metadata.lock().list()))
            .collect()
    }
}

fn populate(config: &ScrapeConfig, groups: &[TargetGroup]) -> Population {
    let mut population = Population {
        active: BTreeMap::new(),
        dropped: Vec::new(),
        dropped_count: 0,
        failures: 0,
        discovered_count: 0,
    };
    let keep_dropped = config.limits.keep_dropped_targets;
    for (group, address) in groups
        .iter()
        .flat_map(|group| group.targets.iter().map(move |address| (group, address)))
    {
        population.discovered_count += 1;
        match Target::populate(config, address, group) {
            Ok(Populated::Active { target, discovered }) => {
                population.active.insert(target.id, (target, discovered));
            }
            Ok(Populated::Dropped { discovered }) => {
                population.dropped_count += 1;
                if keep_dropped == 0 || (population.dropped.len() as u64) < keep_dropped {
                    population.dropped.push(discovered);
                }
            }
            Err(error) => {
                population.failures += 1;
                tracing::error!(
                    scrape_pool = config.job_name,
                    address,
                    error,
                    "Creating target failed"
                );
            }
        }
    }
    population
}

impl Targets {
    fn apply(&mut self, population: Population, shared: &Arc<Shared>) {
        let limit = self.config.limits.targets;
        let count = population.active.len();
        let forced_error = (limit > 0 && count as u64 > limit).then_some(ScrapeError::TargetLimit {
            targets: count,
            limit,
        });
        shared.metrics.set_target_limit(&self.config.job_name, limit);
        if forced_error.is_some() {
            shared.metrics.pool_exceeded_target_limit.inc();
        }
        self.dropped = population.dropped;
        self.dropped_count = population.dropped_count;
        self.retire_missing(&population.active);
        for (id, (target, discovered)) in population.active {
            let context = Arc::new(LoopContext {
                rules: SampleRules {
                    config: self.config.clone(),
                    target_labels: target.labels.clone(),
                },
                client: self.client.clone(),
                forced_error: forced_error.clone(),
            });
            if let Some(active) = self.active.get_mut(&id) {
                active.discovered = discovered;
                active.context.send_replace(context);
            } else {
                if let Some(back) = self.retiring.remove(&id) {
                    back.cancel();
                }
                let active = ActiveTarget::spawn(target, discovered, context, shared);
                self.active.insert(id, active);
            }
        }
    }

    fn retire_missing(&mut self, present: &BTreeMap<TargetId, (Target, Labels)>) {
        self.retiring.retain(|_, back| !back.is_cancelled());
        let retiring = &mut self.retiring;
        self.active.retain(|id, active| {
            let keep = present.contains_key(id);
            if !keep {
                active.removed.cancel();
                retiring.insert(*id, active.back.clone());
            }
            keep
        });
    }
}

impl ActiveTarget {
    fn spawn(
        target: Target,
        discovered: Labels,
        context: Arc<LoopContext>,
        shared: &Arc<Shared>,
    ) -> ActiveTarget {
        let target = Arc::new(target);
        let state = Arc::new(TargetState::default());
        let scrape_loop = ScrapeLoop::new(shared.clone(), target.clone(), state.clone(), context.clone());
        let (context, context_receiver) = watch::channel(context);
        let (scrape_now, scrape_now_receiver) = mpsc::channel(1);
        let removed = CancellationToken::new();
        let back = CancellationToken::new();
        shared.tracker.spawn(scrape_loop.run(LoopInputs {
            context: context_receiver,
            scrape_now: scrape_now_receiver,
            removed: removed.clone(),
            back: back.clone(),
        }));
        ActiveTarget {
            target,
            discovered,
            state,
            context,
            scrape_now,
            removed,
            back,
        }
    }

    fn status(&self, pool: &str, external_host: &str) -> TargetStatus {
        let last = self.state.last.lock().clone();
        let metadata = self.state.metadata.lock();
        TargetStatus {
            scrape_pool: pool.to_owned(),
            discovered_labels: self.discovered.clone(),
            labels: self.target.labels.clone(),
            scrape_url: self.target.shown_url.clone(),
            global_url: self.target.global_url(external_host),
            last_error: last.error,
            last_scrape_ms: last.time_ms,
            last_scrape_duration: last.duration,
            health: last.health,
            scrape_interval: self.target.interval,
            scrape_timeout: self.target.timeout,
            series: last.series,
            metadata_count: metadata.len(),
            metadata_bytes: metadata.size_bytes(),
        }
    }
}
