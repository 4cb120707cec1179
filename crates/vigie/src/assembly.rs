//! Putting the roles of a process together, and taking them apart in order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vigie_api::{ApiOptions, Backends, HttpMetrics, Lifecycle, RemoteReadOptions, ServerOptions};
use vigie_cluster::{Directory, RemoteDistributor, RemoteIngester};
use vigie_config::{AlertingConfig, Config, TenantsConfig};
use vigie_distributor::{Distributor, DistributorOptions};
use vigie_ingester::{Ingester, IngesterOptions, StartProgress};
use vigie_model::TenantId;
use vigie_proto::{DistributorHandle, IngesterHandle};
use vigie_querier::{Querier, QuerierOptions};
use vigie_runtime::{Metrics, SystemClock, with_causes};
use vigie_scraper::{Handle as ScraperHandle, Service as ScraperService};

use crate::adapters::{
    ActiveQueries, DistributorSink, IngesterAdapter, QueryAdapter, TargetsAdapter, WriteAdapter,
};
use crate::grpc;
use crate::lifecycle::{Process, Reconfigure};
use crate::role::Role;
use crate::settings::Settings;
use crate::tenants::TenantsWatch;

/// Runs the process until it is told to end.
///
/// The HTTP server comes up first and answers "not ready" while the log is replayed. At the end the
/// order is: no more scrapes, no more requests, batches committed, checkpoints written.
pub(crate) async fn run(settings: Settings) -> Result<()> {
    let config = load_config(&settings)?;
    let tenants = Arc::new(load_tenants(&settings)?);
    announce(&settings);
    announce_gaps(&config);
    let metrics = Metrics::new();
    let shutdown = CancellationToken::new();
    let tasks = TaskTracker::new();
    let process = Arc::new(Process::new(
        settings.clone(),
        config,
        metrics.clone(),
        shutdown.clone(),
    ));

    process
        .query_log()
        .configure(&process.config().global.query_log_file)
        .context("open the query log")?;

    // Bound before anything is opened, so that a second process fails at once and says why.
    let listener = TcpListener::bind(settings.listen_address)
        .await
        .with_context(|| {
            format!(
                "listen on {}; is another server running there?",
                settings.listen_address
            )
        })?;
    let directory = Arc::new(Directory::new(remote_ingesters(&settings)?));
    let distributor = settings.roles.has(Role::Distributor).then(|| {
        Arc::new(Distributor::new(
            DistributorOptions {
                exemplars: settings.features.exemplar_storage,
                start_timestamps: settings.features.start_timestamps,
                ..DistributorOptions::new(rand::random())
            },
            Arc::clone(&directory),
            &metrics,
        ))
    });
    if let Some(distributor) = &distributor {
        distributor.set_tenants(Arc::clone(&tenants));
    }
    let querier = settings.roles.has(Role::Querier).then(|| {
        let options = querier_options(&settings, &process.config());
        Arc::new(Querier::new(options, Arc::clone(&directory), &metrics))
    });
    let scraper_stop = CancellationToken::new();
    let scraper = build_scraper(&settings, distributor.as_ref(), &metrics, scraper_stop.clone())?;
    let http_stop = CancellationToken::new();
    let ingester_at_edge = settings
        .roles
        .has(Role::Ingester)
        .then(|| Arc::new(IngesterAdapter::default()));
    let backends = Backends {
        query: querier
            .clone()
            .map(|querier| query_backend(&settings, &process, querier))
            .transpose()?,
        write: distributor
            .clone()
            .map(|distributor| Arc::new(WriteAdapter(distributor)) as Arc<dyn vigie_api::WriteBackend>),
        targets: scraper.as_ref().map(|(_, handle)| {
            Arc::new(TargetsAdapter {
                scraper: handle.clone(),
                process: Arc::clone(&process),
                external_url: settings.external_url.clone(),
                listen_port: settings.listen_address.port(),
            }) as Arc<dyn vigie_api::TargetsBackend>
        }),
        // Deleting and copying are not built yet; the settings refuse the flag.
        admin: None,
        ingester: ingester_at_edge
            .clone()
            .map(|ingester| ingester as Arc<dyn vigie_api::IngesterBackend>),
        lifecycle: process.clone(),
    };
    let http = spawn_http(
        &settings,
        &process.config(),
        listener,
        backends,
        &metrics,
        http_stop.clone(),
        &tasks,
    );
    tasks.spawn(watch_signals(Arc::clone(&process), shutdown.clone()));
    if let (Some(path), Some(distributor)) = (&settings.tenants_file, &distributor) {
        let period = settings.tenants_reload_period;
        let watch = TenantsWatch::new(
            path.clone(),
            period,
            Arc::clone(&tenants),
            Arc::clone(distributor),
            &metrics,
        );
        tasks.spawn(watch.run(shutdown.clone()));
    }

    let progress = process.start_progress();
    let ingester = match open_ingester(&settings, &process.config(), &tenants, &metrics, progress).await {
        Ok(ingester) => ingester,
        Err(error) => {
            http_stop.cancel();
            return Err(error);
        }
    };
    if let Some(ingester) = &ingester {
        process.watch_shards(ingester);
    }
    if let (Some(edge), Some(ingester)) = (&ingester_at_edge, &ingester) {
        edge.set(ingester);
    }
    if let Some(ingester) = &ingester
        && settings.ingester_addresses.is_empty()
    {
        directory.set_local(Arc::clone(ingester) as IngesterHandle, Arc::clone(ingester) as _);
    }
    let grpc_stop = CancellationToken::new();
    if let Some(address) = settings.grpc_listen_address {
        let services = grpc::Services {
            ingester: ingester.clone(),
            distributor: distributor.clone(),
            querier,
        };
        tasks.spawn(grpc::listen(address, services, grpc_stop.clone()).await?);
    }
    let mut scraping = None;
    if let Some((service, handle)) = scraper {
        let reconfigure = Arc::new(ScraperReconfigure(handle));
        reconfigure
            .apply(&process.config())
            .await
            .map_err(anyhow::Error::msg)
            .context("apply the scrape configuration")?;
        process.on_reload(reconfigure).await;
        scraping = Some(tokio::spawn(service.run()));
    }
    process.set_ready();
    tracing::info!(
        "server is ready: http://{}{}/",
        settings.listen_address,
        settings.route_prefix
    );

    shutdown.cancelled().await;
    tracing::info!("shutting down");
    process.set_stopping();
    scraper_stop.cancel();
    if let Some(scraping) = scraping {
        let _ = scraping.await;
    }
    http_stop.cancel();
    let _ = http.await;
    grpc_stop.cancel();
    if let Some(distributor) = &distributor {
        distributor.shutdown().await;
    }
    tasks.close();
    tasks.wait().await;
    if let Some(ingester) = &ingester {
        ingester.shutdown().await;
    }
    tracing::info!("bye");
    Ok(())
}

