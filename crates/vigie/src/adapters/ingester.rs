//! The ingester behind the edge.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use tokio::sync::Mutex;
use vigie_api::IngesterBackend;
use vigie_ingester::{CompactedSpans, Ingester};
use vigie_runtime::with_causes;

/// The edge is there first; the ingester follows once it is open.
#[derive(Default)]
pub(crate) struct IngesterAdapter {
    ingester: OnceLock<Arc<Ingester>>,
    flushing: Mutex<()>,
}

impl IngesterAdapter {
    pub(crate) fn set(&self, ingester: &Arc<Ingester>) {
        self.ingester.get_or_init(|| Arc::clone(ingester));
    }
}

#[async_trait]
impl IngesterBackend for IngesterAdapter {
    async fn flush(&self, compacts: bool) -> Result<(), String> {
        let ingester = self.ingester.get().ok_or("the ingester is not open yet")?;
        let _one = self.flushing.lock().await;
        if !compacts {
            return ingester.flush().await.map_err(|error| with_causes(&error));
        }
        // It flushes first.
        let report = ingester
            .compact(CompactedSpans::All)
            .await
            .map_err(|error| with_causes(&error))?;
        tracing::info!(
            spans = report.spans,
            replaced_bytes = report.replaced_bytes,
            written_bytes = report.written_bytes,
            "compacted as asked"
        );
        Ok(())
    }
}
