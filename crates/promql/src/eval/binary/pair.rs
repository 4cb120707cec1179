//! Arithmetic and comparison between two vectors.
//!
//! One side, the "one" side, is held by group; the other streams past it. Which side has several
//! partners per group may change from step to step, so all rules hold per step.

use std::sync::Arc;

use hashbrown::HashMap;
use vigie_model::Labels;

use crate::plan::{BinaryNode, Grid};
use crate::{EvalError, MatchCardinality};

use super::super::column::{StepSeries, StepSet, is_metadata_label};
use super::super::evaluator::{Evaluator, Sink, push_all};
use super::super::memory::Charge;
use super::super::merge::{Collected, Merger};
use super::super::notes;
use super::element::{self, Combination, Element};
use super::matching::Signatures;
use super::operation::{changes_schema, elements, is_trim};

impl Evaluator<'_> {
    pub(super) fn pair(&self, node: &BinaryNode, grid: Grid, sink: &mut Sink<'_>) -> Result<(), EvalError> {
        let (many_node, one_node) = match node.matching.cardinality {
            MatchCardinality::OneToMany => (&node.right, &node.left),
            _ => (&node.left, &node.right),
        };
        let mut pairing = Pairing::new(self, node, grid);
        self.vector(one_node, grid, &mut |series| {
            self.work(grid.len)?;
            pairing.add_one(series)
        })?;
        pairing.find_duplicates();
        self.vector(many_node, grid, &mut |series| {
            self.work(grid.len)?;
            pairing.match_many(series)
        })?;
        pairing.check_duplicates()?;
        pairing.fill_unmatched_ones()?;
        push_all(pairing.merger.finish(), sink)
    }
}

struct Pairing<'e, 'm> {
    evaluator: &'m Evaluator<'e>,
    node: &'m BinaryNode,
    grid: Grid,
    signatures: Signatures<'m>,
    ones: Collected<'m>,
    /// Positions in `ones` by group.
    groups: Vec<Vec<usize>>,
    /// Steps at which two of the one side are in the same group, and their positions.
    duplicates: Vec<(usize, usize, usize)>,
    /// Kept only where there are duplicates: the steps where they matter.
    many_present: StepSet,
    /// Steps at which a group had a match.
    matched: HashMap<usize, StepSet>,
    /// Steps at which a result with these labels was made; for many-to-one.
    results: HashMap<(usize, Labels), StepSet>,
    charge: Charge<'m>,
    merger: Merger<'m>,
    /// The fill values for a missing partner on the one side and on the many side.
    fill_one: Option<f64>,
    fill_many: Option<f64>,
    /// The first step at which a group had several matches; kept while duplicates may come first.
    conflict: Option<usize>,
}

impl<'e, 'm> Pairing<'e, 'm> {
    fn new(evaluator: &'m Evaluator<'e>, node: &'m BinaryNode, grid: Grid) -> Pairing<'e, 'm> {
        // Also under group_right Prometheus takes the left fill for the many side.
        let fill = node.matching.fill;
        Pairing {
            evaluator,
            node,
            grid,
            signatures: Signatures::new(&node.matching),
            ones: Collected::new(&evaluator.memory),
            groups: Vec::new(),
            duplicates: Vec::new(),
            many_present: StepSet::new(grid.len),
            matched: HashMap::new(),
            results: HashMap::new(),
            charge: evaluator.memory.empty_charge(),
            merger: Merger::new(&evaluator.memory),
            fill_one: fill.right,
            fill_many: fill.left,
            conflict: None,
        }
    }

    fn add_one(&mut self, series: &mut StepSeries) -> Result<(), EvalError> {
        if series.is_empty() {
            return Ok(());
        }
        let ordinal = self.signatures.ordinal(&series.labels);
        if self.groups.len() <= ordinal {
            self.groups.resize_with(ordinal + 1, Vec::new);
        }
        self.groups[ordinal].push(self.ones.series.len());
        self.ones.push(series)
    }

    fn find_duplicates(&mut self) {
        for group in self.groups.iter().filter(|group| group.len() > 1) {
            for step in 0..self.grid.len {
                let mut present = group.iter().filter(|at| self.ones.series[**at].is_present(step));
                if let (Some(&first), Some(&second)) = (present.next(), present.next()) {
                    self.duplicates.push((step, first, second));
                }
            }
        }
    }

