use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::Frame;
use vigie_runtime::ByteBudget;

use super::*;

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

async fn write(headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    send_to(edge(), request("POST", "/api/v1/write", headers, body)).await
}

#[tokio::test]
async fn writes_are_answered_by_kind() {
    for (body, status, retry_after) in [
        ("ok", 204, ""),
        ("standby", 202, ""),
        ("bad", 400, ""),
        ("large", 413, ""),
        ("many", 429, "2"),
        ("down", 503, "1"),
        ("internal", 500, ""),
    ] {
        let answer = write(&[PROTOBUF], body).await;
        assert_eq!(answer.status, status, "{body}");
        assert_eq!(answer.header("retry-after"), retry_after, "{body}");
        let written = answer.header("x-prometheus-remote-write-samples-written");
        assert_eq!(written, body.len().to_string(), "{body}");
        assert_eq!(answer.header("x-prometheus-remote-write-histograms-written"), "0");
        assert_eq!(answer.header("x-prometheus-remote-write-exemplars-written"), "0");
        let text = if status >= 400 {
            "anonymous V1 failed\n"
        } else {
            ""
        };
        assert_eq!(answer.text(), text);
    }
    let pushed = send_to(edge(), request("POST", "/api/v1/push", &[], "ok")).await;
    assert_eq!(pushed.status, 204);
}

#[tokio::test]
async fn framing_is_checked() {
    for (headers, status, text) in [
        (&[][..], 204, ""),
        (&[("content-encoding", "snappy")], 204, ""),
        (
            &[(
                "content-type",
                "application/x-protobuf;proto=prometheus.WriteRequest",
            )],
            204,
            "",
        ),
        (
            &[("content-encoding", "gzip")],
            415,
            "gzip encoding (compression) is not accepted by this server; only snappy is acceptable\n",
        ),
        (
            &[("content-type", "application/json")],
            415,
            "expected application/x-protobuf as the first (media) part, got application/json content-type\n",
        ),
        (
            &[("content-type", "application/x-protobuf;proto=x")],
            415,
            "got application/x-protobuf;proto=x content type; unknown remote write protobuf message\n",
        ),
        (
            &[(
                "content-type",
                "application/x-protobuf; proto=io.prometheus.write.v2.Request",
            )],
            415,
            "io.prometheus.write.v2.Request protobuf message is not accepted by this server\n",
        ),
        (
            &[("content-length", "33554433")],
            413,
            "http: request body too large\n",
        ),
    ] {
        let answer = write(headers, "ok").await;
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (status, text),
            "{headers:?}"
        );
    }
    let got = get("/api/v1/write").await;
    assert_eq!(got.status, 405);
}

#[tokio::test]
async fn a_flood_is_shed_before_it_is_read() {
    let options = ApiOptions {
        write_bodies: ByteBudget::new(100),
        ..options()
    };
    for (length, status) in [("50", 204), ("101", 429)] {
        let headers = [("content-length", length)];
        let request = request("POST", "/api/v1/write", &headers, "ok");
        let answer = send_to(edge_of(options.clone(), backends()), request).await;
        assert_eq!(answer.status, status);
        if status == 429 {
            assert_eq!(answer.header("retry-after"), "1");
            assert_eq!(
                answer.text(),
                "101 more bytes would exceed the 100 bytes allowed in flight\n"
            );
        }
    }
}

/// A gibibyte in chunks, counting those that were taken.
struct Endless(Arc<AtomicUsize>);

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            1024.. => Poll::Ready(None),
            _ => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[0; 1 << 20]))))),
        }
    }
}

#[tokio::test]
async fn a_huge_body_is_not_buffered() {
    let taken = Arc::new(AtomicUsize::new(0));
    let answer = write(&[PROTOBUF], Body::new(Endless(taken.clone()))).await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (413, "http: request body too large\n")
    );
    assert!(taken.load(Ordering::Relaxed) <= 33);
}
