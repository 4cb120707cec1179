//! Exemplars on their way to shards.

use vigie_cluster::Placement;
use vigie_model::{Exemplar, Labels, SeriesId, TenantId, series_hash};
use vigie_proto::v1::RejectReason;

use crate::ingest::{Round, Route, SeriesSource, ShardRound, WriteSummary, is_storable};
use crate::lane::{LaneOutcome, LaneSeries};
use crate::rules::RequestRules;

/// An exemplar of a request, with the index of its series there.
#[derive(Debug, Clone)]
pub(crate) struct SeriesExemplar {
    pub(crate) series: u32,
    pub(crate) exemplar: Exemplar,
}

/// An exemplar for one shard.
#[derive(Debug, Clone)]
pub(crate) struct LaneExemplar {
    pub(crate) series: ExemplarTarget,
    pub(crate) exemplar: Exemplar,
}

#[derive(Debug, Clone)]
pub(crate) enum ExemplarTarget {
    Known(SeriesId),
    /// Index into [`crate::lane::ShardWrite::declares`].
    Declared(u32),
    /// A series whose id is not known and that has no sample here. Its exemplar does not make it one.
    Named(Labels),
}

impl Round {
    /// Adds exemplars, each given with its position in the request, to the shards of their series. Those that
    /// cannot be kept are left out.
    pub(crate) fn deal_exemplars<'a, S: SeriesSource>(
        &mut self,
        source: &S,
        exemplars: impl Iterator<Item = (u32, &'a SeriesExemplar)>,
        tenant: &TenantId,
        placement: &Placement,
        rules: &RequestRules,
    ) {
        for (position, SeriesExemplar { series, exemplar }) in exemplars {
            if !exemplar.fits() {
                continue;
            }
            let (shard, target) = match self.routes[*series as usize] {
                Route::To(shard, LaneSeries::Known(id)) => (shard, ExemplarTarget::Known(id)),
                Route::To(shard, LaneSeries::Declared(index)) => (shard, ExemplarTarget::Declared(index)),
                Route::Skipped | Route::Refused => continue,
                Route::Unresolved => match source.labels(*series as usize) {
                    Ok(labels) if is_storable(&labels) => {
                        let Ok(labels) = rules.apply(labels) else {
                            continue;
                        };
                        let shard = placement.shard_of(series_hash(tenant, &labels));
                        (shard, ExemplarTarget::Named(labels))
                    }
                    _ => continue,
                },
            };
            self.shards[shard.0 as usize].push_exemplar(position, target, exemplar);
        }
    }
}

impl ShardRound {
    fn push_exemplar(&mut self, position: u32, series: ExemplarTarget, exemplar: &Exemplar) {
        self.write.exemplars.push(LaneExemplar {
            series,
            exemplar: exemplar.clone(),
        });
        self.exemplars.push(position);
    }

    /// Takes a shard's answer: counts, and the positions of exemplars whose series is no longer known by its id.
    pub(crate) fn conclude_exemplars<S: SeriesSource>(
        &self,
        outcome: &LaneOutcome,
        source: &S,
        exemplars: &[SeriesExemplar],
        summary: &mut WriteSummary,
        unnamed: &mut Vec<u32>,
    ) {
        let mut kept = self.exemplars.len() as u64;
        for (index, reason) in outcome.rejected_exemplars() {
            let (Some(&position), Some(sent)) = (self.exemplars.get(index), self.write.exemplars.get(index))
            else {
                continue;
            };
            kept = kept.saturating_sub(1);
            match (reason, &sent.series) {
                (RejectReason::UnknownSeries, ExemplarTarget::Known(_)) => unnamed.push(position),
                (RejectReason::OutOfOrder, _) => {
                    summary.out_of_order_exemplars += 1;
                    let series = exemplars.get(position as usize).map(|exemplar| exemplar.series);
                    if let Some(text) = series.and_then(|series| source.exemplar_rejection(series as usize)) {
                        summary.complain::<S>(|| text);
                    }
                }
                _ => {}
            }
        }
        summary.exemplars += kept;
    }
}
