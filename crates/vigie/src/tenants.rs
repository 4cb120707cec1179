//! The file of tenants' limits, read again and again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio_util::sync::CancellationToken;
use vigie_config::TenantsConfig;
use vigie_distributor::Distributor;
use vigie_runtime::{Metrics, with_causes};

/// Keeps the limits in force those of the file. A file that became unreadable changes nothing.
pub(crate) struct TenantsWatch {
    path: PathBuf,
    period: Duration,
    in_force: Arc<TenantsConfig>,
    distributor: Arc<Distributor>,
    success: Gauge,
}

impl TenantsWatch {
    pub(crate) fn new(
        path: PathBuf,
        period: Duration,
        in_force: Arc<TenantsConfig>,
        distributor: Arc<Distributor>,
        metrics: &Metrics,
    ) -> TenantsWatch {
        let success = metrics.register(
            "vigie_runtime_config_last_reload_successful",
            "Whether the limits in force are those of the file.",
            Gauge::default(),
        );
        success.set(1);
        TenantsWatch {
            path,
            period,
            in_force,
            distributor,
            success,
        }
    }

    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                biased; // Shutdown first.
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(self.period) => {}
            }
            let path = self.path.clone();
            match tokio::task::spawn_blocking(move || TenantsConfig::load_file(&path)).await {
                Ok(Ok(config)) => self.accept(config),
                Ok(Err(error)) => {
                    // Said once; the gauge says that it lasts.
                    if self.success.set(0) == 1 {
                        tracing::error!(
                            error = with_causes(&error),
                            "read the limits of tenants; the previous ones stay in force"
                        );
                    }
                }
                // The runtime is ending.
                Err(_) => return,
            }
        }
    }

    fn accept(&mut self, config: TenantsConfig) {
        self.success.set(1);
        if config != *self.in_force {
            self.in_force = Arc::new(config);
            self.distributor.set_tenants(Arc::clone(&self.in_force));
            tracing::info!("limits of tenants changed");
        }
    }
}
