//! Remote write: everything around the message.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::error::plain_error;
use crate::params::{BodyError, read_body};
use crate::routes::Api;
use crate::tenant::Tenant;
use crate::{WriteError, WriteErrorKind, WriteProtocol, WriteSummary};

/// The largest message, compressed.
const MAX_BODY_BYTES: usize = 32 << 20;

/// How long senders should wait when too much is in flight.
const OVERLOAD_PAUSE: Duration = Duration::from_secs(1);

const MESSAGE_V1: &str = "prometheus.WriteRequest";
const MESSAGE_V2: &str = "io.prometheus.write.v2.Request";

pub(crate) async fn write(State(api): State<Api>, Tenant(tenant): Tenant, request: Request) -> Response {
    let Some(backend) = &api.backends.write else {
        return plain_error(
            StatusCode::NOT_FOUND,
            "remote write receiver needs to be enabled with --web.enable-remote-write-receiver",
        );
    };
    let protocol = match protocol(request.headers()) {
        Ok(protocol) if backend.accepts(protocol) => protocol,
        Ok(protocol) => {
            let message = match protocol {
                WriteProtocol::V1 => MESSAGE_V1,
                WriteProtocol::V2 => MESSAGE_V2,
            };
            return plain_error(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                &format!("{message} protobuf message is not accepted by this server"),
            );
        }
        Err(message) => return plain_error(StatusCode::UNSUPPORTED_MEDIA_TYPE, &message),
    };
    let announced_bytes = match announced_bytes(request.headers()) {
        Some(bytes) if bytes > MAX_BODY_BYTES => return BodyError::TooLarge.into_response(),
        announced => announced.unwrap_or(MAX_BODY_BYTES),
    };
    // Held until the answer is known, as the backend keeps the body while it works.
    let _lease = match api.options.write_bodies.try_lease(announced_bytes as u64) {
        Ok(lease) => lease,
        Err(error) => return overloaded(&error.to_string()),
    };
    let body = match read_body(request.into_body(), MAX_BODY_BYTES, &api).await {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    match backend.remote_write(&tenant, protocol, body).await {
        Ok(summary) => {
            let status = if summary.is_from_standby {
                StatusCode::ACCEPTED
            } else {
                StatusCode::NO_CONTENT
            };
            with_counts(status.into_response(), &summary)
        }
        Err(error) => failure(&error),
    }
}

/// OTLP is not received yet.
pub(crate) async fn otlp() -> Response {
    plain_error(
        StatusCode::NOT_FOUND,
        "otlp write receiver needs to be enabled with --web.enable-otlp-receiver",
    )
}

/// What the client says it is going to send; unknown for a chunked body.
fn announced_bytes(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The message that the headers announce. Both headers may be missing: early senders sent none.
fn protocol(headers: &HeaderMap) -> Result<WriteProtocol, String> {
    let text = |name| {
        headers
            .get(name)
            .map_or(Ok(""), HeaderValue::to_str)
            .unwrap_or("?")
    };
    let encoding: &str = text(header::CONTENT_ENCODING);
    if !encoding.is_empty() && encoding != "snappy" {
        return Err(format!(
            "{encoding} encoding (compression) is not accepted by this server; only snappy is acceptable"
        ));
    }
    let content_type: &str = text(header::CONTENT_TYPE);
    let mut parts = content_type.split(';').map(str::trim);
    match parts.next() {
        None | Some("") => return Ok(WriteProtocol::V1),
        Some("application/x-protobuf") => {}
        Some(_) => {
            return Err(format!(
                "expected application/x-protobuf as the first (media) part, got {content_type} content-type"
            ));
        }
    }
    let message = parts.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("proto").then(|| value.trim())
    });
    match message {
        None | Some(MESSAGE_V1) => Ok(WriteProtocol::V1),
        Some(MESSAGE_V2) => Ok(WriteProtocol::V2),
        Some(_) => Err(format!(
            "got {content_type} content type; unknown remote write protobuf message"
        )),
    }
}

fn failure(error: &WriteError) -> Response {
    let (status, retry_after) = match error.kind {
        WriteErrorKind::BadRequest => (StatusCode::BAD_REQUEST, None),
        WriteErrorKind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, None),
        WriteErrorKind::TooManyRequests { retry_after } => (StatusCode::TOO_MANY_REQUESTS, retry_after),
        WriteErrorKind::Unavailable { retry_after } => (StatusCode::SERVICE_UNAVAILABLE, retry_after),
        WriteErrorKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, None),
    };
    let mut response = plain_error(status, &error.message);
    if let Some(retry_after) = retry_after {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(retry_after)));
    }
    with_counts(response, &error.summary)
}

fn overloaded(message: &str) -> Response {
    failure(&WriteError {
        kind: WriteErrorKind::TooManyRequests {
            retry_after: Some(OVERLOAD_PAUSE),
        },
        message: message.to_owned(),
        summary: WriteSummary::default(),
    })
}

/// The header has no fractions, and zero would invite a retry at once.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs_f64().ceil().max(1.0) as u64
}

/// Senders of version 2 take an answer without these headers for one of a server that did not
/// understand them.
fn with_counts(mut response: Response, summary: &WriteSummary) -> Response {
    for (name, count) in [
        ("x-prometheus-remote-write-samples-written", summary.samples),
        ("x-prometheus-remote-write-histograms-written", summary.histograms),
        ("x-prometheus-remote-write-exemplars-written", summary.exemplars),
    ] {
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), HeaderValue::from(count));
    }
    response
}