fn load_config(settings: &Settings) -> Result<Config> {
    match &settings.config_file {
        Some(path) => Config::load_file(path, settings.features.config_defaults())
            .map_err(|error| anyhow::anyhow!("load the configuration: {}", with_causes(&error))),
        None => Ok(Config::default_self_scrape(
            settings.listen_address,
            settings.features.config_defaults(),
        )?),
    }
}

fn load_tenants(settings: &Settings) -> Result<TenantsConfig> {
    match &settings.tenants_file {
        Some(path) => TenantsConfig::load_file(path)
            .map_err(|error| anyhow::anyhow!("load the limits of tenants: {}", with_causes(&error))),
        None => Ok(TenantsConfig::default()),
    }
}

fn announce(settings: &Settings) {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting vigie");
    if settings.config_file.is_none() {
        tracing::info!("no --config.file given: this process scrapes itself");
    }
    for flag in &settings.flags_without_effect {
        tracing::warn!("{flag} has no effect here");
    }
    for feature in &settings.features.without_effect {
        tracing::warn!("--enable-feature={feature} has no effect yet");
    }
}

/// Sections of the configuration that are read and checked, and mean nothing yet.
fn announce_gaps(config: &Config) {
    let gaps = [
        (
            "rule_files",
            !config.rule_files.is_empty(),
            "rules are not evaluated",
        ),
        (
            "alerting",
            config.alerting != AlertingConfig::default(),
            "no alerts are sent",
        ),
        (
            "remote_write",
            !config.remote_write.is_empty(),
            "samples are not sent on",
        ),
        (
            "remote_read",
            !config.remote_read.is_empty(),
            "other systems are not asked",
        ),
        ("tracing", config.tracing.is_some(), "no traces are sent"),
    ];
    for (section, _, consequence) in gaps.iter().filter(|(_, is_used, _)| *is_used) {
        tracing::warn!("{section} is not supported yet: {consequence}");
    }
}

