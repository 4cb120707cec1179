use std::{
    collections::{BTreeSet, HashSet},
    path::Path,
};

use crate::expected::{Finding, Match};
use crate::labels::series_key;
use crate::spill::{Batch, Expectation};
use crate::{
    BoxError, Exactness, Example, Fault, JournalEnd, LedgerError, MatchKind, Matcher, Reader, Regenerate,
    SampleValue, SeriesLabels, Verdict,
};

/// How to verify.
#[derive(Debug, Clone)]
pub struct VerifyOptions {
    /// Tells the ledger's series from others in the same system, such as its own metrics. Every series that matches
    /// and is not in the ledger is a fault. Not empty: PromQL wants a matcher that excludes the empty value.
    pub scope: Vec<Matcher>,
    /// Series with the same value of this label are read together; those without it are one batch.
    pub batch_label: String,
    /// Where to look; else from the oldest to the newest sample, and `margin_ms` to either side.
    pub range_ms: Option<(i64, i64)>,
    pub margin_ms: i64,
    /// The longest range of one read.
    pub window_ms: i64,
    /// What a partition of expected samples may take, at 24 bytes each; labels and the slack of growing lists add
    /// about half. A batch that is larger takes what it needs.
    pub memory_bytes: u64,
    /// How many of each fault to keep as examples.
    pub examples: usize,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self {
            scope: vec![Matcher::new("__name__", MatchKind::Regex, ".+")],
            batch_label: "instance".to_owned(),
            range_ms: None,
            margin_ms: 10 * 60 * 1000,
            window_ms: 24 * 60 * 60 * 1000,
            memory_bytes: 512 << 20,
            examples: 10,
        }
    }
}

/// How far a verification has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub batches_done: usize,
    pub batches: usize,
    pub samples_read: u64,
    pub faults: u64,
}

/// Compares what `journal` says with what `reader` shows. Requests kept by reference need `regenerate`. The journal
/// may still be in use: what has no fate yet counts as unknown. So that what was in flight does not show as missing
/// or unexpected, no request may begin meanwhile.
pub fn verify(
    journal: &Path,
    options: &VerifyOptions,
    regenerate: Option<&mut dyn Regenerate>,
    reader: &mut dyn Reader,
    progress: &mut dyn FnMut(Progress),
) -> Result<Verdict, LedgerError> {
    let mut expectation = Expectation::load(journal, &options.batch_label, options.memory_bytes, regenerate)?;
    let mut verdict = Verdict {
        requests: expectation.fates,
        ..Verdict::default()
    };
    verdict.remarks.extend(end_remark(expectation.end));
    let ledger_range = expectation.times_ms.map(|(oldest, newest)| {
        (
            oldest.saturating_sub(options.margin_ms),
            newest.saturating_add(options.margin_ms),
        )
    });
    let Some((from_ms, to_ms)) = options.range_ms.or(ledger_range) else {
        let remark = "nothing was read: the ledger has no sample, and no range was given";
        verdict.remarks.push(remark.to_owned());
        return Ok(verdict);
    };
    let exactness = reader.exactness();
    let shown: BTreeSet<String> = reader
        .label_values(&options.batch_label, &options.scope, from_ms, to_ms)
        .map_err(|source| read_failed(format!("list the values of {} in", options.batch_label), source))?
        .into_iter()
        .chain([String::new()])
        .collect();
    let unexpected: Vec<String> = shown.difference(&expectation.batches).cloned().collect();
    let mut check = Check {
        options,
        exactness,
        from_ms,
        to_ms,
        batches: expectation.batches.len() + unexpected.len(),
        batches_done: 0,
        verdict,
        reader,
        progress,
    };
    for index in 0..expectation.partition_count() {
        for (value, mut batch) in expectation.partition(index, &options.batch_label)? {
            check.read_batch(&value, &mut batch)?;
            check.finish_batch(&batch, &expectation);
        }
    }
    for value in unexpected {
        check.read_batch(&value, &mut Batch::new())?;
    }
    check.totals()?;
    Ok(check.verdict)
}

struct Check<'a> {
    options: &'a VerifyOptions,
    exactness: Exactness,
    from_ms: i64,
    to_ms: i64,
    batches: usize,
    batches_done: usize,
    verdict: Verdict,
    reader: &'a mut dyn Reader,
    progress: &'a mut dyn FnMut(Progress),
}

