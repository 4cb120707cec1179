use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::compare::{DifferenceKind, Tolerance};
use crate::options::Options;
use crate::query::Grid;

/// What a differential run asked and found. Counts are of queries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DifferentialReport {
    /// How the two systems are named, first and second.
    pub systems: (String, String),
    pub seeds: Vec<u64>,
    pub queries_per_seed: u64,
    pub options: Options,
    pub tolerance: Tolerance,
    /// Asked of both.
    pub queries: u64,
    /// Both answered with data.
    pub valid: u64,
    /// Of those, with at least one sample.
    pub non_empty: u64,
    /// By status and type of error of the first system.
    pub errors: BTreeMap<String, u64>,
    /// By function, operator, modifier or literal: how often it was asked.
    pub coverage: BTreeMap<String, Exercised>,
    /// How many queries were answered differently, whether or not listed below.
    pub different: u64,
    /// How many of those prove nothing: the first system contradicts itself as much when an
    /// intermediate result changes by parts in 10^15. Differences that were not reduced are not judged.
    pub ill_conditioned: u64,
    /// By kind and the operations of the smallest form.
    pub different_by_signature: BTreeMap<String, u64>,
    pub differences: Vec<FoundDifference>,
    /// Why the run ended before its last query, if it did.
    pub ended_early: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exercised {
    pub queries: u64,
    /// With at least one sample in the first system's answer.
    pub non_empty: u64,
}

/// One difference, as it was found and in its smallest form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoundDifference {
    pub seed: u64,
    /// The how manieth query of the seed, from 0.
    pub index: u64,
    pub query: String,
    pub grid: Grid,
    pub kind: DifferenceKind,
    pub minimal_query: String,
    pub minimal_grid: Grid,
    /// Of the smallest form.
    pub detail: String,
    /// Operations of the smallest form, which tells apart causes better than the text does.
    pub signature: String,
    pub ill_conditioned: bool,
    /// Answers to the smallest form, cut to the series that differ.
    pub first_answer: String,
    pub second_answer: String,
}

impl DifferentialReport {
    /// Every query was asked, and answered the same but for ill-conditioned ones.
    pub fn is_clean(&self) -> bool {
        self.different == self.ill_conditioned && self.ended_early.is_none()
    }

    /// The share of valid queries that found something, between 0 and 1.
    pub fn non_empty_share(&self) -> f64 {
        if self.valid == 0 {
            0.0
        } else {
            self.non_empty as f64 / self.valid as f64
        }
    }
}
