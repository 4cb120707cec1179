//! Series, label names, label values, metadata: what there is, without samples.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::StreamExt;
use futures::future::try_join_all;
use tokio::runtime::Handle;
use tonic::Request;
use vigie_model::{Labels, Matcher, MetricMetadata, TenantId, is_stale_nan};
use vigie_promql::{SelectRequest, Series, Source, Vector, VectorSample};
use vigie_proto::{matchers_to_wire, v1};

use crate::patience::Patience;
use crate::source::IngesterSource;
use crate::{Querier, QueryError};

/// Which series, and when; both ends inclusive.
#[derive(Debug, Clone)]
pub struct FindRequest {
    /// Series that match any of the sets.
    pub matcher_sets: Vec<Vec<Matcher>>,
    pub start_ms: i64,
    pub end_ms: i64,
    /// More results than this are not wanted.
    pub limit: Option<usize>,
}

impl FindRequest {
    fn wire_sets(&self) -> Vec<v1::MatcherSet> {
        matcher_sets_to_wire(&self.matcher_sets)
    }

    fn limit(&self) -> usize {
        self.limit.unwrap_or(usize::MAX)
    }

    /// 0 for none.
    fn wire_limit(&self) -> u32 {
        self.limit
            .and_then(|limit| u32::try_from(limit).ok())
            .unwrap_or(0)
    }
}

pub(crate) fn matcher_sets_to_wire(sets: &[Vec<Matcher>]) -> Vec<v1::MatcherSet> {
    sets.iter()
        .map(|set| v1::MatcherSet {
            matchers: matchers_to_wire(set),
        })
        .collect()
}

impl Querier {
    /// Label sets of the series that match; sorted if there are several matcher sets, as in Prometheus.
    pub async fn series(&self, tenant: &TenantId, request: &FindRequest) -> Result<Vec<Labels>, QueryError> {
        let placement = self.placement().await?;
        let wire = v1::SeriesRequest {
            tenant: tenant.as_str().to_owned(),
            sets: request.wire_sets(),
            start_ms: request.start_ms,
            end_ms: request.end_ms,
            limit: request.wire_limit(),
        };
        let calls = placement
            .members()
            .iter()
            .map(|member| member.series(Request::new(wire.clone())));
        let mut found = Vec::new();
        for stream in try_join_all(calls).await? {
            let mut stream = stream.into_inner();
            while found.len() < request.limit()
                && let Some(message) = stream.next().await
            {
                for packed in message?.labels {
                    let labels = Labels::from_packed(&packed).map_err(|error| {
                        QueryError::Internal(format!("read labels from an ingester: {error}"))
                    })?;
                    found.push(labels);
                }
            }
        }
        // Each comes once: a series has one home, and ingesters look at it once for all sets.
        if request.matcher_sets.len() > 1 {
            found.sort_unstable();
        }
        found.truncate(request.limit());
        Ok(found)
    }

    /// Sorted label names, in UTF-8; no matcher set means all series.
    pub async fn label_names(
        &self,
        tenant: &TenantId,
        request: &FindRequest,
    ) -> Result<Vec<Bytes>, QueryError> {
        let placement = self.placement().await?;
        let wire = v1::LabelNamesRequest {
            tenant: tenant.as_str().to_owned(),
            sets: request.wire_sets(),
            start_ms: request.start_ms,
            end_ms: request.end_ms,
        };
        let calls = placement
            .members()
            .iter()
            .map(|member| member.label_names(Request::new(wire.clone())));
        let answers = try_join_all(calls).await?;
        let names = answers.into_iter().map(|answer| answer.into_inner().names);
        merged(names, request.limit())
    }

    /// Sorted values of a label, in UTF-8; no matcher set means all series.
    pub async fn label_values(
        &self,
        tenant: &TenantId,
        name: &str,
        request: &FindRequest,
    ) -> Result<Vec<Bytes>, QueryError> {
        let placement = self.placement().await?;
        let wire = v1::LabelValuesRequest {
            tenant: tenant.as_str().to_owned(),
            name: name.to_owned(),
            sets: request.wire_sets(),
            start_ms: request.start_ms,
            end_ms: request.end_ms,
            limit: request.wire_limit(),
        };
        let calls = placement
            .members()
            .iter()
            .map(|member| member.label_values(Request::new(wire.clone())));
        let answers = try_join_all(calls).await?;
        let values = answers.into_iter().map(|answer| answer.into_inner().values);
        merged(values, request.limit())
    }

