//! Remote read: what another server asks for its own queries.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use prost::Message;
use vigie_model::{Labels, MatchOp, Matcher, TenantId};
use vigie_promql::Series;

use crate::error::plain_error;
use crate::params::read_body;
use crate::remote_read::{
    ACCEPTS_CHUNKS, ACCEPTS_SAMPLES, LabelMatcher, MAX_REQUEST_BYTES, Query, ReadRequest, frames,
    sample_response,
};
use crate::routes::Api;
use crate::tenant::Tenant;
use crate::{QueryErrorKind, SelectRequest};

const STREAM: &str = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";

pub(crate) async fn read(State(api): State<Api>, Tenant(tenant): Tenant, request: Request) -> Response {
    // As many as are allowed run; the others wait their turn.
    let Ok(_turn) = api.options.remote_read.turns.acquire().await else {
        return plain_error(StatusCode::INTERNAL_SERVER_ERROR, "shutting down");
    };
    let body = match read_body(request.into_body(), MAX_REQUEST_BYTES, &api).await {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    let request = match decode(&body) {
        Ok(request) => request,
        Err(error) => return plain_error(StatusCode::BAD_REQUEST, &error),
    };
    let Some(wants_chunks) = wants_chunks(&request.accepted_response_types) else {
        let message = format!(
            "server does not support any of the requested response types: {:?}; supported: map[SAMPLES:{{}} STREAMED_XOR_CHUNKS:{{}}]",
            request.accepted_response_types
        );
        return plain_error(StatusCode::BAD_REQUEST, &message);
    };
    let mut results = Vec::with_capacity(request.queries.len());
    for query in &request.queries {
        match select(&api, &tenant, query, wants_chunks).await {
            Ok(series) => results.push(series),
            Err(refusal) => return refusal,
        }
    }
    let external = &api.options.external_labels;
    if wants_chunks {
        let frames = frames(results, external.clone(), api.options.remote_read.max_frame_bytes);
        let body = Body::from_stream(stream::iter(frames.map(Ok::<_, Infallible>)));
        return ([(header::CONTENT_TYPE, STREAM)], body).into_response();
    }
    match snap::raw::Encoder::new().compress_vec(&sample_response(&results, external)) {
        Ok(body) => {
            let headers = [
                (header::CONTENT_TYPE, "application/x-protobuf"),
                (header::CONTENT_ENCODING, "snappy"),
            ];
            (headers, body).into_response()
        }
        Err(error) => plain_error(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

fn decode(body: &[u8]) -> Result<ReadRequest, String> {
    let length = snap::raw::decompress_len(body).map_err(|_| "snappy: corrupt input".to_owned())?;
    // Twelve bytes can claim to be four gigabytes.
    if body.is_empty() || length > MAX_REQUEST_BYTES {
        return Err(if body.is_empty() {
            "snappy: corrupt input".to_owned()
        } else {
            format!("snappy: decoded length {length} exceeds limit {MAX_REQUEST_BYTES}")
        });
    }
    let message = snap::raw::Decoder::new()
        .decompress_vec(body)
        .map_err(|_| "snappy: corrupt input".to_owned())?;
    ReadRequest::decode(&message[..]).map_err(|error| error.to_string())
}

/// The first type that is known here; `None` if none is.
fn wants_chunks(accepted: &[i32]) -> Option<bool> {
    match accepted
        .iter()
        .find(|kind| [ACCEPTS_SAMPLES, ACCEPTS_CHUNKS].contains(kind))
    {
        Some(&kind) => Some(kind == ACCEPTS_CHUNKS),
        None => accepted.is_empty().then_some(false),
    }
}

async fn select(
    api: &Api,
    tenant: &TenantId,
    query: &Query,
    streamed: bool,
) -> Result<Vec<Series>, Response> {
    let backend = api
        .query()
        .map_err(|error| plain_error(StatusCode::NOT_FOUND, &error.message))?;
    let matchers = matchers(query, &api.options.external_labels)
        .map_err(|error| plain_error(StatusCode::INTERNAL_SERVER_ERROR, &error))?;
    let limit = Some(api.options.remote_read.max_samples).filter(|&limit| !streamed && limit > 0);
    let request = SelectRequest {
        matchers,
        start_ms: query.start_timestamp_ms,
        end_ms: query.end_timestamp_ms,
        max_samples: limit,
    };
    backend
        .select(tenant, request)
        .await
        .map_err(|error| match error.kind {
            QueryErrorKind::BadData => plain_error(StatusCode::BAD_REQUEST, &error.message),
            _ => plain_error(StatusCode::INTERNAL_SERVER_ERROR, &error.message),
        })
}

/// External labels are not in the storage: who asks for one by its value means series without it.
fn matchers(query: &Query, external: &Labels) -> Result<Vec<Matcher>, String> {
    let read = |wire: &LabelMatcher| {
        let op = match wire.kind {
            0 => MatchOp::Equal,
            1 => MatchOp::NotEqual,
            2 => MatchOp::Regex,
            3 => MatchOp::NotRegex,
            _ => return Err("invalid matcher type".to_owned()),
        };
        let is_external = op == MatchOp::Equal && external.get(&wire.name) == Some(wire.value.as_str());
        let value = if is_external { "" } else { wire.value.as_str() };
        Matcher::new(op, wire.name.as_str(), value).map_err(|error| error.to_string())
    };
    query.matchers.iter().map(read).collect()
}
