//! What surrounds the answers of the API: cross-origin headers, and which answers may be compressed.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response as AnyResponse;
use tower_http::compression::predicate::Predicate;

use crate::routes::Api;

/// Marks an answer that is compressed for clients that take it so.
#[derive(Debug, Clone, Copy)]
struct Compressible;

/// Compresses what is marked, however short it is, as Prometheus does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IfMarked;

impl Predicate for IfMarked {
    fn should_compress<B: axum::body::HttpBody>(&self, response: &Response<B>) -> bool {
        response.extensions().get::<Compressible>().is_some()
    }
}

/// For answers of the API: compressed, and open to the pages of allowed origins.
pub(crate) async fn api_answer(state: State<Api>, request: Request, next: Next) -> AnyResponse {
    let response = shared_answer(state, request, next).await;
    compressible_answer(response)
}

/// For answers that are not compressed, and open to the pages of allowed origins.
pub(crate) async fn shared_answer(State(api): State<Api>, request: Request, next: Next) -> AnyResponse {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = next.run(request).await;
    // The router answers these, before the API sees them.
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        return response;
    }
    let Some(pattern) = &api.options.cors_origin else {
        return response;
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        add_headers(headers, origin, pattern);
    }
    response
}

/// For answers that are compressed.
pub(crate) fn compressible_answer(mut response: AnyResponse) -> AnyResponse {
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        return response;
    }
    let vary = HeaderValue::from_static("Accept-Encoding");
    response.headers_mut().append(header::VARY, vary);
    // An answer without a body must not become one with a body.
    if response.status() != StatusCode::NO_CONTENT {
        response.extensions_mut().insert(Compressible);
    }
    response
}

fn add_headers(headers: &mut HeaderMap, origin: HeaderValue, pattern: &regex::Regex) {
    set(
        headers,
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        "Accept, Authorization, Content-Type, Origin",
    );
    set(
        headers,
        header::ACCESS_CONTROL_ALLOW_METHODS,
        "GET, POST, OPTIONS",
    );
    set(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, "Date");
    let is_allowed = origin.to_str().is_ok_and(|origin| {
        pattern
            .find(origin)
            .is_some_and(|found| found.range() == (0..origin.len()))
    });
    if is_allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
}

fn set(headers: &mut HeaderMap, name: header::HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}
