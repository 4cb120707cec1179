//! The functions and operators that queries are made of.

/// One float in, one float out, series by series.
pub(crate) const MATHS: &[&str] = &[
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "deg", "exp", "floor",
    "ln", "log10", "log2", "rad", "sgn", "sin", "sinh", "sqrt", "tan", "tanh",
];

pub(crate) const CALENDAR: &[&str] = &[
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "hour",
    "minute",
    "month",
    "year",
];

/// Of a range vector of counters.
pub(crate) const OF_COUNTERS: &[&str] = &["increase", "irate", "rate", "resets"];

/// Of any range vector.
pub(crate) const OF_RANGES: &[&str] = &[
    "absent_over_time",
    "avg_over_time",
    "changes",
    "count_over_time",
    "delta",
    "deriv",
    "first_over_time",
    "idelta",
    "last_over_time",
    "max_over_time",
    "min_over_time",
    "present_over_time",
    "stddev_over_time",
    "stdvar_over_time",
    "sum_over_time",
];

pub(crate) const EXPERIMENTAL_OF_RANGES: &[&str] = &[
    "mad_over_time",
    "ts_of_first_over_time",
    "ts_of_last_over_time",
    "ts_of_max_over_time",
    "ts_of_min_over_time",
];

/// Of native histograms.
pub(crate) const OF_HISTOGRAMS: &[&str] = &[
    "histogram_avg",
    "histogram_count",
    "histogram_stddev",
    "histogram_stdvar",
    "histogram_sum",
];

/// Aggregations without a parameter.
pub(crate) const AGGREGATIONS: &[&str] = &["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"];

pub(crate) const ARITHMETIC: &[&str] = &["+", "-", "*", "/", "%", "^", "atan2"];

pub(crate) const COMPARISONS: &[&str] = &["==", "!=", "<", "<=", ">", ">="];

pub(crate) const SET_OPERATORS: &[&str] = &["and", "or", "unless"];
