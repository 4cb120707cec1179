//! Answers.

use vigie_model::{FloatHistogram, Labels};

/// The value of a query.
#[derive(Debug, Clone, PartialEq)]
pub enum QueryValue {
    Scalar {
        timestamp_ms: i64,
        value: f64,
    },
    String {
        timestamp_ms: i64,
        value: String,
    },
    Vector(Vector),
    /// Sorted by labels.
    Matrix(Matrix),
}

pub type Vector = Vec<VectorSample>;
pub type Matrix = Vec<MatrixSeries>;

/// One element of an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSample {
    pub labels: Labels,
    pub timestamp_ms: i64,
    pub value: f64,
    /// Takes the place of `value` when present.
    pub histogram: Option<Box<FloatHistogram>>,
}

/// One series of a matrix; times ascend, and are in one of the columns only.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MatrixSeries {
    pub labels: Labels,
    pub timestamps_ms: Vec<i64>,
    pub values: Vec<f64>,
    pub histograms: Vec<(i64, FloatHistogram)>,
}
