use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

use vigie_systems::{QueryData, SeriesLabels};

/// The name of every series a ledger keeps.
pub(crate) const METRIC: &str = "kill9_samples";

const STALE_MARKER_BITS: u64 = 0x7ff0_0000_0000_0002;

/// One series of one writer. `round` is when it was born, so that every round makes new series too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SeriesId {
    pub(crate) writer: u32,
    pub(crate) round: u32,
    pub(crate) number: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Sent, and no answer came: it may be there or not.
    Unsure,
    /// Acknowledged or already read back: it must be there from now on.
    Kept,
}

/// What one writer has sent, sample by sample, with what is known of its fate.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    series: BTreeMap<SeriesId, BTreeMap<i64, (u64, State)>>,
}

impl SeriesId {
    pub(crate) fn labels(self) -> Vec<(String, String)> {
        vec![
            ("__name__".to_owned(), METRIC.to_owned()),
            ("number".to_owned(), self.number.to_string()),
            ("round".to_owned(), self.round.to_string()),
            ("writer".to_owned(), self.writer.to_string()),
        ]
    }

    fn from_labels(labels: &SeriesLabels) -> Result<Self> {
        let number = |name: &str| -> Result<u32> {
            let value = labels
                .get(name)
                .with_context(|| format!("find the label {name}"))?;
            value.parse().with_context(|| format!("parse {name}={value:?}"))
        };
        let id = Self {
            writer: number("writer")?,
            round: number("round")?,
            number: number("number")?,
        };
        if labels.len() != 4 {
            bail!("labels nobody sent: {labels:?}");
        }
        Ok(id)
    }
}

impl Ledger {
    pub(crate) fn sent(&mut self, id: SeriesId, samples: &[(i64, f64)]) {
        let kept = self.series.entry(id).or_default();
        for (t, value) in samples {
            kept.entry(*t).or_insert((value.to_bits(), State::Unsure));
        }
    }

    pub(crate) fn acknowledged(&mut self, id: SeriesId, samples: &[(i64, f64)]) {
        let kept = self.series.entry(id).or_default();
        for (t, value) in samples {
            kept.insert(*t, (value.to_bits(), State::Kept));
        }
    }

    pub(crate) fn kept_samples(&self) -> usize {
        self.series
            .values()
            .flat_map(BTreeMap::values)
            .filter(|(_, state)| *state == State::Kept)
            .count()
    }

    /// Compares with all raw samples the server shows for this writer. Every kept sample must be there with its bits,
    /// and nothing that was not sent. JSON hides NaN payloads, and raw selectors leave stale markers out: a NaN
    /// matches any NaN, a stale marker must not show.
    pub(crate) fn check(&mut self, shown: &QueryData) -> Result<()> {
        let mut shown_by_id = BTreeMap::new();
        for (labels, points) in &shown.series {
            let id = SeriesId::from_labels(labels)?;
            let kept = self
                .series
                .get_mut(&id)
                .with_context(|| format!("a series nobody sent: {labels:?}"))?;
            for (t, text) in points {
                let value: f64 = text
                    .parse()
                    .with_context(|| format!("parse the value {text:?}"))?;
                let Some((bits, state)) = kept.get_mut(t) else {
                    bail!("{id:?} shows {text} at {t} ms, which nobody sent");
                };
                if *bits == STALE_MARKER_BITS || !same_shown_bits(*bits, value) {
                    bail!("{id:?} shows {text} at {t} ms, but the bits sent were {bits:#018x}");
                }
                // Whoever has read it may count on it.
                *state = State::Kept;
            }
            shown_by_id.insert(id, points);
        }
        for (id, kept) in &self.series {
            let points = shown_by_id.get(id).map_or(&[][..], |points| points.as_slice());
            let must_show = kept
                .iter()
                .filter(|(_, (bits, state))| *state == State::Kept && *bits != STALE_MARKER_BITS);
            let lost: Vec<i64> = must_show
                .filter(|(t, _)| points.binary_search_by_key(*t, |(shown, _)| *shown).is_err())
                .map(|(t, _)| *t)
                .collect();
            if let Some(first) = lost.first() {
                bail!(
                    "{id:?} has lost {} acknowledged samples, the first at {first} ms",
                    lost.len()
                );
            }
        }
        Ok(())
    }
}

fn same_shown_bits(sent: u64, shown: f64) -> bool {
    (f64::from_bits(sent).is_nan() && shown.is_nan()) || sent == shown.to_bits()
}
