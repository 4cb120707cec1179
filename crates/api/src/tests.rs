//! The edge over backends that answer with fixed data.

mod admin;
mod fake;
mod ingester;
mod management;
mod query;
mod read;
mod series;
mod server;
mod status;
mod write;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use prometheus_client::registry::Registry;
use regex::Regex;
use tower::ServiceExt;
use vigie_model::Labels;
use vigie_runtime::Clock;

use self::fake::{FakeLifecycle, FakeQuery, FakeTargets, FakeWrite};
use crate::{ApiOptions, Backends, HttpMetrics, router};

/// 2015-07-01T20:10:51.781Z
const NOW_MS: i64 = 1_435_781_451_781;

#[derive(Debug)]
struct FixedClock;

impl Clock for FixedClock {
    fn now_ms(&self) -> i64 {
        NOW_MS
    }
}

fn options() -> ApiOptions {
    ApiOptions {
        cors_origin: Some(Regex::new("https://.*\\.example").unwrap()),
        external_labels: Labels::from_pairs([("cluster", "blue"), ("job", "never")]).unwrap(),
        clock: Arc::new(FixedClock),
        ..ApiOptions::default()
    }
}

fn backends() -> Backends {
    Backends {
        query: Some(Arc::new(FakeQuery::default())),
        write: Some(Arc::new(FakeWrite)),
        targets: Some(Arc::new(FakeTargets)),
        admin: None,
        ingester: None,
        lifecycle: Arc::new(FakeLifecycle::default()),
    }
}

fn edge_of(options: ApiOptions, backends: Backends) -> Router {
    router(options, backends, HttpMetrics::register(&mut Registry::default()))
}

fn edge() -> Router {
    edge_of(options(), backends())
}

/// Status, headers and body.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn send_to(edge: Router, request: Request<Body>) -> Answer {
    let response: Response<Body> = edge.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes().to_vec(),
    }
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).unwrap()
}

async fn get(path: &str) -> Answer {
    send_to(edge(), request("GET", path, &[], "")).await
}

/// One GET, and exactly this status and body.
async fn check(path: &str, status: u16, body: &str) {
    let answer = get(path).await;
    assert_eq!((answer.status, answer.text().as_str()), (status, body), "{path}");
}

/// One GET, and exactly these data.
async fn check_data(path: &str, data: &str) {
    check(path, 200, &format!("{{\"status\":\"success\",\"data\":{data}}}")).await;
}

/// One GET, and exactly this bad_data message.
async fn check_bad_data(path: &str, message: &str) {
    let message = serde_json::to_string(message).unwrap();
    let body = format!("{{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":{message}}}");
    check(path, 400, &body).await;
}
