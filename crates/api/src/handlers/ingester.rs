//! /ingester/flush: checkpoints, and compaction if asked for, now.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::error::plain_error;
use crate::params::{Params, parse_go_bool};
use crate::routes::Api;

/// Mimir's path, methods and `wait`; `compact` is our own.
pub(crate) async fn flush(State(api): State<Api>, params: Params) -> Response {
    let Some(ingester) = api.backends.ingester.clone() else {
        return plain_error(StatusCode::NOT_FOUND, "this process is no ingester");
    };
    let (wait, compacts) = match (flag(&params, "wait"), flag(&params, "compact")) {
        (Ok(wait), Ok(compacts)) => (wait, compacts),
        (Err(refusal), _) | (_, Err(refusal)) => return plain_error(StatusCode::BAD_REQUEST, &refusal),
    };
    let work = tokio::spawn(async move {
        let outcome = ingester.flush(compacts).await;
        if let Err(error) = &outcome {
            tracing::error!(%error, "flush the ingester as asked");
        }
        outcome
    });
    if !wait {
        return StatusCode::NO_CONTENT.into_response();
    }
    match work.await {
        Ok(Ok(())) => StatusCode::NO_CONTENT.into_response(),
        Ok(Err(error)) => plain_error(StatusCode::INTERNAL_SERVER_ERROR, &error),
        Err(_) => plain_error(StatusCode::INTERNAL_SERVER_ERROR, "the process is ending"),
    }
}

fn flag(params: &Params, name: &str) -> Result<bool, String> {
    match params.get(name) {
        "" => Ok(false),
        text => parse_go_bool(text).map_err(|error| format!("invalid parameter {name:?}: {error}")),
    }
}
