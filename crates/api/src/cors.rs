//! Cross-origin requests, answered as Prometheus answers them.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::routes::Api;

/// Adds the CORS headers to answers to requests that name their origin.
pub(crate) async fn add_headers(State(api): State<Api>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = next.run(request).await;
    if let (Some(origin), Some(pattern)) = (origin, &api.options.cors_origin) {
        let headers = response.headers_mut();
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
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        let is_allowed = origin.to_str().is_ok_and(|origin| {
            pattern
                .find(origin)
                .is_some_and(|found| found.range() == (0..origin.len()))
        });
        match pattern.as_str() {
            ".*" | "^(?:.*)$" => set(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
            _ if is_allowed => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            }
            _ => {}
        }
    }
    response
}

fn set(headers: &mut HeaderMap, name: header::HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}
