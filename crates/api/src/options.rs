//! How the edge behaves.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use vigie_model::Labels;
use vigie_promql::ParseOptions;

/// Milliseconds since the Unix epoch, now.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What a process may choose about its HTTP surface.
#[derive(Clone)]
pub struct ApiOptions {
    /// All routes live below it: empty, or a path with a leading and without a trailing slash.
    pub route_prefix: String,
    /// Where users reach this process; shown on the status page.
    pub external_url: String,
    /// Origins that browsers may call from; must match as a whole. `None` sends no CORS headers.
    pub cors_origin: Option<Regex>,
    pub tenancy: Tenancy,
    /// Allows `/-/reload` and `/-/quit`.
    pub lifecycle_enabled: bool,
    /// Added to federated series that lack them.
    pub external_labels: Labels,
    /// The parts of PromQL that format_query and parse_query read.
    pub promql: ParseOptions,
    /// A request body must be complete after this time.
    pub read_timeout: Duration,
    pub clock: Clock,
}

/// Whether requests have to name their tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenancy {
    /// Without `X-Scope-OrgID` the tenant is `anonymous`.
    Optional,
    /// Without `X-Scope-OrgID` the answer is 401.
    Required,
}

impl ApiOptions {
    pub fn new(clock: Clock) -> ApiOptions {
        ApiOptions {
            route_prefix: String::new(),
            external_url: String::new(),
            cors_origin: None,
            tenancy: Tenancy::Optional,
            lifecycle_enabled: false,
            external_labels: Labels::empty(),
            promql: ParseOptions::default(),
            read_timeout: Duration::from_secs(300),
            clock,
        }
    }
}

impl fmt::Debug for ApiOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiOptions")
            .field("route_prefix", &self.route_prefix)
            .field("external_url", &self.external_url)
            .field("tenancy", &self.tenancy)
            .field("lifecycle_enabled", &self.lifecycle_enabled)
            .finish_non_exhaustive()
    }
}
