//! Cardinality of a tenant over all shards.

use std::cmp::Reverse;
use std::collections::HashMap;

use futures::future::try_join_all;
use tonic::Request;
use vigie_model::TenantId;
use vigie_proto::v1;

use crate::{FindRequest, Querier, QueryError};

/// Lists are sorted by descending count, then by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantStats {
    pub series: u64,
    /// Pairs are counted once per ingester that has them.
    pub label_pairs: u64,
    pub chunks: u64,
    pub min_time_ms: Option<i64>,
    pub max_time_ms: Option<i64>,
    pub series_by_metric: Vec<(String, u64)>,
    pub values_by_label: Vec<(String, u64)>,
    pub bytes_by_label: Vec<(String, u64)>,
    pub series_by_pair: Vec<(String, u64)>,
}

impl Querier {
    /// Figures of a tenant; lists hold at most `limit` entries.
    pub async fn tenant_stats(&self, tenant: &TenantId, limit: usize) -> Result<TenantStats, QueryError> {
        let placement = self.placement().await?;
        let wire = v1::TenantStatsRequest {
            tenant: tenant.as_str().to_owned(),
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
        };
        let calls = placement
            .members()
            .iter()
            .map(|member| member.tenant_stats(Request::new(wire.clone())));
        let parts: Vec<v1::TenantStatsResponse> = try_join_all(calls)
            .await?
            .into_iter()
            .map(tonic::Response::into_inner)
            .collect();
        let values_by_label = self.values_by_label(tenant, &parts, limit).await?;
        Ok(TenantStats {
            series: parts.iter().map(|part| part.series).sum(),
            label_pairs: parts.iter().map(|part| part.label_pairs).sum(),
            chunks: parts.iter().map(|part| part.chunks).sum(),
            min_time_ms: parts.iter().filter_map(|part| part.min_time_ms).min(),
            max_time_ms: parts.iter().filter_map(|part| part.max_time_ms).max(),
            series_by_metric: top(parts.iter().flat_map(|part| &part.series_by_metric), limit),
            values_by_label,
            bytes_by_label: top(parts.iter().flat_map(|part| &part.bytes_by_label), limit),
            series_by_pair: top(parts.iter().flat_map(|part| &part.series_by_pair), limit),
        })
    }

    /// A value may be in many shards, so the values of the leading labels are counted themselves.
    async fn values_by_label(
        &self,
        tenant: &TenantId,
        parts: &[v1::TenantStatsResponse],
        limit: usize,
    ) -> Result<Vec<(String, u64)>, QueryError> {
        let candidates = top(
            parts.iter().flat_map(|part| &part.values_by_label),
            limit.saturating_mul(2),
        );
        let all = FindRequest {
            matcher_sets: Vec::new(),
            start_ms: i64::MIN,
            end_ms: i64::MAX,
            limit: None,
        };
        let mut counted = Vec::with_capacity(candidates.len());
        for (name, _) in candidates {
            let count = self.label_values(tenant, &name, &all).await?.len() as u64;
            counted.push((name, count));
        }
        Ok(cut(counted, limit))
    }
}

fn top<'a>(counts: impl Iterator<Item = &'a v1::NamedCount>, limit: usize) -> Vec<(String, u64)> {
    let mut sums: HashMap<&str, u64> = HashMap::new();
    for count in counts {
        *sums.entry(&count.name).or_default() += count.value;
    }
    cut(
        sums.into_iter()
            .map(|(name, count)| (name.to_owned(), count))
            .collect(),
        limit,
    )
}

fn cut(mut counts: Vec<(String, u64)>, limit: usize) -> Vec<(String, u64)> {
    counts.sort_by(|left, right| (Reverse(left.1), &left.0).cmp(&(Reverse(right.1), &right.0)));
    counts.truncate(limit);
    counts
}
