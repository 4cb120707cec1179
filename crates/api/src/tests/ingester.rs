use std::sync::Arc;

use async_trait::async_trait;

use super::*;
use crate::IngesterBackend;

/// Flushes; has no space to compact.
struct FakeIngester;

#[async_trait]
impl IngesterBackend for FakeIngester {
    async fn flush(&self, compacts: bool) -> Result<(), String> {
        if compacts {
            Err("disk full".to_owned())
        } else {
            Ok(())
        }
    }
}

#[tokio::test]
async fn the_ingester_is_flushed() {
    for (method, query, status, body) in [
        ("POST", "", 204, ""),
        ("GET", "?wait=true", 204, ""),
        ("POST", "?compact=true", 204, ""),
        ("POST", "?wait=true&compact=true", 500, "disk full\n"),
        (
            "POST",
            "?wait=maybe",
            400,
            "invalid parameter \"wait\": strconv.ParseBool: parsing \"maybe\": invalid syntax\n",
        ),
        ("DELETE", "", 405, "Method Not Allowed\n"),
    ] {
        let backends = Backends {
            ingester: Some(Arc::new(FakeIngester)),
            ..backends()
        };
        let path = format!("/ingester/flush{query}");
        let answer = send_to(edge_of(options(), backends), request(method, &path, &[], "")).await;
        assert_eq!(
            (answer.status, answer.text()),
            (status, body.to_owned()),
            "{method} {path}"
        );
    }
    check("/ingester/flush", 404, "this process is no ingester\n").await;
}
