//! How the edge behaves.

use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use tokio::sync::Semaphore;
use vigie_model::Labels;
use vigie_promql::ParseOptions;
use vigie_runtime::{ByteBudget, Clock, SystemClock};

/// What a process may choose about its HTTP surface.
#[derive(Debug, Clone)]
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
    /// Bodies of writes that are held at once; beyond it the answer is 429 before a byte is read.
    pub write_bodies: ByteBudget,
    pub remote_read: RemoteReadOptions,
    pub clock: Arc<dyn Clock>,
}

/// What other servers may read.
#[derive(Debug, Clone)]
pub struct RemoteReadOptions {
    /// The most samples of an answer that is not streamed; 0 for no limit.
    pub max_samples: u64,
    /// As many requests as there are permits run at once.
    pub turns: Arc<Semaphore>,
    /// The size of a frame of a stream, but for the last chunk in it.
    pub max_frame_bytes: usize,
}

impl Default for RemoteReadOptions {
    /// Prometheus's.
    fn default() -> RemoteReadOptions {
        RemoteReadOptions {
            max_samples: 50_000_000,
            turns: Arc::new(Semaphore::new(10)),
            max_frame_bytes: 1 << 20,
        }
    }
}

/// Whether requests have to name their tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenancy {
    /// Without `X-Scope-OrgID` the tenant is `anonymous`.
    Optional,
    /// Without `X-Scope-OrgID` the answer is 401.
    Required,
}

impl Default for ApiOptions {
    fn default() -> ApiOptions {
        ApiOptions {
            route_prefix: String::new(),
            external_url: String::new(),
            cors_origin: None,
            tenancy: Tenancy::Optional,
            lifecycle_enabled: false,
            external_labels: Labels::empty(),
            promql: ParseOptions::default(),
            read_timeout: Duration::from_secs(300),
            write_bodies: ByteBudget::new(256 << 20),
            remote_read: RemoteReadOptions::default(),
            clock: Arc::new(SystemClock),
        }
    }
}
