//! Health, lifecycle, own metrics and version.

use axum::extract::{Request, State};
use axum::http::{HeaderName, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::Readiness;
use crate::error::plain_error;
use crate::routes::Api;

const STOPPING_HEADER: HeaderName = HeaderName::from_static("x-prometheus-stopping");

pub(crate) async fn healthy() -> &'static str {
    "Prometheus Server is Healthy.\n"
}

/// Pages that show what has stopped stay open, but nobody should send this process requests.
pub(crate) async fn ready(State(api): State<Api>) -> Response {
    match api.backends.lifecycle.stopped() {
        None => "Prometheus Server is Ready.\n".into_response(),
        Some(stopped) => plain_error(
            StatusCode::SERVICE_UNAVAILABLE,
            &format!("Service Unavailable: {stopped}"),
        ),
    }
}

/// Lets requests through only while the process is ready.
pub(crate) async fn require_ready(State(api): State<Api>, request: Request, next: Next) -> Response {
    let is_stopping = match api.backends.lifecycle.readiness() {
        Readiness::Ready => return next.run(request).await,
        Readiness::Starting => "false",
        Readiness::Stopping => "true",
    };
    let text = match api.backends.lifecycle.waiting_for() {
        Some(waiting_for) => format!("Service Unavailable: {waiting_for}"),
        None => "Service Unavailable".to_owned(),
    };
    let response = plain_error(StatusCode::SERVICE_UNAVAILABLE, &text);
    ([(STOPPING_HEADER, is_stopping)], response).into_response()
}

pub(crate) async fn reload(State(api): State<Api>, method: Method) -> Response {
    if let Some(refusal) = refuse(&api, &method) {
        return refusal;
    }
    match api.backends.lifecycle.reload().await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(reason) => plain_error(
            StatusCode::INTERNAL_SERVER_ERROR,
            &format!("failed to reload config: {reason}"),
        ),
    }
}

pub(crate) async fn quit(State(api): State<Api>, method: Method) -> Response {
    if let Some(refusal) = refuse(&api, &method) {
        return refusal;
    }
    api.backends.lifecycle.quit();
    "Requesting termination... Goodbye!".into_response()
}

fn refuse(api: &Api, method: &Method) -> Option<Response> {
    if !matches!(*method, Method::POST | Method::PUT) {
        let text = "Only POST or PUT requests allowed";
        Some((StatusCode::METHOD_NOT_ALLOWED, text).into_response())
    } else if !api.options.lifecycle_enabled {
        Some(plain_error(
            StatusCode::FORBIDDEN,
            "Lifecycle API is not enabled.",
        ))
    } else {
        None
    }
}

pub(crate) async fn metrics(State(api): State<Api>) -> Response {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    (
        [(header::CONTENT_TYPE, content_type)],
        api.backends.lifecycle.metrics_text(),
    )
        .into_response()
}

pub(crate) async fn version(State(api): State<Api>) -> Response {
    match serde_json::to_string(&api.backends.lifecycle.build_info()) {
        Ok(info) => info.into_response(),
        Err(error) => plain_error(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// Preflight requests.
pub(crate) async fn options() -> StatusCode {
    StatusCode::NO_CONTENT
}
