//! Exemplars of series.

use std::collections::BTreeMap;

use futures::StreamExt;
use futures::future::try_join_all;
use tonic::Request;
use vigie_model::{Exemplar, Labels, Matcher, TenantId};
use vigie_proto::v1;

use crate::find::matcher_sets_to_wire;
use crate::{Querier, QueryError};

impl Querier {
    /// The exemplars between two times, both inclusive, of the series that match any of the sets: by series, then
    /// by time. Series without any are left out.
    pub async fn exemplars(
        &self,
        tenant: &TenantId,
        matcher_sets: &[Vec<Matcher>],
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Vec<(Labels, Vec<Exemplar>)>, QueryError> {
        let placement = self.placement().await?;
        let wire = v1::ExemplarsRequest {
            tenant: tenant.as_str().to_owned(),
            sets: matcher_sets_to_wire(matcher_sets),
            start_ms,
            end_ms,
        };
        let calls = placement
            .members()
            .iter()
            .map(|member| member.exemplars(Request::new(wire.clone())));
        let unreadable = |error| QueryError::Internal(format!("read exemplars from an ingester: {error}"));
        let mut found: BTreeMap<Labels, Vec<Exemplar>> = BTreeMap::new();
        for stream in try_join_all(calls).await? {
            let mut stream = stream.into_inner();
            while let Some(message) = stream.next().await {
                for series in message?.series {
                    let labels = Labels::from_packed(&series.labels).map_err(unreadable)?;
                    let exemplars: Result<Vec<Exemplar>, _> =
                        series.exemplars.iter().map(Exemplar::try_from).collect();
                    found
                        .entry(labels)
                        .or_default()
                        .extend(exemplars.map_err(unreadable)?);
                }
            }
        }
        Ok(found.into_iter().collect())
    }
}