impl Check<'_> {
    fn read_batch(&mut self, value: &str, batch: &mut Batch) -> Result<(), LedgerError> {
        let label = &self.options.batch_label;
        let mut matchers = self.options.scope.clone();
        matchers.push(Matcher::new(label, MatchKind::Equal, value));
        let mut strangers = HashSet::new();
        let mut from_ms = self.from_ms;
        while from_ms <= self.to_ms {
            let to_ms = from_ms
                .saturating_add(self.options.window_ms.max(1) - 1)
                .min(self.to_ms);
            let mut outside = None;
            let (verdict, exactness, limit) = (&mut self.verdict, self.exactness, self.options.examples);
            let mut visit = |labels: SeriesLabels, samples: &[(i64, SampleValue)]| {
                let is_inside = |(time_ms, _): &&(i64, SampleValue)| (from_ms..=to_ms).contains(time_ms);
                if let Some((time_ms, _)) = samples.iter().find(|sample| !is_inside(sample)) {
                    outside = Some(*time_ms);
                }
                compare(&labels, samples, batch, &mut strangers, verdict, exactness, limit);
            };
            let what = || format!("read {label}={value:?} from {from_ms} to {to_ms} ms from");
            self.reader
                .read(&matchers, from_ms, to_ms, &mut visit)
                .map_err(|source| read_failed(what(), source))?;
            // A reader that answers more than it was asked would have its samples counted twice.
            if let Some(time_ms) = outside {
                return Err(read_failed(
                    what(),
                    format!("it gave a sample at {time_ms} ms").into(),
                ));
            }
            from_ms = to_ms.saturating_add(1);
        }
        self.batches_done += 1;
        (self.progress)(Progress {
            batches_done: self.batches_done,
            batches: self.batches,
            samples_read: self.verdict.samples_read,
            faults: self.verdict.faults.values().sum(),
        });
        Ok(())
    }

    fn finish_batch(&mut self, batch: &Batch, expectation: &Expectation) {
        let mut series: Vec<_> = batch.iter().collect();
        // Examples should not depend on a hash map's order.
        series.sort_unstable_by_key(|(labels, _)| *labels);
        let (verdict, limit) = (&mut self.verdict, self.options.examples);
        for (labels, expected) in series {
            verdict.series_expected += u64::from(expected.must_exist());
            let is_read = expected.is_read;
            expected.finish(&expectation.pairs, self.exactness, &mut |finding| {
                note(verdict, limit, labels, is_read, finding);
            });
        }
    }

    fn totals(&mut self) -> Result<(), LedgerError> {
        let scope = &self.options.scope;
        let totals = self
            .reader
            .totals(scope, self.from_ms, self.to_ms)
            .map_err(|source| read_failed("count what is in".to_owned(), source))?;
        let Some(totals) = totals else {
            return Ok(());
        };
        let verdict = &mut self.verdict;
        let (series, samples) = (verdict.series_read, verdict.samples_read);
        if (totals.series, totals.samples) != (series, samples) {
            verdict.fault(self.options.examples, Fault::OtherTotals, || Example {
                fault: Fault::OtherTotals,
                series: String::new(),
                time_ms: None,
                what: format!(
                    "the system counts {} series and {} samples, but gave {series} and {samples}",
                    totals.series, totals.samples
                ),
            });
        }
        Ok(())
    }
}

/// Compares one series as it was read in one window.
fn compare(
    labels: &SeriesLabels,
    samples: &[(i64, SampleValue)],
    batch: &mut Batch,
    strangers: &mut HashSet<u128>,
    verdict: &mut Verdict,
    exactness: Exactness,
    limit: usize,
) {
    if samples.is_empty() {
        return;
    }
    verdict.samples_read += samples.len() as u64;
    let Some(expected) = batch.get_mut(labels).filter(|expected| expected.may_exist()) else {
        let mut packed = Vec::new();
        labels.pack(&mut packed);
        if strangers.insert(series_key(&packed)) {
            verdict.series_read += 1;
            verdict.fault(limit, Fault::UnexpectedSeries, || Example {
                fault: Fault::UnexpectedSeries,
                series: labels.to_string(),
                time_ms: samples.first().map(|(time_ms, _)| *time_ms),
                what: format!("a series nobody may have stored, with {} samples", samples.len()),
            });
        }
        return;
    };
    verdict.series_read += u64::from(!expected.is_read);
    expected.is_read = true;
    for (time_ms, value) in samples {
        match expected.read(*time_ms, *value, exactness) {
            Match::Exact => verdict.samples_exact += 1,
            Match::OnlyNan => verdict.samples_only_nan += 1,
            Match::Fault(fault, what) => verdict.fault(limit, fault, || Example {
                fault,
                series: labels.to_string(),
                time_ms: Some(*time_ms),
                what,
            }),
        }
    }
}

/// Counts what became of a sample or a pair.
fn note(verdict: &mut Verdict, limit: usize, labels: &SeriesLabels, is_read: bool, finding: Finding) {
    let example = |fault, time_ms, what| {
        move || Example {
            fault,
            series: labels.to_string(),
            time_ms: Some(time_ms),
            what,
        }
    };
    let whole_series = if is_read {
        ""
    } else {
        "; nothing of the series was read"
    };
    match finding {
        Finding::ExpectedFound => verdict.samples_expected += 1,
        Finding::Missing { time_ms, value } => {
            verdict.samples_expected += 1;
            let what = format!("acknowledged {value} is not there{whole_series}");
            verdict.fault(limit, Fault::Missing, example(Fault::Missing, time_ms, what));
        }
        Finding::StaleHidden => verdict.stale_markers_hidden += 1,
        Finding::OptionalFound => verdict.optional_found += 1,
        Finding::OptionalAbsent => verdict.optional_absent += 1,
        Finding::PairProven => verdict.pairs_proven += 1,
        Finding::PairUnproven => verdict.pairs_unproven += 1,
        Finding::PairMissing { time_ms, acked } => {
            let what = format!("of an HA pair, acknowledged from {acked}, no side is whole{whole_series}");
            verdict.fault(limit, Fault::Missing, example(Fault::Missing, time_ms, what));
        }
        Finding::PairDuplicated { time_ms } => {
            let what = "more than one side of an HA pair is there".to_owned();
            verdict.fault(
                limit,
                Fault::Duplicated,
                example(Fault::Duplicated, time_ms, what),
            );
        }
    }
}

fn end_remark(end: JournalEnd) -> Option<String> {
    match end {
        JournalEnd::Closed => None,
        JournalEnd::Open => {
            Some("the journal was not closed; requests without a fate count as unknown".to_owned())
        }
        JournalEnd::Torn { at } => Some(format!(
            "the journal ends within a frame at byte {at}; what was sent after that shows as unexpected"
        )),
    }
}

fn read_failed(what: String, source: BoxError) -> LedgerError {
    LedgerError::Read { what, source }
}
