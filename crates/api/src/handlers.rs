//! One module per group of endpoints.

pub(crate) mod exemplars;
pub(crate) mod expression;
pub(crate) mod federate;
pub(crate) mod management;
pub(crate) mod metadata;
pub(crate) mod page;
pub(crate) mod query;
pub(crate) mod rules;
pub(crate) mod series;
pub(crate) mod status;
pub(crate) mod targets;
pub(crate) mod write;
