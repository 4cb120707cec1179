//! info(): adds the labels of info metrics, joined on the labels that identify a target.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use vigie_model::{Labels, METRIC_NAME, MatchOp, Matcher};

use crate::plan::{Grid, InfoCall, SampleTime};
use crate::{EvalError, SelectRequest};

use super::super::column::{StepSeries, is_absent};
use super::super::evaluator::{Evaluator, Sink, push_all};
use super::super::merge::{Collected, Merger};
use super::super::selector::newest;

const IDENTIFYING_LABELS: [&str; 2] = ["instance", "job"];

/// Values of the identifying labels, empty where there is none.
type Target = [String; 2];

/// Info series, whose values are the times of their samples.
struct InfoSeries<'m> {
    collected: Collected<'m>,
    /// Positions by target and metric name.
    by_target: HashMap<Target, BTreeMap<String, Vec<usize>>>,
}

impl Evaluator<'_> {
    pub(crate) fn info(&self, call: &InfoCall, grid: Grid, sink: &mut Sink<'_>) -> Result<(), EvalError> {
        let mut base = self.collect(&call.input, grid)?;
        let infos = self.info_series(call, &base, grid)?;
        let needs_match = call.data_matchers.iter().any(|matcher| !matcher.matches_empty());
        let mut merger = Merger::new(&self.memory);
        for series in &mut base.series {
            if is_info(call, &series.labels) {
                merger.push(series)?;
                continue;
            }
            let metrics = infos.by_target.get(&target(&series.labels));
            let mut rows: HashMap<Vec<usize>, StepSeries> = HashMap::new();
            let mut order: Vec<Vec<usize>> = Vec::new();
            for step in 0..grid.len {
                if !series.is_present(step) {
                    continue;
                }
                let matched = match metrics {
                    Some(metrics) => infos.newest_at(metrics, step)?,
                    None => Vec::new(),
                };
                if matched.is_empty() && needs_match {
                    continue;
                }
                if !rows.contains_key(&matched) {
                    let labels = self.enriched(call, &series.labels, &infos, &matched)?;
                    let mut row = StepSeries::new(labels, grid.len);
                    row.drop_name = series.drop_name;
                    rows.insert(matched.clone(), row);
                    order.push(matched.clone());
                }
                if let Some(row) = rows.get_mut(&matched) {
                    row.values[step] = series.values[step];
                    if let Some(histogram) = series.histogram_at(step) {
                        row.histograms.push((step, histogram.clone()));
                    }
                }
            }
            self.work(grid.len)?;
            for key in &order {
                if let Some(row) = rows.get_mut(key) {
                    merger.push(row)?;
                }
            }
        }
        push_all(merger.finish(), sink)
    }

    /// Reads the info series of the targets that the base series have.
    fn info_series(
        &self,
        call: &InfoCall,
        base: &Collected<'_>,
        grid: Grid,
    ) -> Result<InfoSeries<'_>, EvalError> {
        let mut infos = InfoSeries {
            collected: Collected::new(&self.memory),
            by_target: HashMap::new(),
        };
        let Some(request) = self.narrowed(call, base)? else {
            return Ok(infos);
        };
        let lookback_ms = self.plan.params().lookback_ms;
        self.each_series_of(call.selection, &request, &mut |series| {
            if !series.histograms.is_empty() {
                let mut steps = StepSeries::new(series.labels.clone(), grid.len);
                newest(series, call.timing, lookback_ms, grid, None, &mut steps);
                if !steps.histograms.is_empty() {
                    return Err(EvalError::Execution(
                        "this should be an info metric, with float samples: ".to_owned()
                            + &series.labels.to_string(),
                    ));
                }
            }
            let mut steps = StepSeries::new(series.labels.clone(), grid.len);
            newest(
                series,
                call.timing,
                lookback_ms,
                grid,
                Some(SampleTime::Taken),
                &mut steps,
            );
            if steps.is_empty() {
                return Ok(());
            }
            let metrics = infos.by_target.entry(target(&series.labels)).or_default();
            let positions = metrics.entry(series.labels.metric_name().to_owned()).or_default();
            positions.push(infos.collected.series.len());
            infos.collected.push(&mut steps)
        })?;
        Ok(infos)
    }

    fn narrowed(&self, call: &InfoCall, base: &Collected<'_>) -> Result<Option<SelectRequest>, EvalError> {
        let mut request = match self.plan.selections().get(call.selection) {
            Some(request) => request.clone(),
            None => return Ok(None),
        };
        let mut any = false;
        for name in IDENTIFYING_LABELS {
            let values: BTreeSet<String> = base
                .series
                .iter()
                .filter(|series| !is_info(call, &series.labels))
                .filter_map(|series| series.labels.get(name))
                .map(regex::escape)
                .collect();
            if values.is_empty() {
                continue;
            }
            any = true;
            let pattern: Vec<String> = values.into_iter().collect();
            let matcher = Matcher::new(MatchOp::Regex, name, pattern.join("|"))
                .map_err(|error| EvalError::Execution(error.to_string()))?;
            request.matchers.push(matcher);
        }
        Ok(any.then_some(request))
    }

    /// The labels of a base series and those it gets. Its own win; two info metrics must agree.
    fn enriched(
        &self,
        call: &InfoCall,
        labels: &Labels,
        infos: &InfoSeries<'_>,
        matched: &[usize],
    ) -> Result<Labels, EvalError> {
        let mut added: BTreeMap<&str, &str> = BTreeMap::new();
        for &position in matched {
            for (name, value) in &infos.collected.series[position].labels {
                let wanted = call.data_matchers.is_empty()
                    || call.data_matchers.iter().any(|matcher| matcher.name == name);
                if name == METRIC_NAME || !wanted {
                    continue;
                }
                if added.get(name).is_some_and(|other| *other != value) {
                    return Err(EvalError::Execution(format!("conflicting label: {name}")));
                }
                if labels.get(name).is_none() {
                    added.insert(name, value);
                }
            }
        }
        let mut builder = labels.to_builder();
        for (name, value) in added {
            builder.set(name, value);
        }
        Ok(builder.build())
    }
}