fn remote_ingesters(settings: &Settings) -> Result<Vec<IngesterHandle>> {
    settings
        .ingester_addresses
        .iter()
        .map(|address| Ok(Arc::new(RemoteIngester::new(address)?) as IngesterHandle))
        .collect()
}

async fn open_ingester(
    settings: &Settings,
    config: &Config,
    tenants: &TenantsConfig,
    metrics: &Metrics,
    progress: Arc<StartProgress>,
) -> Result<Option<Arc<Ingester>>> {
    if !settings.roles.has(Role::Ingester) {
        return Ok(None);
    }
    let mut options = IngesterOptions::new(settings.storage_path.clone(), settings.shard_count);
    options.shards = settings.shards.clone();
    options.durability = settings.durability;
    options.checkpoint_interval = settings.checkpoint_interval;
    options.checkpoint_log_bytes = settings.checkpoint_log_bytes;
    options.progress = progress;
    options.tenant_retention_ms = tenant_retention_ms(tenants);
    options.retention_bytes = match config.storage.tsdb.retention.size_bytes {
        0 => settings.retention_bytes,
        configured => configured,
    };
    options.out_of_order_window_ms = config.storage.tsdb.out_of_order_time_window.as_millis() as i64;
    if settings.features.exemplar_storage {
        options.max_exemplars = max_exemplars(config);
    }
    let configured_ms = config.storage.tsdb.retention.time.as_millis() as i64;
    options.retention_ms = if configured_ms > 0 {
        configured_ms
    } else {
        settings.retention_ms
    };
    let started = std::time::Instant::now();
    let ingester = Ingester::open(options, Arc::new(SystemClock), metrics).await?;
    tracing::info!(
        took_ms = started.elapsed().as_millis() as u64,
        "storage opened and log replayed"
    );
    Ok(Some(Arc::new(ingester)))
}

/// Of tenants with a retention time of their own.
fn tenant_retention_ms(tenants: &TenantsConfig) -> BTreeMap<TenantId, i64> {
    let own = tenants
        .overrides
        .iter()
        .filter(|(_, limits)| !limits.retention.is_zero());
    own.filter_map(|(name, limits)| {
        // Names were checked when the file was read.
        Some((TenantId::new(name).ok()?, limits.retention.as_millis() as i64))
    })
    .collect()
}

/// What does not fit would not fit into memory either.
fn max_exemplars(config: &Config) -> u32 {
    u32::try_from(config.storage.exemplars.max_exemplars.max(0)).unwrap_or(u32::MAX)
}

fn querier_options(settings: &Settings, config: &Config) -> QuerierOptions {
    QuerierOptions {
        timeout: settings.query_timeout,
        max_concurrency: settings.query_max_concurrency,
        max_samples: settings.query_max_samples,
        lookback_ms: settings.lookback_ms,
        subquery_step_ms: config.global.evaluation_interval.as_millis() as i64,
        promql: settings.features.promql,
        delayed_name_removal: settings.features.delayed_name_removal,
        use_start_timestamps: settings.features.use_start_timestamps,
        ..QuerierOptions::default()
    }
}

