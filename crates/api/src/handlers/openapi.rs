//! openapi.yaml: a description of the API for the tools that make clients of it.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::params::Params;
use crate::routes::Api;

/// An operation: methods, path, what it does, its parameters. A parameter with an exclamation mark is required.
type Operation = (
    &'static [&'static str],
    &'static str,
    &'static str,
    &'static [&'static str],
);

const GET: &[&str] = &["get"];
const GET_POST: &[&str] = &["get", "post"];
const POST: &[&str] = &["post"];
const POST_PUT: &[&str] = &["post", "put"];

const OPERATIONS: &[Operation] = &[
    (
        GET_POST,
        "/query",
        "Evaluate an expression at one time",
        &[
            "query!",
            "time",
            "timeout",
            "limit",
            "lookback_delta",
            "stats",
            "explain",
        ],
    ),
    (
        GET_POST,
        "/query_range",
        "Evaluate an expression at every step of a time range",
        &[
            "query!",
            "start!",
            "end!",
            "step!",
            "timeout",
            "limit",
            "lookback_delta",
            "stats",
            "explain",
        ],
    ),
    (
        GET_POST,
        "/query_exemplars",
        "Find the exemplars of the series an expression selects",
        &["query!", "start", "end"],
    ),
    (
        GET_POST,
        "/format_query",
        "Write an expression in the usual form",
        &["query!"],
    ),
    (
        GET_POST,
        "/parse_query",
        "Show the syntax tree of an expression",
        &["query!"],
    ),
    (
        GET_POST,
        "/series",
        "Find series by matchers",
        &["match[]!", "start", "end", "limit"],
    ),
    (
        GET_POST,
        "/labels",
        "List label names",
        &["match[]", "start", "end", "limit"],
    ),
    (
        GET,
        "/label/{name}/values",
        "List the values of a label",
        &["match[]", "start", "end", "limit"],
    ),
    (
        GET,
        "/metadata",
        "Show type, help and unit of metrics",
        &["metric", "limit", "limit_per_metric"],
    ),
    (GET, "/targets", "List scrape targets", &["state", "scrapePool"]),
    (
        GET,
        "/targets/metadata",
        "Show what targets say about their metrics",
        &["match_target", "metric", "limit"],
    ),
    (
        GET,
        "/targets/relabel_steps",
        "Show what each relabelling rule makes of labels",
        &["scrapePool!", "labels!"],
    ),
    (GET, "/scrape_pools", "List scrape pools", &[]),
    (
        GET,
        "/rules",
        "List rules",
        &[
            "type",
            "rule_name[]",
            "rule_group[]",
            "file[]",
            "match[]",
            "exclude_alerts",
            "group_limit",
            "group_next_token",
        ],
    ),
    (GET, "/alerts", "List active alerts", &[]),
    (GET, "/alertmanagers", "List Alertmanagers", &[]),
    (GET, "/status/config", "Show the configuration", &[]),
    (GET, "/status/flags", "Show the flags of the command line", &[]),
    (GET, "/status/buildinfo", "Show version and build", &[]),
    (GET, "/status/runtimeinfo", "Show the state of the process", &[]),
    (GET, "/status/tsdb", "Show cardinality figures", &["limit"]),
    (GET, "/status/tsdb/blocks", "List blocks", &[]),
    (
        GET,
        "/status/walreplay",
        "Show how far the log has been read at start",
        &[],
    ),
    (
        GET,
        "/status/self_metrics",
        "Show the metrics of the process",
        &["metric_name_pattern"],
    ),
    (GET, "/features", "List features and whether they are on", &[]),
    (GET, "/notifications", "List active notifications", &[]),
    (
        GET,
        "/notifications/live",
        "Follow notifications as server-sent events",
        &[],
    ),
    (POST, "/read", "Remote read", &[]),
    (POST, "/write", "Remote write", &[]),
    (
        POST_PUT,
        "/admin/tsdb/delete_series",
        "Delete samples of series",
        &["match[]!", "start", "end"],
    ),
    (
        POST_PUT,
        "/admin/tsdb/clean_tombstones",
        "Take deleted samples off the disk",
        &[],
    ),
    (
        POST_PUT,
        "/admin/tsdb/snapshot",
        "Copy the storage",
        &["skip_head"],
    ),
];

pub(crate) async fn document(State(api): State<Api>, params: Params) -> impl IntoResponse {
    let version = match params.get("openapi_version") {
        "3.2" | "3.2.0" => "3.2.0",
        _ => "3.1.0",
    };
    let headers = [
        (header::CONTENT_TYPE, "application/yaml; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache, no-store, must-revalidate"),
    ];
    (headers, written(version, &api.options.external_url))
}

fn written(version: &str, server_url: &str) -> String {
    let mut out = format!(
        "openapi: {version}\ninfo:\n  title: Prometheus HTTP API\n  version: v1\nservers:\n  - url: {:?}\npaths:\n",
        format!("{}/api/v1", server_url.trim_end_matches('/')),
    );
    for (methods, path, summary, parameters) in OPERATIONS {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "  {path}:");
        for method in *methods {
            let _ = writeln!(out, "    {method}:\n      summary: {summary}");
            write_parameters(&mut out, path, parameters);
            let _ = writeln!(
                out,
                "      responses:\n        default:\n          description: The answer, or why there is none\n          content:\n            application/json:\n              schema:\n                $ref: '#/components/schemas/Answer'"
            );
        }
    }
    out.push_str(
        "components:\n  schemas:\n    Answer:\n      type: object\n      required: [status]\n      properties:\n        status: {type: string, enum: [success, error]}\n        data: {}\n        errorType: {type: string}\n        error: {type: string}\n        warnings: {type: array, items: {type: string}}\n        infos: {type: array, items: {type: string}}\n",
    );
    out
}

fn write_parameters(out: &mut String, path: &str, parameters: &[&str]) {
    if parameters.is_empty() && !path.contains('{') {
        return;
    }
    out.push_str("      parameters:\n");
    if path.contains("{name}") {
        out.push_str("        - {name: name, in: path, required: true, schema: {type: string}}\n");
    }
    for parameter in parameters {
        let (name, required) = match parameter.strip_suffix('!') {
            Some(name) => (name, true),
            None => (*parameter, false),
        };
        let schema = if name.ends_with("[]") {
            "{type: array, items: {type: string}}"
        } else {
            "{type: string}"
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "        - {{name: '{name}', in: query, required: {required}, schema: {schema}}}"
        );
    }
}