impl InfoSeries<'_> {
    /// Of each metric the series with the newest sample.
    fn newest_at(
        &self,
        metrics: &BTreeMap<String, Vec<usize>>,
        step: usize,
    ) -> Result<Vec<usize>, EvalError> {
        let mut matched = Vec::new();
        for positions in metrics.values() {
            let mut best: Option<usize> = None;
            for &position in positions {
                let time = self.collected.series[position].values[step];
                if is_absent(time) {
                    continue;
                }
                let best_time = best.map(|best| self.collected.series[best].values[step]);
                match (best, best_time) {
                    (Some(best), Some(best_time)) if best_time == time => {
                        return Err(self.duplicate(best, position, time));
                    }
                    (_, Some(best_time)) if best_time > time => {}
                    _ => best = Some(position),
                }
            }
            matched.extend(best);
        }
        Ok(matched)
    }

    fn duplicate(&self, first: usize, second: usize, time: f64) -> EvalError {
        let time_ms = (time * 1000.0).round() as i64;
        let series = &self.collected.series;
        EvalError::Execution(format!(
            "found duplicate series for info metric: existing {} @ {time_ms}, new {} @ {time_ms}",
            series[first].labels, series[second].labels
        ))
    }
}

fn target(labels: &Labels) -> Target {
    IDENTIFYING_LABELS.map(|name| labels.get(name).unwrap_or_default().to_owned())
}

fn is_info(call: &InfoCall, labels: &Labels) -> bool {
    let name = labels.metric_name();
    call.name_matchers.iter().all(|matcher| matcher.matches(name))
}
