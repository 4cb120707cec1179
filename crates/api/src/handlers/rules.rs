//! Rules, alerts, Alertmanagers and notifications, in the shapes of a server that has none.

use axum::response::IntoResponse;

use crate::error::ApiError;
use crate::params::Params;
use crate::reply::Reply;

fn fixed(data: &'static str) -> Reply {
    Reply::written(|body| body.extend_from_slice(data.as_bytes()))
}

pub(crate) async fn rules(params: Params) -> Result<Reply, ApiError> {
    let kind = params.get("type").to_ascii_lowercase();
    match kind.as_str() {
        "" | "alert" | "record" => Ok(fixed("{\"groups\":[]}")),
        _ => Err(ApiError::invalid_parameter(
            "type",
            format!("not supported value {kind:?}"),
        )),
    }
}

pub(crate) async fn alerts() -> impl IntoResponse {
    fixed("{\"alerts\":[]}")
}

pub(crate) async fn alertmanagers() -> impl IntoResponse {
    fixed("{\"activeAlertmanagers\":[],\"droppedAlertmanagers\":[]}")
}

pub(crate) async fn notifications() -> impl IntoResponse {
    fixed("[]")
}
