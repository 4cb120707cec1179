//! Raw samples, for those who evaluate themselves.

use vigie_model::TenantId;
use vigie_promql::{SelectRequest, Series, Source};

use crate::source::IngesterSource;
use crate::{Querier, QueryError};

impl Querier {
    /// The series that match and have samples in the range, in the order of their labels. Fails as soon as they
    /// have more than `max_samples`.
    pub async fn raw_series(
        &self,
        tenant: &TenantId,
        request: SelectRequest,
        max_samples: u64,
    ) -> Result<Vec<Series>, QueryError> {
        self.read(tenant, move |source| read(source, &request, max_samples))
            .await
    }
}

fn read(
    source: &IngesterSource,
    request: &SelectRequest,
    max_samples: u64,
) -> Result<Vec<Series>, QueryError> {
    let read_failed = |error| QueryError::from(vigie_promql::EvalError::from(error));
    let mut found = Vec::new();
    let mut samples = 0;
    let mut set = source.select(request).map_err(read_failed)?;
    while let Some(series) = set.next().map_err(read_failed)? {
        samples += (series.timestamps_ms.len() + series.histograms.len()) as u64;
        if samples > max_samples {
            return Err(QueryError::BadData(format!(
                "exceeded sample limit ({max_samples})"
            )));
        }
        if source.patience.interrupted().is_some() {
            return Err(QueryError::Canceled("nobody waits for the samples".to_owned()));
        }
        found.push(series);
    }
    found.sort_by(|left, right| left.labels.iter().cmp(right.labels.iter()));
    Ok(found)
}
