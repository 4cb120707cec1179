use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::answer::{Answer, Outcome};
use crate::compare::{Difference, DifferenceKind, Tolerance, compare};
use crate::conditioning::perturbed;
use crate::coverage::{features, signature};
use crate::generator::Generator;
use crate::minimise::minimise;
use crate::options::Options;
use crate::query::{Body, Query};
use crate::queryable::Queryable;
use crate::report::{DifferentialReport, FoundDifference};
use crate::schema::Schema;

/// What a run asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSpec {
    pub seeds: Vec<u64>,
    pub queries_per_seed: u64,
    pub options: Options,
    #[serde(default)]
    pub tolerance: Tolerance,
    /// How many differences are reduced and listed; the others are counted.
    pub max_differences: usize,
    /// How many queries the reduction of one difference may take.
    pub minimise_budget: u32,
}

/// How far a run is, told after every query.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    pub done: u64,
    pub total: u64,
    pub different: u64,
    /// A difference that this query showed, reduced.
    pub found: Option<&'a FoundDifference>,
}

/// Servers that do not answer this many times in a row are gone, and the run ends.
const MOST_SILENCES: u32 = 10;

/// Asks both systems every query of every seed and compares.
pub fn run(
    spec: &RunSpec,
    schema: &Schema,
    a: &dyn Queryable,
    b: &dyn Queryable,
    progress: &mut dyn FnMut(Progress<'_>),
) -> DifferentialReport {
    let mut run = Run {
        spec,
        a,
        b,
        report: empty_report(spec, a, b),
        silences: 0,
    };
    let total = spec.queries_per_seed.saturating_mul(spec.seeds.len() as u64);
    for &seed in &spec.seeds {
        let generator = Generator::new(seed, schema, spec.options.clone());
        for index in 0..spec.queries_per_seed {
            let listed = run.report.differences.len();
            run.ask(&generator.query(index), seed, index);
            progress(Progress {
                done: run.report.queries,
                total,
                different: run.report.different,
                found: run.report.differences.get(listed),
            });
            if run.report.ended_early.is_some() {
                return run.report;
            }
        }
    }
    run.report
}

struct Run<'a> {
    spec: &'a RunSpec,
    a: &'a dyn Queryable,
    b: &'a dyn Queryable,
    report: DifferentialReport,
    silences: u32,
}

/// Both answers, or why there is none.
type Pair = (anyhow::Result<Answer>, anyhow::Result<Answer>);

