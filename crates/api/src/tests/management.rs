use std::io::Read as _;
use std::sync::Arc;

use flate2::read::{GzDecoder, ZlibDecoder};
use prometheus_client::encoding::text::encode;

use super::*;
use crate::{Lifecycle, Readiness};

fn edge_with(lifecycle: FakeLifecycle, lifecycle_enabled: bool) -> Router {
    let options = ApiOptions {
        lifecycle_enabled,
        ..options()
    };
    let lifecycle: Arc<dyn Lifecycle> = Arc::new(lifecycle);
    edge_of(
        options,
        Backends {
            lifecycle,
            ..backends()
        },
    )
}

#[tokio::test]
async fn health_and_readiness() {
    check("/-/healthy", 200, "Prometheus Server is Healthy.\n").await;
    check("/-/ready", 200, "Prometheus Server is Ready.\n").await;
    let head = send_to(edge(), request("HEAD", "/-/ready", &[], "")).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    for (readiness, stopping, text) in [
        (Readiness::Starting, "false", "Service Unavailable: reading\n"),
        (Readiness::Stopping, "true", "Service Unavailable\n"),
    ] {
        for (path, status) in [
            ("/-/healthy", 200),
            ("/metrics", 200),
            ("/api/v1/status/walreplay", 200),
            ("/-/ready", 503),
            ("/api/v1/query?query=scalar", 503),
            ("/api/v1/write", 503),
            ("/federate", 503),
            ("/nothing", 404),
        ] {
            let lifecycle = FakeLifecycle {
                readiness,
                ..FakeLifecycle::default()
            };
            let answer = send_to(edge_with(lifecycle, false), request("GET", path, &[], "")).await;
            assert_eq!(answer.status, status, "{path}");
            if status == 503 {
                assert_eq!(answer.header("x-prometheus-stopping"), stopping);
                assert_eq!(answer.text(), text);
            }
        }
    }
}

#[tokio::test]
async fn what_has_stopped_shows_in_readiness() {
    for (path, status, text) in [
        (
            "/-/ready",
            503,
            "Service Unavailable: shard 3 has stopped: the disk is full\n",
        ),
        ("/-/healthy", 200, "Prometheus Server is Healthy.\n"),
        ("/api/v1/query?query=scalar", 200, ""),
    ] {
        let lifecycle = FakeLifecycle {
            stopped: Some("shard 3 has stopped: the disk is full".to_owned()),
            ..FakeLifecycle::default()
        };
        let answer = send_to(edge_with(lifecycle, false), request("GET", path, &[], "")).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(text.is_empty() || answer.text() == text, "{}", answer.text());
    }
}

#[tokio::test]
async fn reload_and_quit_need_permission() {
    for path in ["/-/reload", "/-/quit"] {
        for (method, enabled, status) in [
            ("GET", true, 405),
            ("POST", false, 403),
            ("POST", true, 200),
            ("PUT", true, 200),
        ] {
            let edge = edge_with(FakeLifecycle::default(), enabled);
            let answer = send_to(edge, request(method, path, &[], "")).await;
            assert_eq!(answer.status, status, "{method} {path}");
        }
    }
    let failing = FakeLifecycle {
        reload: Err("no such file".to_owned()),
        ..FakeLifecycle::default()
    };
    let answer = send_to(edge_with(failing, true), request("POST", "/-/reload", &[], "")).await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (500, "failed to reload config: no such file\n")
    );
    let lifecycle = FakeLifecycle::default();
    let quit = lifecycle.quit.clone();
    send_to(edge_with(lifecycle, true), request("POST", "/-/quit", &[], "")).await;
    quit.notified().await;
}

