//! Which path leads where.

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::http::{StatusCode, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, any, get, on};
use tower::ServiceBuilder;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use crate::cors::IfMarked;
use crate::error::{ApiError, plain_error};
use crate::handlers::{
    admin, exemplars, expression, federate, ingester, management, metadata, notifications, openapi, page,
    query, read, rules, self_metrics, series, status, targets, write,
};
use crate::{
    AdminBackend, ApiOptions, HttpMetrics, IngesterBackend, Lifecycle, QueryBackend, TargetsBackend,
    WriteBackend, cors, http_metrics,
};

/// The roles behind the edge. A process serves the routes of those it has.
#[derive(Clone)]
pub struct Backends {
    pub query: Option<Arc<dyn QueryBackend>>,
    pub write: Option<Arc<dyn WriteBackend>>,
    pub targets: Option<Arc<dyn TargetsBackend>>,
    /// `None` where the administration of the storage is not enabled.
    pub admin: Option<Arc<dyn AdminBackend>>,
    pub ingester: Option<Arc<dyn IngesterBackend>>,
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
        .layer(
            CompressionLayer::new()
                .quality(CompressionLevel::Fastest)
                .compress_when(IfMarked),
        )
        .layer(from_fn_with_state(metrics, http_metrics::measure))
        .layer(map_response(explain_refusal));
    all.fallback(not_found).layer(layers).with_state(api)
}

fn routes(api: &Api) -> Router<Api> {
    Router::new()
        .route("/-/healthy", get(management::healthy))
        .route("/-/reload", any(management::reload))
        .route("/-/quit", any(management::quit))
        .route(
            "/metrics",
            get(management::metrics).layer(map_response(compressible)),
        )
        .route("/version", get(management::version))
        // The only part of the API that works during the start: it tells how far the start is.
        .route(
            "/api/v1/status/walreplay",
            reading(status::replay).layer(from_fn_with_state(api.clone(), cors::shared_answer)),
        )
        .route(
            "/api/v1/{*path}",
            on(MethodFilter::OPTIONS, management::options)
                .layer(from_fn_with_state(api.clone(), cors::api_answer))
                .on(all_but_options(), not_found),
        )
        .merge(when_ready(api).route_layer(from_fn_with_state(api.clone(), management::require_ready)))
}

fn when_ready(api: &Api) -> Router<Api> {
    let v1 = Router::new()
        .merge(answers().route_layer(from_fn_with_state(api.clone(), cors::api_answer)))
        .merge(uncompressed().route_layer(from_fn_with_state(api.clone(), cors::shared_answer)))
        .route("/read", taking(read::read))
        .route("/write", taking(write::write))
        .route("/push", taking(write::write))
        .route("/otlp/v1/metrics", taking(write::otlp))
        .route("/openapi.yaml", reading(openapi::document));
    Router::new()
        .nest("/api/v1", v1)
        .route("/-/ready", get(management::ready))
        .route("/ingester/flush", asking(ingester::flush))
        .route(
            "/federate",
            reading(federate::federate).layer(map_response(compressible)),
        )
}

fn answers() -> Router<Api> {
    Router::new()
        .route("/query", asking(query::instant))
        .route("/query_range", asking(query::range))
        .route("/query_exemplars", asking(exemplars::query))
        .route("/format_query", asking(expression::format))
        .route("/parse_query", asking(expression::syntax_tree))
        .route("/series", asking(series::series))
        .route("/labels", asking(series::label_names))
        .route("/label/{name}/values", reading(series::label_values))
        .route("/metadata", reading(metadata::metrics))
        .route("/targets", reading(targets::targets))
        .route("/targets/metadata", reading(metadata::of_targets))
        .route("/targets/relabel_steps", reading(targets::relabel_steps))
        .route("/scrape_pools", reading(targets::scrape_pools))
        .route("/rules", reading(rules::rules))
        .route("/alerts", reading(rules::alerts))
        .route("/alertmanagers", reading(rules::alertmanagers))
        .route("/features", reading(metadata::features))
        .route("/status/config", reading(status::config))
        .route("/status/flags", reading(status::flags))
        .route("/status/buildinfo", reading(status::build_info))
        .route("/status/runtimeinfo", reading(status::runtime_info))
        .route("/status/tsdb", reading(status::tsdb))
        .route("/status/tsdb/blocks", reading(status::tsdb_blocks))
        .route("/status/self_metrics", reading(self_metrics::families))
        .route("/admin/tsdb/delete_series", acting(admin::delete_series))
        .route("/admin/tsdb/clean_tombstones", acting(admin::clean_tombstones))
        .route("/admin/tsdb/snapshot", acting(admin::snapshot))
}

fn uncompressed() -> Router<Api> {
    Router::new()
        .route("/notifications", reading(notifications::list))
        .route("/notifications/live", reading(notifications::live))
        .route("/search/{what}", asking(series::search_disabled))
}

fn reading<T: 'static>(handler: impl Handler<T, Api>) -> MethodRouter<Api> {
    with_refusal(on(MethodFilter::GET, handler), "GET, OPTIONS")
}

fn asking<T: 'static>(handler: impl Handler<T, Api>) -> MethodRouter<Api> {
    let methods = MethodFilter::GET.or(MethodFilter::POST);
    with_refusal(on(methods, handler), "GET, OPTIONS, POST")
}

fn acting<T: 'static>(handler: impl Handler<T, Api>) -> MethodRouter<Api> {
    let methods = MethodFilter::POST.or(MethodFilter::PUT);
    with_refusal(on(methods, handler), "OPTIONS, POST, PUT")
}

fn taking<T: 'static>(handler: impl Handler<T, Api>) -> MethodRouter<Api> {
    with_refusal(on(MethodFilter::POST, handler), "OPTIONS, POST")
}

/// Every route of the API also answers preflight requests; HEAD is refused like any other method.
fn with_refusal(route: MethodRouter<Api>, allow: &'static str) -> MethodRouter<Api> {
    let refuse = move || async move {
        let refusal = plain_error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
        ([(header::ALLOW, allow)], refusal)
    };
    route
        .on(MethodFilter::OPTIONS, management::options)
        .on(MethodFilter::HEAD, refuse)
        .fallback(refuse)
}

fn redirect(target: String) -> impl IntoResponse + Clone {
    (StatusCode::FOUND, [(header::LOCATION, target)])
}

/// A path that is none allows no method, so none may be left to the router, which would name the others.
fn all_but_options() -> MethodFilter {
    MethodFilter::GET
        .or(MethodFilter::HEAD)
        .or(MethodFilter::POST)
        .or(MethodFilter::PUT)
        .or(MethodFilter::PATCH)
        .or(MethodFilter::DELETE)
        .or(MethodFilter::TRACE)
}

async fn not_found() -> Response {
    plain_error(StatusCode::NOT_FOUND, "404 page not found")
}

async fn compressible(response: Response) -> Response {
    cors::compressible_answer(response)
}

/// Gives the bare 405 of the router the text that Go gives it.
async fn explain_refusal(response: Response) -> Response {
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
