//! What the edge counts about itself.

use std::sync::Arc;
use std::time::Instant;

use axum::body::HttpBody;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// Requests, durations and sizes by route, under Prometheus's names.
#[derive(Debug, Clone)]
pub struct HttpMetrics {
    families: Arc<Families>,
    /// Taken off the routes that are reported.
    route_prefix: Arc<str>,
}

#[derive(Debug)]
struct Families {
    requests: Family<RequestLabels, Counter>,
    durations: Family<HandlerLabels, Histogram>,
    sizes: Family<HandlerLabels, Histogram>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    code: u16,
    handler: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HandlerLabels {
    handler: String,
}

impl HttpMetrics {
    pub fn register(registry: &mut Registry) -> HttpMetrics {
        let families = Families {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| {
                Histogram::new([0.005, 0.025, 0.1, 0.2, 0.4, 1.0, 3.0, 8.0, 20.0, 60.0, 120.0])
            }),
            sizes: Family::new_with_constructor(|| Histogram::new(exponential_buckets(100.0, 10.0, 8))),
        };
        registry.register(
            "prometheus_http_requests",
            "Counter of HTTP requests",
            families.requests.clone(),
        );
        registry.register(
            "prometheus_http_request_duration_seconds",
            "Histogram of latencies for HTTP requests",
            families.durations.clone(),
        );
        registry.register(
            "prometheus_http_response_size_bytes",
            "Histogram of response size for HTTP requests before compression",
            families.sizes.clone(),
        );
        HttpMetrics {
            families: Arc::new(families),
            route_prefix: Arc::from(""),
        }
    }

    pub(crate) fn below(self, route_prefix: &str) -> HttpMetrics {
        HttpMetrics {
            route_prefix: Arc::from(route_prefix),
            ..self
        }
    }

    /// The route, in Prometheus's notation, without the prefixes that lead to the same handler.
    fn handler(&self, path: &MatchedPath) -> String {
        let path = path.as_str();
        let path = path.strip_prefix(&*self.route_prefix).unwrap_or(path);
        let path = path.strip_prefix("/prometheus").unwrap_or(path);
        if path.is_empty() {
            "/".to_owned()
        } else {
            path.replace('{', ":").replace('}', "")
        }
    }
}

/// Measures one request. Paths without a route are not told apart, or anyone could make series.
pub(crate) async fn measure(State(metrics): State<HttpMetrics>, request: Request, next: Next) -> Response {
    let handler = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| metrics.handler(path));
    let start = Instant::now();
    let response = next.run(request).await;
    let requests = RequestLabels {
        code: response.status().as_u16(),
        handler: handler.clone(),
    };
    let families = &metrics.families;
    families.requests.get_or_create(&requests).inc();
    let labels = HandlerLabels { handler };
    families
        .durations
        .get_or_create(&labels)
        .observe(start.elapsed().as_secs_f64());
    if let Some(size_bytes) = response.body().size_hint().exact() {
        families.sizes.get_or_create(&labels).observe(size_bytes as f64);
    }
    response
}
