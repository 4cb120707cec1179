//! /federate: newest samples for another server to scrape.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use vigie_exposition::TextEncoder;
use vigie_model::{Labels, METRIC_NAME, MetricKind};
use vigie_promql::Vector;

use crate::error::plain_error;
use crate::params::Params;
use crate::routes::Api;
use crate::tenant::Tenant;

pub(crate) async fn federate(State(api): State<Api>, Tenant(tenant): Tenant, params: Params) -> Response {
    let matcher_sets = match params.any_matcher_sets() {
        Ok(matcher_sets) => matcher_sets,
        Err(error) => return plain_error(StatusCode::BAD_REQUEST, &error.message),
    };
    let content_type = [(header::CONTENT_TYPE, TextEncoder::CONTENT_TYPE)];
    if matcher_sets.is_empty() {
        return content_type.into_response();
    }
    let backend = match api.query() {
        Ok(backend) => backend,
        Err(error) => return plain_error(StatusCode::NOT_FOUND, &error.message),
    };
    match backend.federate(&tenant, &matcher_sets, api.now_ms()).await {
        Ok(vector) => (content_type, encode(vector, &api.options.external_labels)).into_response(),
        Err(error) => plain_error(StatusCode::INTERNAL_SERVER_ERROR, &error.message),
    }
}

/// Sorted by name. Histograms need another format than text; they are left out, and a comment
/// counts them.
fn encode(mut vector: Vector, external_labels: &Labels) -> Vec<u8> {
    vector.sort_by(|left, right| left.labels.metric_name().cmp(right.labels.metric_name()));
    let mut body = Vec::new();
    let mut previous_name = None;
    let mut histograms = 0;
    for sample in &vector {
        if sample.histogram.is_some() {
            histograms += 1;
            continue;
        }
        let name = sample.labels.metric_name();
        let mut encoder = TextEncoder::new(&mut body);
        if previous_name != Some(name) {
            encoder.kind(name, MetricKind::Unknown);
            previous_name = Some(name);
        }
        let own = sample.labels.iter().filter(|(label, _)| *label != METRIC_NAME);
        let is_missing = |label: &str| sample.labels.get(label).is_none();
        // The scraping server would otherwise take this server for the instance.
        let instance =
            (is_missing("instance") && external_labels.get("instance").is_none()).then_some(("instance", ""));
        let external = external_labels.iter().filter(|(label, _)| is_missing(label));
        let pairs = own.chain(instance).chain(external);
        encoder.sample_of(name, pairs, sample.value, Some(sample.timestamp_ms));
    }
    if histograms > 0 {
        let mut comment = String::new();
        // Writing to a string cannot fail.
        let _ = writeln!(comment, "# {histograms} native histograms left out");
        body.extend_from_slice(comment.as_bytes());
    }
    body
}
