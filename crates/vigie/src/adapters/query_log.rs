//! The query log: one JSON object a line for each query, as Prometheus writes it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};

use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use vigie_api::{QueryError, QueryOptions, QueryRange, QueryStats};

/// Where queries are written down; nowhere, unless a file is configured.
#[derive(Debug, Default)]
pub(crate) struct QueryLog {
    open: Mutex<Option<Open>>,
}

#[derive(Debug)]
struct Open {
    path: String,
    file: File,
}

/// A query that is over.
#[derive(Debug)]
pub(crate) struct LoggedQuery<'a> {
    pub(crate) query: &'a str,
    pub(crate) range: QueryRange,
    pub(crate) options: &'a QueryOptions,
    pub(crate) stats: QueryStats,
    pub(crate) error: Option<&'a QueryError>,
}

impl QueryLog {
    /// Goes on in another file; the empty path is none. The file is opened again even if the path is the
    /// same, so that it can be rotated.
    pub(crate) fn configure(&self, path: &str) -> io::Result<()> {
        let opened = if path.is_empty() {
            None
        } else {
            let file = OpenOptions::new().create(true).append(true).open(path)?;
            Some(Open {
                path: path.to_owned(),
                file,
            })
        };
        *self.open.lock() = opened;
        Ok(())
    }

    pub(crate) fn is_on(&self) -> bool {
        self.open.lock().is_some()
    }

    pub(crate) fn write(&self, query: &LoggedQuery<'_>, now_ms: i64) {
        let line = format!("{}\n", shown(query, now_ms));
        let mut open = self.open.lock();
        if let Some(log) = open.as_mut()
            && let Err(error) = log.file.write_all(line.as_bytes())
        {
            tracing::error!(%error, path = log.path, "write the query log");
        }
    }
}

/// With three digits of a second, always.
fn format_time(time_ms: i64) -> String {
    Timestamp::from_millisecond(time_ms)
        .map(|time| time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string())
        .unwrap_or_default()
}

fn shown(logged: &LoggedQuery<'_>, now_ms: i64) -> Value {
    let QueryRange {
        start_ms,
        end_ms,
        step_ms,
    } = logged.range;
    let mut line = Map::new();
    let mut put = |name: &str, value: Value| drop(line.insert(name.to_owned(), value));
    put("time", json!(format_time(now_ms)));
    put("level", json!("INFO"));
    put("msg", json!("promql query logged"));
    put(
        "params",
        json!({
            "query": logged.query,
            "start": format_time(start_ms),
            "end": format_time(end_ms),
            "step": step_ms / 1000,
        }),
    );
    if let Some(error) = logged.error {
        put("error", json!(error.message));
    }
    put("stats", vigie_api::stats_json(&logged.stats));
    put("spanID", json!("0000000000000000"));
    put("traceID", json!("00000000000000000000000000000000"));
    let origin = &logged.options.origin;
    let client_ip = origin.client_ip.map(|ip| ip.to_string()).unwrap_or_default();
    put(
        "httpRequest",
        json!({"clientIP": client_ip, "method": origin.method, "path": origin.path}),
    );
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use vigie_api::{QueryErrorKind, RequestOrigin};

    use super::*;

    #[test]
    fn a_query_is_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("query.log").display().to_string();
        let log = QueryLog::default();
        assert!(!log.is_on());
        log.configure(&path).unwrap();
        assert!(log.is_on());
        let options = QueryOptions {
            origin: RequestOrigin {
                client_ip: Some([127, 0, 0, 1].into()),
                method: "GET".to_owned(),
                path: "/api/v1/query".to_owned(),
            },
            ..QueryOptions::default()
        };
        let error = QueryError {
            kind: QueryErrorKind::Execution,
            message: "no".to_owned(),
        };
        let query = LoggedQuery {
            query: "1 + \"",
            range: QueryRange {
                start_ms: 1500,
                end_ms: 61_500,
                step_ms: 15_000,
            },
            options: &options,
            stats: QueryStats::default(),
            error: Some(&error),
        };
        log.write(&query, 0);
        log.configure("").unwrap();
        log.write(&query, 0);
        let text = std::fs::read_to_string(path).unwrap();
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["time"], "1970-01-01T00:00:00.000Z");
        let params = json!({
            "query": "1 + \"",
            "start": "1970-01-01T00:00:01.500Z",
            "end": "1970-01-01T00:01:01.500Z",
            "step": 15,
        });
        assert_eq!(line["params"], params);
        assert_eq!(line["error"], "no");
        assert_eq!(line["stats"]["samples"]["samplesRead"], 0);
        let request = json!({"clientIP": "127.0.0.1", "method": "GET", "path": "/api/v1/query"});
        assert_eq!(line["httpRequest"], request);
    }
}