    /// What is known of metrics, by name; of one if it is named.
    pub async fn metadata(
        &self,
        tenant: &TenantId,
        metric: Option<&str>,
    ) -> Result<BTreeMap<String, Vec<MetricMetadata>>, QueryError> {
        let placement = self.placement().await?;
        let wire = v1::MetadataRequest {
            tenant: tenant.as_str().to_owned(),
            metric: metric.unwrap_or_default().to_owned(),
        };
        let calls = placement
            .members()
            .iter()
            .map(|member| member.metadata(Request::new(wire.clone())));
        let mut found: BTreeMap<String, Vec<MetricMetadata>> = BTreeMap::new();
        for answer in try_join_all(calls).await? {
            for family in answer.into_inner().families {
                found
                    .entry(family.name.clone())
                    .or_default()
                    .push(family.metadata());
            }
        }
        Ok(found)
    }

    /// The newest sample within the lookback of every series that matches any of the sets and has not ended.
    pub async fn newest_samples(
        &self,
        tenant: &TenantId,
        matcher_sets: &[Vec<Matcher>],
        time_ms: i64,
        lookback_ms: i64,
    ) -> Result<Vector, QueryError> {
        let requests: Vec<SelectRequest> = matcher_sets
            .iter()
            .map(|matchers| SelectRequest {
                matchers: matchers.clone(),
                start_ms: time_ms - lookback_ms + 1,
                end_ms: time_ms,
                labels: None,
            })
            .collect();
        self.read(tenant, move |source| read_newest(source, &requests))
            .await
    }

    /// Reads samples on a thread that may block, until nobody waits for them.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        work: impl FnOnce(&IngesterSource) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, QueryError> {
        let (_asker, patience) = Patience::new(None);
        let source = IngesterSource {
            placement: self.placement().await?,
            tenant: tenant.clone(),
            runtime: Handle::current(),
            patience,
        };
        tokio::task::spawn_blocking(move || work(&source))
            .await
            .map_err(|error| QueryError::Internal(format!("read task failed: {error}")))?
    }
}

/// The first `limit` of what several sorted lists hold.
fn merged(mut lists: impl Iterator<Item = Vec<Bytes>>, limit: usize) -> Result<Vec<Bytes>, QueryError> {
    let mut all = lists.next().unwrap_or_default();
    let first_len = all.len();
    all.extend(lists.flatten());
    if all.len() > first_len {
        // Merges the lists, as they are sorted.
        all.sort();
        all.dedup();
    }
    all.truncate(limit);
    match all.iter().find_map(|text| std::str::from_utf8(text).err()) {
        Some(error) => Err(QueryError::Internal(format!(
            "read labels from an ingester: {error}"
        ))),
        None => Ok(all),
    }
}

fn read_newest(source: &IngesterSource, requests: &[SelectRequest]) -> Result<Vector, QueryError> {
    let read_failed = |error| QueryError::from(vigie_promql::EvalError::from(error));
    let mut newest: BTreeMap<Labels, VectorSample> = BTreeMap::new();
    for request in requests {
        let mut set = source.select(request).map_err(read_failed)?;
        while let Some(series) = set.next().map_err(read_failed)? {
            if let Some(sample) = newest_sample(series) {
                newest.insert(sample.labels.clone(), sample);
            }
        }
    }
    Ok(newest.into_values().collect())
}

/// The newest sample, a float or a histogram, unless it marks the end of the series.
fn newest_sample(mut series: Series) -> Option<VectorSample> {
    let float_ms = series.timestamps_ms.last().copied();
    let histogram = series
        .histograms
        .pop_if(|(time_ms, _)| float_ms.is_none_or(|float_ms| float_ms < *time_ms));
    let (timestamp_ms, value, histogram) = match histogram {
        Some((_, histogram)) if histogram.is_stale() => return None,
        Some((timestamp_ms, histogram)) => (timestamp_ms, 0.0, Some(Box::new(histogram))),
        None => (float_ms?, *series.values.last()?, None),
    };
    if histogram.is_none() && is_stale_nan(value) {
        return None;
    }
    Some(VectorSample {
        labels: series.labels,
        timestamp_ms,
        value,
        histogram,
    })
}
