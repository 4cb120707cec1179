//! Exemplars of a batch.

use vigie_model::{Exemplar, SeriesId};

use crate::batch::{BatchView, ExemplarSeries, ExemplarView};
use crate::exemplars::read_labels;
use crate::{BatchOutcome, ExemplarError, Head};

impl Head {
    /// `tenants` holds the indexes of the batch's tenants; `outcome` the ids of its declared series.
    pub(super) fn append_exemplars(
        &mut self,
        view: &BatchView<'_>,
        tenants: &[u32],
        outcome: &mut BatchOutcome,
    ) {
        let capacity = view.stamp.max_exemplars as usize;
        for (position, row) in (0u32..).zip(&view.exemplars) {
            let taken = match self.exemplar_series(row, tenants, &outcome.declared) {
                Some((tenant, id)) => {
                    let exemplars = &mut self.tenants[tenant as usize].exemplars;
                    if exemplars.capacity() != capacity {
                        exemplars.resize(capacity);
                    }
                    match read_exemplar(row) {
                        Some(exemplar) => exemplars.add(id, exemplar, view.stamp.out_of_order_window_ms),
                        None => Ok(()),
                    }
                }
                None => Err(ExemplarError::UnknownSeries),
            };
            if let Err(error) = taken {
                outcome.rejected_exemplars.push((position, error));
            }
        }
    }

    /// Tenant and id of the series that an exemplar belongs to. None is created for its sake.
    fn exemplar_series(
        &self,
        row: &ExemplarView<'_>,
        tenants: &[u32],
        declared: &[SeriesId],
    ) -> Option<(u32, u32)> {
        let id = match row.series {
            ExemplarSeries::Known(id) => id.0,
            ExemplarSeries::Declared(index) => declared.get(index.0 as usize)?.0,
            ExemplarSeries::Named(tenant, labels) => {
                let tenant = *tenants.get(tenant.0 as usize)?;
                let mut pairs = Vec::new();
                if !self.tenants[tenant as usize].index.find_all(labels, &mut pairs) {
                    return None;
                }
                self.find_series(tenant, &pairs)?
            }
        };
        let series = self.series.get(id)?;
        Some((series.tenant, id))
    }
}

/// Always there: parsing the batch has checked the labels.
fn read_exemplar(row: &ExemplarView<'_>) -> Option<Exemplar> {
    Some(Exemplar {
        labels: read_labels(row.packed_labels)?,
        value: row.value,
        timestamp_ms: row.time_ms,
        has_own_time: row.has_own_time,
    })
}
