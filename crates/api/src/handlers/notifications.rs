//! notifications, as a list and live.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde_json::{Value, json};

use super::status::rfc3339;
use crate::Notification;
use crate::error::ApiError;
use crate::reply::Reply;
use crate::routes::Api;

pub(crate) async fn list(State(api): State<Api>) -> Result<Reply, ApiError> {
    let active: Vec<_> = api.backends.lifecycle.notifications().iter().map(shown).collect();
    Reply::json(&active)
}

fn shown(notification: &Notification) -> Value {
    json!({
        "text": notification.text,
        "date": rfc3339(Some(notification.date_ms)),
        "active": notification.active,
    })
}

/// Server-sent events: those that are active now, and every change until the client or the process goes.
pub(crate) async fn live(State(api): State<Api>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    let Some(receiver) = api.backends.lifecycle.subscribe() else {
        return (StatusCode::NO_CONTENT, headers).into_response();
    };
    let events = stream::unfold(receiver, |mut receiver| async {
        let notification = receiver.recv().await?;
        let event = format!("data: {}\n\n", shown(&notification));
        Some((Ok::<_, Infallible>(Bytes::from(event)), receiver))
    });
    (headers, Body::from_stream(events)).into_response()
}
