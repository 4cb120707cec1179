//! Which path leads where.

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, options, post};
use tower::ServiceBuilder;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use crate::error::{ApiError, plain_error};
use crate::handlers::{
    exemplars, expression, federate, management, metadata, page, query, rules, series, status, targets, write,
};
use crate::{
    ApiOptions, HttpMetrics, Lifecycle, QueryBackend, TargetsBackend, WriteBackend, cors, http_metrics,
};

/// The roles behind the edge. A process serves the routes of those it has.
#[derive(Clone)]
pub struct Backends {
    pub query: Option<Arc<dyn QueryBackend>>,
    pub write: Option<Arc<dyn WriteBackend>>,
    pub targets: Option<Arc<dyn TargetsBackend>>,
    pub lifecycle: Arc<dyn Lifecycle>,
}

impl std::fmt::Debug for Backends {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backends")
            .field("query", &self.query.is_some())
            .field("write", &self.write.is_some())
            .field("targets", &self.targets.is_some())
            .finish_non_exhaustive()
    }
}

/// What every handler sees.
#[derive(Debug, Clone)]
pub(crate) struct Api(Arc<ApiState>);

#[derive(Debug)]
pub(crate) struct ApiState {
    pub(crate) options: ApiOptions,
    pub(crate) backends: Backends,
}

impl Deref for Api {
    type Target = ApiState;

    fn deref(&self) -> &ApiState {
        &self.0
    }
}

impl ApiState {
    pub(crate) fn now_ms(&self) -> i64 {
        self.options.clock.now_ms()
    }

    pub(crate) fn query(&self) -> Result<&dyn QueryBackend, ApiError> {
        self.backends
            .query
            .as_deref()
            .ok_or_else(|| ApiError::no_role("querier"))
    }

    pub(crate) fn targets(&self) -> Result<&dyn TargetsBackend, ApiError> {
        self.backends
            .targets
            .as_deref()
            .ok_or_else(|| ApiError::no_role("scraper"))
    }
}

/// The whole HTTP surface: below the route prefix, and below `/prometheus` there, where Mimir's
/// clients look for it.
pub fn router(options: ApiOptions, backends: Backends, metrics: HttpMetrics) -> Router {
    let prefix = options.route_prefix.clone();
    let alias = format!("{prefix}/prometheus");
    let api = Api(Arc::new(ApiState { options, backends }));
    let mut all = Router::new().nest(&alias, routes(&api));
    all = if prefix.is_empty() {
        all.merge(routes(&api))
    } else {
        all.nest(&prefix, routes(&api))
            .route("/", get(redirect(format!("{prefix}/"))))
            .route(&prefix, get(redirect(format!("{prefix}/"))))
    };
    // The page's links are relative, so its own path has to end with a slash.
    all = all
        .route(&format!("{prefix}/"), get(page::home))
        .route(&alias, get(redirect(format!("{alias}/"))))
        .route(&format!("{alias}/"), get(page::home));
    let metrics = metrics.below(&prefix);
    // Compression is outermost, so that sizes are counted before it.
    let layers = ServiceBuilder::new()
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(from_fn_with_state(metrics, http_metrics::measure))
        .layer(from_fn_with_state(api.clone(), cors::add_headers))
        .layer(map_response(explain_method));
    all.fallback(not_found).layer(layers).with_state(api)
}

fn routes(api: &Api) -> Router<Api> {
    Router::new()
        .route("/-/healthy", get(management::healthy))
        .route("/-/reload", any(management::reload))
        .route("/-/quit", any(management::quit))
        .route("/metrics", get(management::metrics))
        .route("/version", get(management::version))
        // The only part of the API that works during the start: it tells how far the start is.
        .route("/api/v1/status/walreplay", get(status::replay))
        .route(
            "/api/v1/{*path}",
            options(management::options).fallback(not_found),
        )
        .merge(when_ready().route_layer(from_fn_with_state(api.clone(), management::require_ready)))
}

fn when_ready() -> Router<Api> {
    let v1 = Router::new()
        .route("/query", form(get(query::instant).post(query::instant)))
        .route("/query_range", form(get(query::range).post(query::range)))
        .route(
            "/query_exemplars",
            form(get(exemplars::query).post(exemplars::query)),
        )
        .route(
            "/format_query",
            form(get(expression::format).post(expression::format)),
        )
        .route(
            "/parse_query",
            form(get(expression::syntax_tree).post(expression::syntax_tree)),
        )
        .route("/series", form(get(series::series).post(series::series)))
        .route(
            "/labels",
            form(get(series::label_names).post(series::label_names)),
        )
        .route("/label/{name}/values", form(get(series::label_values)))
        .route("/metadata", form(get(metadata::metrics)))
        .route("/targets", form(get(targets::targets)))
        .route("/targets/metadata", form(get(metadata::of_targets)))
        .route("/scrape_pools", form(get(targets::scrape_pools)))
        .route("/rules", form(get(rules::rules)))
        .route("/alerts", form(get(rules::alerts)))
        .route("/alertmanagers", form(get(rules::alertmanagers)))
        .route("/features", form(get(metadata::features)))
        .route("/notifications", form(get(rules::notifications)))
        .route("/status/config", form(get(status::config)))
        .route("/status/flags", form(get(status::flags)))
        .route("/status/buildinfo", form(get(status::build_info)))
        .route("/status/runtimeinfo", form(get(status::runtime_info)))
        .route("/status/tsdb", form(get(status::tsdb)))
        .route("/status/tsdb/blocks", form(get(status::tsdb_blocks)))
        .route(
            "/admin/tsdb/{action}",
            form(post(status::admin_disabled).put(status::admin_disabled)),
        )
        .route("/write", any(write::write))
        .route("/push", any(write::write));
    Router::new()
        .nest("/api/v1", v1)
        .route("/-/ready", get(management::ready))
        .route("/federate", get(federate::federate))
}

fn redirect(target: String) -> impl IntoResponse + Clone {
    (StatusCode::FOUND, [(header::LOCATION, target)])
}

async fn not_found() -> Response {
    plain_error(StatusCode::NOT_FOUND, "404 page not found")
}

/// Every route of the API also answers preflight requests.
fn form(route: axum::routing::MethodRouter<Api>) -> axum::routing::MethodRouter<Api> {
    route.options(management::options)
}

/// Gives the bare 405 of the router the text that Go gives it.
async fn explain_method(response: Response) -> Response {
    use axum::body::HttpBody as _;

    if response.status() != StatusCode::METHOD_NOT_ALLOWED || !response.body().is_end_stream() {
        return response;
    }
    let mut explained = plain_error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
    if let Some(allow) = response.headers().get(header::ALLOW) {
        explained.headers_mut().insert(header::ALLOW, allow.clone());
    }
    explained
}
