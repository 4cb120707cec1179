//! How each kind of system is started, one file each.

pub(crate) mod mimir;
pub(crate) mod prometheus;
pub(crate) mod victoria_metrics;
pub(crate) mod vigie;