#[tokio::test]
async fn routes_live_below_the_prefixes() {
    let prefixed = || {
        let options = ApiOptions {
            route_prefix: "/vigie".to_owned(),
            ..options()
        };
        edge_of(options, backends())
    };
    for (path, status) in [
        ("/", 302),
        ("/vigie", 302),
        ("/vigie/", 200),
        ("/vigie/prometheus/", 200),
        ("/vigie/-/ready", 200),
        ("/vigie/api/v1/alerts", 200),
        ("/vigie/prometheus/api/v1/alerts", 200),
        ("/api/v1/alerts", 404),
    ] {
        let answer = send_to(prefixed(), request("GET", path, &[], "")).await;
        assert_eq!(answer.status, status, "{path}");
        if status == 302 {
            assert_eq!(answer.header("location"), "/vigie/");
        }
    }
    assert_eq!(get("/prometheus").await.header("location"), "/prometheus/");
    assert_eq!(get("/prometheus/").await.status, 200);
    check_data("/prometheus/api/v1/alerts", "{\"alerts\":[]}").await;
    check("/api/v1/nothing", 404, "404 page not found\n").await;
    check("/nothing", 404, "404 page not found\n").await;
}

#[tokio::test]
async fn browsers_may_call_from_allowed_origins() {
    let answer_to = |method: &'static str, origin: &'static str| {
        send_to(
            edge(),
            request(method, "/api/v1/alerts", &[("origin", origin)], ""),
        )
    };
    let allowed = answer_to("GET", "https://ui.example").await;
    assert_eq!(
        allowed.header("access-control-allow-origin"),
        "https://ui.example"
    );
    assert_eq!(
        allowed.header("access-control-allow-methods"),
        "GET, POST, OPTIONS"
    );
    assert_eq!(
        allowed.header("access-control-allow-headers"),
        "Accept, Authorization, Content-Type, Origin"
    );
    assert_eq!(allowed.header("access-control-expose-headers"), "Date");
    for origin in ["https://ui.example.evil", "http://https://ui.example"] {
        assert_eq!(
            answer_to("GET", origin)
                .await
                .header("access-control-allow-origin"),
            ""
        );
    }
    let preflight = answer_to("OPTIONS", "https://ui.example").await;
    assert_eq!(preflight.status, 204);
    assert_eq!(
        preflight.header("access-control-allow-origin"),
        "https://ui.example"
    );
}

#[tokio::test]
async fn answers_are_compressed_on_request() {
    let path = "/api/v1/query?query=vector&time=60";
    let plain = get(path).await.text();
    for encoding in ["gzip", "deflate"] {
        let answer = send_to(edge(), request("GET", path, &[("accept-encoding", encoding)], "")).await;
        assert_eq!(answer.header("content-encoding"), encoding);
        let mut text = String::new();
        match encoding {
            "gzip" => GzDecoder::new(answer.body.as_slice())
                .read_to_string(&mut text)
                .unwrap(),
            _ => ZlibDecoder::new(answer.body.as_slice())
                .read_to_string(&mut text)
                .unwrap(),
        };
        assert_eq!(text, plain);
    }
}

#[tokio::test]
async fn requests_are_counted_by_route() {
    let mut registry = Registry::default();
    let metrics = HttpMetrics::register(&mut registry);
    let edge = router(options(), backends(), metrics);
    for path in [
        "/api/v1/label/a/values",
        "/prometheus/api/v1/label/b/values",
        "/nothing",
        "/",
        "/api/v1/query?query=x",
    ] {
        send_to(edge.clone(), request("GET", path, &[], "")).await;
    }
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    for line in [
        "prometheus_http_requests_total{code=\"200\",handler=\"/api/v1/label/:name/values\"} 2",
        "prometheus_http_requests_total{code=\"400\",handler=\"/api/v1/query\"} 1",
        "prometheus_http_requests_total{code=\"404\",handler=\"unmatched\"} 1",
        "prometheus_http_requests_total{code=\"200\",handler=\"/\"} 1",
        "prometheus_http_request_duration_seconds_count{handler=\"/api/v1/label/:name/values\"} 2",
        "prometheus_http_response_size_bytes_count{handler=\"/api/v1/label/:name/values\"} 2",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn the_page_escapes_what_targets_say() {
    let page = get("/").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(
        page.text().contains("job=&quot;&lt;node&gt;&quot;"),
        "{}",
        page.text()
    );
    let metrics = get("/metrics").await;
    assert!(
        metrics
            .header("content-type")
            .starts_with("application/openmetrics-text; version=1.0.0")
    );
}
