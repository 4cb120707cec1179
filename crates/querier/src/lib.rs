//! Answers queries: parses, plans, asks every ingester for its part, evaluates.
//!
//! A series has one home, so the parts are joined and never compared. The crate must not know JSON,
//! HTTP, storage or Raft, nor what PromQL means, which [`vigie_promql`] does.

mod decode;
mod error;
mod exemplars;
mod find;
mod metrics;
mod querier;
mod source;
mod stats;

pub use error::QueryError;
pub use find::FindRequest;
pub use querier::{Querier, QuerierOptions, QueryAnswer, QueryRequest};
pub use stats::TenantStats;
