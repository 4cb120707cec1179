//! One module per group of endpoints.

pub(crate) mod admin;
pub(crate) mod exemplars;
pub(crate) mod expression;
pub(crate) mod federate;
pub(crate) mod ingester;
pub(crate) mod management;
pub(crate) mod metadata;
pub(crate) mod notifications;
pub(crate) mod openapi;
pub(crate) mod page;
pub(crate) mod query;
pub(crate) mod read;
pub(crate) mod rules;
pub(crate) mod self_metrics;
pub(crate) mod series;
pub(crate) mod status;
pub(crate) mod targets;
pub(crate) mod write;