fn query_backend(
    settings: &Settings,
    process: &Process,
    querier: Arc<Querier>,
) -> Result<Arc<dyn vigie_api::QueryBackend>> {
    let active = ActiveQueries::open(&settings.storage_path, settings.query_max_concurrency)
        .context("open the record of active queries")?;
    Ok(Arc::new(QueryAdapter {
        querier,
        lookback_ms: settings.lookback_ms,
        max_samples: settings.query_max_samples,
        active: Arc::new(active),
        log: process.query_log(),
    }))
}

fn build_scraper(
    settings: &Settings,
    distributor: Option<&Arc<Distributor>>,
    metrics: &Metrics,
    stop: CancellationToken,
) -> Result<Option<(ScraperService, ScraperHandle)>> {
    if !settings.roles.has(Role::Scraper) {
        return Ok(None);
    }
    let target: DistributorHandle = match (&settings.distributor_address, distributor) {
        (Some(address), _) => Arc::new(RemoteDistributor::new(address)?),
        (None, Some(distributor)) => Arc::clone(distributor) as DistributorHandle,
        // `Settings` refuses a scraper with neither.
        (None, None) => return Ok(None),
    };
    let options = vigie_scraper::Options {
        exemplars: settings.features.exemplar_storage,
        start_timestamps: settings.features.start_timestamps,
        ..vigie_scraper::Options::default()
    };
    let sink = Arc::new(DistributorSink(target));
    Ok(Some(metrics.with_registry(|registry| {
        ScraperService::new(options, sink, registry, stop)
    })))
}

fn spawn_http(
    settings: &Settings,
    config: &Config,
    listener: TcpListener,
    backends: Backends,
    metrics: &Metrics,
    stop: CancellationToken,
    tasks: &TaskTracker,
) -> tokio::task::JoinHandle<()> {
    let options = ApiOptions {
        route_prefix: settings.route_prefix.clone(),
        external_url: settings.external_url.to_string(),
        cors_origin: Some(settings.cors_origin.clone()),
        lifecycle_enabled: settings.lifecycle_enabled,
        external_labels: config.global.external_labels.clone(),
        promql: settings.features.promql,
        read_timeout: settings.read_timeout,
        remote_read: RemoteReadOptions {
            max_samples: settings.remote_read_max_samples,
            turns: Arc::new(Semaphore::new(settings.remote_read_max_concurrency)),
            max_frame_bytes: settings.remote_read_max_frame_bytes,
        },
        ..ApiOptions::default()
    };
    let server = ServerOptions {
        max_connections: settings.max_connections,
        read_timeout: settings.read_timeout,
        drain_timeout: Duration::from_secs(30),
    };
    let http_metrics = metrics.with_registry(HttpMetrics::register);
    let router = vigie_api::router(options, backends, http_metrics);
    tasks.spawn(async move {
        if let Err(error) = vigie_api::serve(listener, router, server, stop).await {
            tracing::error!(%error, "HTTP server ended");
        }
    })
}

/// SIGHUP reloads the configuration; SIGINT and SIGTERM end the process.
async fn watch_signals(process: Arc<Process>, shutdown: CancellationToken) {
    let (Ok(mut hangup), Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::hangup()),
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        tracing::error!("signals cannot be received; end the process with /-/quit or SIGKILL");
        return;
    };
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            _ = terminate.recv() => shutdown.cancel(),
            _ = interrupt.recv() => shutdown.cancel(),
            // The outcome is logged where it is made.
            _ = hangup.recv() => drop(process.reload().await),
        }
    }
}

/// What a new configuration changes: the jobs.
struct ScraperReconfigure(ScraperHandle);

#[async_trait]
impl Reconfigure for ScraperReconfigure {
    async fn apply(&self, config: &Config) -> Result<(), String> {
        let jobs = config.all_scrape_configs().map_err(|error| with_causes(&error))?;
        self.0
            .apply_config(&jobs)
            .await
            .map_err(|error| with_causes(&error))
    }
}
