//! Functions of instant vectors.

mod calendar;
mod classic;
mod histogram_fraction;
mod histogram_quantile;
mod info;
mod labels;
mod math;
mod native;
mod native_fraction;
mod native_quantile;
mod sort;

pub(crate) use calendar::format_rfc3339;
pub(crate) use math::{go_max, go_min};