impl Run<'_> {
    fn ask(&mut self, query: &Query, seed: u64, index: u64) {
        let pair = self.both(query);
        self.count(query, &pair);
        let difference = self.judge(query, &pair);
        self.silences = match &difference {
            Some(difference) if difference.kind == DifferenceKind::NoAnswer => self.silences + 1,
            _ => 0,
        };
        if self.silences >= MOST_SILENCES {
            self.report.ended_early = difference.as_ref().map(|difference| difference.detail.clone());
        }
        let Some(difference) = difference else {
            return;
        };
        self.report.different += 1;
        if self.report.differences.len() < self.spec.max_differences {
            let found = self.reduce(query, &difference, seed, index);
            let note = if found.ill_conditioned {
                " (ill-conditioned)"
            } else {
                ""
            };
            let key = format!("{:?}: {}{note}", found.kind, found.signature);
            self.report.ill_conditioned += u64::from(found.ill_conditioned);
            *self.report.different_by_signature.entry(key).or_default() += 1;
            self.report.differences.push(found);
        } else {
            let key = "not reduced".to_owned();
            *self.report.different_by_signature.entry(key).or_default() += 1;
        }
    }

    fn both(&self, query: &Query) -> Pair {
        (self.a.ask(query), self.b.ask(query))
    }

    fn judge(&self, query: &Query, pair: &Pair) -> Option<Difference> {
        match pair {
            (Ok(a), Ok(b)) => compare(a, b, &self.spec.tolerance.for_query(query)),
            (Err(error), _) => Some(silence(self.a, error)),
            (_, Err(error)) => Some(silence(self.b, error)),
        }
    }

    fn count(&mut self, query: &Query, (a, b): &Pair) {
        let report = &mut self.report;
        report.queries += 1;
        let non_empty = a.as_ref().is_ok_and(Answer::is_non_empty);
        for feature in features(query) {
            let exercised = report.coverage.entry(feature).or_default();
            exercised.queries += 1;
            exercised.non_empty += u64::from(non_empty);
        }
        if let (Ok(a), Ok(b)) = (a, b) {
            if a.data().is_some() && b.data().is_some() {
                report.valid += 1;
                report.non_empty += u64::from(non_empty);
            }
            if let Outcome::Error { error_type, .. } = &a.outcome {
                *report
                    .errors
                    .entry(format!("{} {error_type}", a.status))
                    .or_default() += 1;
            }
        }
    }

    /// Whether the first system disagrees with itself when an intermediate result changes by parts in
    /// 10^15.
    fn is_ill_conditioned(
        &self,
        query: &Query,
        difference: &Difference,
        answer: &anyhow::Result<Answer>,
    ) -> bool {
        let of_digits = matches!(
            difference.kind,
            DifferenceKind::Value
                | DifferenceKind::Series
                | DifferenceKind::Timestamps
                | DifferenceKind::Order
        );
        let (true, Body::Tree(expression), Ok(answer)) = (of_digits, &query.body, answer) else {
            return false;
        };
        let tolerance = self.spec.tolerance.for_query(query);
        perturbed(expression).into_iter().any(|expression| {
            let changed = Query {
                body: Body::Tree(expression),
                grid: query.grid,
            };
            // An error would come from the change itself, and says nothing.
            let Ok(changed) = self.a.ask(&changed) else {
                return false;
            };
            changed.data().is_some()
                && compare(answer, &changed, &tolerance).is_some_and(|found| found.kind == difference.kind)
        })
    }

    fn reduce(&self, query: &Query, difference: &Difference, seed: u64, index: u64) -> FoundDifference {
        // A different kind would be a different fault.
        let minimal = minimise(query, self.spec.minimise_budget, &mut |candidate| {
            self.judge(candidate, &self.both(candidate))
                .is_some_and(|found| found.kind == difference.kind)
        });
        let pair = self.both(&minimal);
        // It may not show again if it comes and goes; then the first sight is what there is.
        let shown = self
            .judge(&minimal, &pair)
            .unwrap_or_else(|| Difference::new(difference.kind, format!("{difference}, but not again")));
        let show = |answer: &anyhow::Result<Answer>| match answer {
            Ok(answer) => shorten(shown.cut(answer).to_string()),
            Err(error) => format!("{error:#}"),
        };
        FoundDifference {
            seed,
            index,
            query: query.text(),
            grid: query.grid,
            kind: difference.kind,
            minimal_query: minimal.text(),
            minimal_grid: minimal.grid,
            detail: shown.to_string(),
            signature: signature(&minimal),
            ill_conditioned: self.is_ill_conditioned(&minimal, &shown, &pair.0),
            first_answer: show(&pair.0),
            second_answer: show(&pair.1),
        }
    }
}

fn silence(system: &dyn Queryable, error: &anyhow::Error) -> Difference {
    let detail = format!("{} gave no answer: {error:#}", system.name());
    Difference::new(DifferenceKind::NoAnswer, detail)
}

/// Long answers help nobody who reads a report.
fn shorten(mut text: String) -> String {
    const MOST_BYTES: usize = 2000;
    if text.len() > MOST_BYTES {
        let cut = (0..=MOST_BYTES).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(cut.unwrap_or(0));
        text.push_str(" ...");
    }
    text
}

fn empty_report(spec: &RunSpec, a: &dyn Queryable, b: &dyn Queryable) -> DifferentialReport {
    DifferentialReport {
        systems: (a.name().to_owned(), b.name().to_owned()),
        seeds: spec.seeds.clone(),
        queries_per_seed: spec.queries_per_seed,
        options: spec.options.clone(),
        tolerance: spec.tolerance,
        queries: 0,
        valid: 0,
        non_empty: 0,
        errors: BTreeMap::new(),
        coverage: BTreeMap::new(),
        different: 0,
        ill_conditioned: 0,
        different_by_signature: BTreeMap::new(),
        differences: Vec::new(),
        ended_early: None,
    }
}
