use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use vigie_model::{Matcher, TenantId};

use super::*;
use crate::{AdminBackend, AdminError};

/// Remembers what it was told to do; a folder cannot be made.
#[derive(Default)]
struct FakeAdmin(Mutex<Vec<String>>);

#[async_trait]
impl AdminBackend for FakeAdmin {
    async fn delete_series(
        &self,
        tenant: &TenantId,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
    ) -> Result<(), AdminError> {
        let line = format!("{tenant} {} {start_ms}..{end_ms}", matchers.len());
        self.0.lock().unwrap().push(line);
        Ok(())
    }

    async fn clean_tombstones(&self) -> Result<(), AdminError> {
        self.0.lock().unwrap().push("clean".to_owned());
        Ok(())
    }

    async fn snapshot(&self, with_head: bool) -> Result<String, AdminError> {
        if with_head {
            Ok("20150701T201051Z-0".to_owned())
        } else {
            Err(AdminError("disk full".to_owned()))
        }
    }
}

#[tokio::test]
async fn the_storage_is_administered() {
    let admin = Arc::new(FakeAdmin::default());
    for (method, path, status, body) in [
        ("POST", "delete_series?match[]=up&match[]=%7B%7D&start=1", 204, ""),
        ("PUT", "clean_tombstones", 204, ""),
        (
            "POST",
            "snapshot",
            200,
            "{\"status\":\"success\",\"data\":{\"name\":\"20150701T201051Z-0\"}}",
        ),
        (
            "POST",
            "snapshot?skip_head=1",
            500,
            "{\"status\":\"error\",\"errorType\":\"internal\",\"error\":\"create snapshot: disk full\"}",
        ),
        (
            "POST",
            "snapshot?skip_head=x",
            400,
            "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"invalid parameter \\\"skip_head\\\": \
             unable to parse boolean: strconv.ParseBool: parsing \\\"x\\\": invalid syntax\"}",
        ),
        (
            "POST",
            "delete_series",
            400,
            "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"no match[] parameter provided\"}",
        ),
        ("GET", "snapshot", 405, "Method Not Allowed\n"),
        ("POST", "nothing", 404, "404 page not found\n"),
    ] {
        let backends = Backends {
            admin: Some(admin.clone()),
            ..backends()
        };
        let path = format!("/api/v1/admin/tsdb/{path}");
        let answer = send_to(edge_of(options(), backends), request(method, &path, &[], "")).await;
        assert_eq!((answer.status, answer.text().as_str()), (status, body), "{path}");
    }
    assert_eq!(
        *admin.0.lock().unwrap(),
        [
            "anonymous 1 1000..9223372036854775807",
            "anonymous 0 1000..9223372036854775807",
            "clean"
        ]
    );
}