    /// Duplicates are an error where the other side has anything at all.
    fn check_duplicates(&self) -> Result<(), EvalError> {
        let fills = self.fill_one.is_some() || self.fill_many.is_some();
        let collision = self
            .duplicates
            .iter()
            .filter(|(step, ..)| fills || self.many_present.contains(*step))
            .min_by_key(|(step, ..)| *step);
        match collision {
            Some(&(_, first, second)) => {
                Err(self.duplicate_error(&self.ones.series[first].labels, &self.ones.series[second].labels))
            }
            None => Ok(()),
        }
    }

    fn duplicate_error(&self, first: &Labels, second: &Labels) -> EvalError {
        let side = match self.node.matching.cardinality {
            MatchCardinality::OneToMany => "left",
            _ => "right",
        };
        let mut series = [first.to_string(), second.to_string()];
        series.sort();
        EvalError::Execution(format!(
            "found duplicate series for the match group {} on the {side} hand-side of the operation: \
             [{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
            self.signatures.match_labels(first),
            series[0],
            series[1]
        ))
    }

    fn match_many(&mut self, many: &mut StepSeries) -> Result<(), EvalError> {
        if many.is_empty() {
            return Ok(());
        }
        if !self.duplicates.is_empty() {
            self.many_present.insert_present(many);
        }
        let ordinal = self.signatures.ordinal(&many.labels);
        let partners = self.groups.get(ordinal).cloned().unwrap_or_default();
        for &partner in &partners {
            let labels = self.result_labels(&many.labels, &self.ones.series[partner].labels);
            let mut out = StepSeries::new(labels, self.grid.len);
            let mut steps = self.take_steps(ordinal, &out.labels)?;
            let mut conflict = self.conflict;
            let one = &self.ones.series[partner];
            for step in 0..self.grid.len {
                if many.is_present(step) && one.is_present(step) {
                    if !steps.insert(step) {
                        conflict = Some(conflict.map_or(step, |earlier| earlier.min(step)));
                        break;
                    }
                    self.combine(Element::at(many, step), Element::at(one, step), step, &mut out);
                }
            }
            self.put_steps(ordinal, &out.labels, steps);
            self.set_conflict(conflict)?;
            self.push(&mut out)?;
        }
        if let Some(fill) = self.fill_one {
            let labels = self.result_labels(&many.labels, &self.signatures.match_labels(&many.labels));
            let mut out = StepSeries::new(labels, self.grid.len);
            let mut steps = self.take_steps(ordinal, &out.labels)?;
            let mut conflict = self.conflict;
            for step in 0..self.grid.len {
                let has_partner = partners.iter().any(|at| self.ones.series[*at].is_present(step));
                if many.is_present(step) && !has_partner {
                    if !steps.insert(step) {
                        conflict = Some(conflict.map_or(step, |earlier| earlier.min(step)));
                        break;
                    }
                    let fill = Some(Element::Float(fill));
                    self.combine(Element::at(many, step), fill, step, &mut out);
                }
            }
            self.put_steps(ordinal, &out.labels, steps);
            self.set_conflict(conflict)?;
            self.push(&mut out)?;
        }
        Ok(())
    }

    /// Samples of the one side without a partner meet the fill value of the other.
    fn fill_unmatched_ones(&mut self) -> Result<(), EvalError> {
        let Some(fill) = self.fill_many else {
            return Ok(());
        };
        for ordinal in 0..self.groups.len() {
            for at in self.groups[ordinal].clone() {
                let one = &self.ones.series[at];
                let many_labels = self.signatures.match_labels(&one.labels);
                let mut out = StepSeries::new(self.result_labels(&many_labels, &one.labels), self.grid.len);
                let matched = self.matched.get(&ordinal);
                for step in 0..self.grid.len {
                    if one.is_present(step) && !matched.is_some_and(|steps| steps.contains(step)) {
                        let fill = Some(Element::Float(fill));
                        self.combine(fill, Element::at(one, step), step, &mut out);
                    }
                }
                self.push(&mut out)?;
            }
        }
        Ok(())
    }

    fn push(&mut self, out: &mut StepSeries) -> Result<(), EvalError> {
        out.drop_name = self.node.return_bool;
        self.merger.push(out)
    }

