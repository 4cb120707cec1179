//! Rules, alerts and Alertmanagers, in the shapes of a server that has none.

use axum::response::IntoResponse;
use vigie_model::quote_go;

use crate::error::ApiError;
use crate::params::{Params, go_number_error, parse_go_bool};
use crate::reply::Reply;

fn fixed(data: &'static str) -> Reply {
    Reply::written(|body| body.extend_from_slice(data.as_bytes()))
}

pub(crate) async fn rules(params: Params) -> Result<Reply, ApiError> {
    params.require_well_formed()?;
    params.matcher_sets()?;
    let kind = params.get_from_url("type").to_lowercase();
    if !matches!(kind.as_str(), "" | "alert" | "record") {
        return Err(ApiError::invalid_parameter(
            "type",
            format!("not supported value {}", quote_go(&kind)),
        ));
    }
    match params.get_from_url("exclude_alerts").to_lowercase().as_str() {
        "" => {}
        text => drop(parse_go_bool(text).map_err(|error| {
            ApiError::invalid_parameter(
                "exclude_alerts",
                format!("error converting exclude_alerts: {error}"),
            )
        })?),
    }
    let page_size = page_size(&params)?;
    let token = params.get_from_url("group_next_token");
    if page_size.is_some() && !token.is_empty() {
        // There is no group that a token could stand for.
        return Err(ApiError::invalid_parameter(
            "group_next_token",
            format!("invalid group_next_token '{token}'. were rule groups changed?"),
        ));
    }
    Ok(fixed("{\"groups\":[]}"))
}

fn page_size(params: &Params) -> Result<Option<i32>, ApiError> {
    let text = params.get_from_url("group_limit");
    if text.is_empty() {
        return match params.get_from_url("group_next_token") {
            "" => Ok(None),
            _ => Err(ApiError::invalid_parameter(
                "group_next_token",
                "group_limit needs to be present in order to paginate over the groups",
            )),
        };
    }
    let invalid = |reason: String| ApiError::invalid_parameter("group_limit", reason);
    match text.parse::<i32>() {
        Ok(size) if size > 0 => Ok(Some(size)),
        Ok(_) => Err(invalid("group_limit needs to be greater than 0".to_owned())),
        Err(error) => Err(invalid(format!(
            "group_limit needs to be a valid number: {}",
            go_number_error("ParseInt", text, &error)
        ))),
    }
}

pub(crate) async fn alerts() -> impl IntoResponse {
    fixed("{\"alerts\":[]}")
}

pub(crate) async fn alertmanagers() -> impl IntoResponse {
    fixed("{\"activeAlertmanagers\":[],\"droppedAlertmanagers\":[]}")
}