    #[inline]
    fn combine(
        &self,
        many: Option<Element<'_>>,
        one: Option<Element<'_>>,
        step: usize,
        out: &mut StepSeries,
    ) {
        let (Some(many), Some(one)) = (many, one) else {
            return;
        };
        if let (Element::Float(many), Element::Float(one)) = (many, one) {
            if is_trim(self.node.op) {
                let note = notes::incompatible_types("float", self.node.op.as_str(), "float");
                self.evaluator.note(self.node.span, note);
            }
            out.values[step] = self.operate(many, one);
            return;
        }
        let (left, right) = self.sides(many, one);
        let combination = element::combine(self.node.op, left, right, &mut |note| {
            self.evaluator.note(self.node.span, note);
        });
        match (combination, left) {
            (Combination::Comparison(holds), _) if self.node.return_bool => {
                out.values[step] = f64::from(u8::from(holds));
            }
            (Combination::Comparison(true), Element::Histogram(kept)) => {
                out.histograms.push((step, Arc::new(kept.clone())));
            }
            (Combination::Histogram(result), _) => out.histograms.push((step, Arc::new(result))),
            (Combination::Comparison(_) | Combination::Nothing, _) => {}
        }
    }

    #[inline(always)]
    fn operate(&self, many: f64, one: f64) -> f64 {
        let (left, right) = self.sides(many, one);
        elements(self.node.op, self.node.return_bool, left, right)
    }

    #[inline(always)]
    fn sides<T>(&self, many: T, one: T) -> (T, T) {
        match self.node.matching.cardinality {
            MatchCardinality::OneToMany => (one, many),
            _ => (many, one),
        }
    }

    /// The steps that are taken already: by the group if each group has one result, by the group and
    /// the result's labels if it may have several.
    fn take_steps(&mut self, ordinal: usize, labels: &Labels) -> Result<StepSet, EvalError> {
        let found = if self.is_one_to_one() {
            self.matched.remove(&ordinal)
        } else {
            self.results.remove(&(ordinal, labels.clone()))
        };
        match found {
            Some(steps) => Ok(steps),
            None => {
                let steps = StepSet::new(self.grid.len);
                self.charge.grow(0, steps.size_bytes())?;
                Ok(steps)
            }
        }
    }

    fn put_steps(&mut self, ordinal: usize, labels: &Labels, steps: StepSet) {
        if self.is_one_to_one() {
            self.matched.insert(ordinal, steps);
            return;
        }
        if self.fill_many.is_some() {
            let matched = self
                .matched
                .entry(ordinal)
                .or_insert_with(|| StepSet::new(self.grid.len));
            (0..self.grid.len)
                .filter(|step| steps.contains(*step))
                .for_each(|step| {
                    matched.insert(step);
                });
        }
        self.results.insert((ordinal, labels.clone()), steps);
    }

    /// Prometheus goes step by step and meets duplicates of the one side first.
    fn set_conflict(&mut self, conflict: Option<usize>) -> Result<(), EvalError> {
        if conflict.is_some() && self.duplicates.is_empty() {
            return Err(self.several_matches());
        }
        self.conflict = conflict;
        Ok(())
    }

    fn is_one_to_one(&self) -> bool {
        self.node.matching.cardinality == MatchCardinality::OneToOne
    }

    fn several_matches(&self) -> EvalError {
        let reason = if self.is_one_to_one() {
            "many-to-one matching must be explicit (group_left/group_right)"
        } else {
            "grouping labels must ensure unique matches"
        };
        EvalError::Execution(format!("multiple matches for labels: {reason}"))
    }

    /// The many side's labels, without the name if the result is another metric; between equals only
    /// those matched on; and the one side's labels that were asked for.
    fn result_labels(&self, many: &Labels, one: &Labels) -> Labels {
        let matching = &self.node.matching;
        let delayed = self.evaluator.plan.params().delayed_name_removal;
        let drops_name = changes_schema(self.node.op) || (self.node.return_bool && !delayed);
        let keep = |name: &str| {
            if drops_name && is_metadata_label(name) {
                return false;
            }
            let listed = || matching.labels.iter().any(|listed| listed == name);
            !self.is_one_to_one() || listed() == matching.on
        };
        if matching.include.is_empty() {
            return many.filter(keep);
        }
        let mut labels = many.filter(keep).to_builder();
        for name in &matching.include {
            labels.set(name, one.get(name).unwrap_or_default());
        }
        labels.build()
    }
}
