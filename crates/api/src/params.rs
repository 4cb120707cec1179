//! Parameters of a request: from the URL and, in a POST, from a form body.

mod value;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;
use vigie_model::{Matcher, quote_go};
use vigie_promql::{check_bounded, parse_selector};

use crate::error::{ApiError, plain_error};
use crate::routes::Api;
use crate::server::PeerAddress;
use crate::{LabelsRequest, QueryOptions, RequestOrigin};

pub(crate) use self::value::{go_number_error, parse_go_bool};
use self::value::{parse_duration_ms, parse_limit, parse_time_ms};

/// A longer form is cut off by Go too.
const MAX_FORM_BYTES: usize = 10 << 20;

/// Names and values in order, those of the body first.
#[derive(Debug, Default)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
    /// How many of them came in the body.
    from_body: usize,
    /// What was wrong with the first pair that was left out.
    malformed: Option<String>,
    origin: RequestOrigin,
}

impl FromRequest<Api> for Params {
    type Rejection = Response;

    async fn from_request(request: Request, api: &Api) -> Result<Params, Response> {
        let (parts, body) = request.into_parts();
        let peer = parts.extensions.get::<PeerAddress>();
        let mut params = Params {
            origin: RequestOrigin {
                client_ip: peer.map(|peer| peer.0),
                method: parts.method.as_str().to_owned(),
                path: parts.uri.path().to_owned(),
            },
            ..Params::default()
        };
        if matches!(parts.method, Method::POST | Method::PUT | Method::PATCH) && has_form(&parts.headers) {
            let form = match read_body(body, MAX_FORM_BYTES, api).await {
                Ok(form) => form,
                Err(BodyError::TooLarge) => {
                    return Err(ApiError::bad_data(
                        "error parsing form values: http: request body too large",
                    )
                    .into_response());
                }
                Err(error) => return Err(error.into_response()),
            };
            params.add(&String::from_utf8_lossy(&form));
            params.from_body = params.pairs.len();
        }
        params.add(parts.uri.query().unwrap_or_default());
        Ok(params)
    }
}

fn has_form(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media_type = content_type
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    media_type
        .trim()
        .eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The errors are Go's.
fn read_pair(pair: &str) -> Result<(String, String), String> {
    if pair.contains(';') {
        return Err("invalid semicolon separator in query".to_owned());
    }
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    check_escapes(name)?;
    check_escapes(value)?;
    let decode = |text: &str| {
        let mut pairs = form_urlencoded::parse(text.as_bytes());
        pairs
            .next()
            .map(|(text, _)| text.into_owned())
            .unwrap_or_default()
    };
    // A name without a value is decoded alone, so an equals sign in the value is not taken for one.
    Ok((decode(name), decode(&value.replace('=', "%3D"))))
}

fn check_escapes(text: &str) -> Result<(), String> {
    for (position, _) in text.match_indices('%') {
        let rest = &text.as_bytes()[position..];
        let is_escape = rest.len() >= 3 && rest[1..3].iter().all(u8::is_ascii_hexdigit);
        if !is_escape {
            let shown = String::from_utf8_lossy(&rest[..rest.len().min(3)]).into_owned();
            return Err(format!("invalid URL escape {}", quote_go(&shown)));
        }
    }
    Ok(())
}

/// Why a body could not be read.
#[derive(Debug)]
pub(crate) enum BodyError {
    TooLarge,
    Slow,
    /// The client broke off.
    Broken(String),
}

impl IntoResponse for BodyError {
    fn into_response(self) -> Response {
        match self {
            BodyError::TooLarge => plain_error(StatusCode::PAYLOAD_TOO_LARGE, "http: request body too large"),
            BodyError::Slow => plain_error(StatusCode::REQUEST_TIMEOUT, "request body was not sent in time"),
            BodyError::Broken(reason) => plain_error(StatusCode::BAD_REQUEST, &reason),
        }
    }
}

/// Reads a body of at most `limit` bytes; not a byte beyond it is kept.
pub(crate) async fn read_body(body: Body, limit: usize, api: &Api) -> Result<Bytes, BodyError> {
    match timeout(api.options.read_timeout, Limited::new(body, limit).collect()).await {
        Err(_) => Err(BodyError::Slow),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge),
        Ok(Err(error)) => Err(BodyError::Broken(format!("read request body: {error}"))),
    }
}

impl Params {
    /// Reads pairs as Go does: one that is malformed is left out, and only some handlers mind.
    fn add(&mut self, form: &str) {
        for pair in form.split('&').filter(|pair| !pair.is_empty()) {
            match read_pair(pair) {
                Ok(pair) => self.pairs.push(pair),
                Err(error) => {
                    self.malformed.get_or_insert(error);
                }
            }
        }
    }

    /// Fails if any pair was malformed.
    pub(crate) fn require_well_formed(&self) -> Result<(), ApiError> {
        match &self.malformed {
            None => Ok(()),
            Some(error) => Err(ApiError::bad_data(format!("error parsing form values: {error}"))),
        }
    }

    /// The first value in the URL, whatever the body says.
    pub(crate) fn get_from_url(&self, name: &str) -> &str {
        let mut from_url = self.pairs.iter().skip(self.from_body);
        from_url
            .find_map(|(candidate, value)| (candidate == name).then_some(value.as_str()))
            .unwrap_or_default()
    }

    /// The first value, or the empty string: an empty parameter is an absent one.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.pairs
            .iter()
            .filter_map(move |(candidate, value)| (candidate == name).then_some(value.as_str()))
    }

    /// A time that may be absent.
    pub(crate) fn time_or(&self, name: &str, default_ms: i64) -> Result<i64, ApiError> {
        match self.get(name) {
            "" => Ok(default_ms),
            text => parse_time_ms(text).map_err(|error| {
                ApiError::invalid_parameter(name, format!("invalid time value for '{name}': {error}"))
            }),
        }
    }

    /// A time that must be there.
    pub(crate) fn time(&self, name: &str) -> Result<i64, ApiError> {
        parse_time_ms(self.get(name)).map_err(|error| ApiError::invalid_parameter(name, error))
    }

    pub(crate) fn duration_ms(&self, name: &str) -> Result<i64, ApiError> {
        parse_duration_ms(self.get(name)).map_err(|error| ApiError::invalid_parameter(name, error))
    }

    /// `None` for no limit, which is also what zero means.
    pub(crate) fn limit(&self) -> Result<Option<usize>, ApiError> {
        match self.get("limit") {
            "" => Ok(None),
            text => parse_limit(text).map_err(|error| ApiError::invalid_parameter("limit", error)),
        }
    }

    /// Vigie's own: the plan of a query with its costs.
    fn explain(&self) -> Result<bool, ApiError> {
        match self.get("explain") {
            "" => Ok(false),
            text => parse_go_bool(text).map_err(|error| ApiError::invalid_parameter("explain", error)),
        }
    }

    pub(crate) fn query_options(&self) -> Result<QueryOptions, ApiError> {
        let timeout_ms = match self.get("timeout") {
            "" => None,
            _ => Some(self.duration_ms("timeout")?),
        };
        let lookback_ms = match self.get("lookback_delta") {
            "" => None,
            text => Some(parse_duration_ms(text).map_err(|error| {
                ApiError::bad_data(format!("error parsing lookback delta duration: {error}"))
            })?),
        };
        Ok(QueryOptions {
            timeout_ms,
            // Zero and less mean the configured one in Prometheus too.
            lookback_ms: lookback_ms.filter(|&lookback_ms| lookback_ms > 0),
            wants_stats: !self.get("stats").is_empty(),
            wants_explain: self.explain()?,
            origin: self.origin.clone(),
        })
    }

    /// The `match[]` parameters. Each must hold a matcher that refuses the empty string, or it would
    /// select everything.
    pub(crate) fn matcher_sets(&self) -> Result<Vec<Vec<Matcher>>, ApiError> {
        let sets = self.any_matcher_sets()?;
        for matchers in &sets {
            check_bounded(matchers).map_err(|error| ApiError::bad_data(error.to_string()))?;
        }
        Ok(sets)
    }

    /// The `match[]` parameters, those that select everything among them.
    pub(crate) fn any_matcher_sets(&self) -> Result<Vec<Vec<Matcher>>, ApiError> {
        self.all("match[]")
            .map(|selector| parse_selector(selector).map_err(|error| ApiError::bad_data(error.to_string())))
            .collect()
    }

    pub(crate) fn has_matchers(&self) -> bool {
        self.all("match[]").next().is_some()
    }

    pub(crate) fn labels_request(&self) -> Result<LabelsRequest, ApiError> {
        let limit = self.limit()?;
        let start_ms = self.time_or("start", i64::MIN)?;
        let end_ms = self.time_or("end", i64::MAX)?;
        Ok(LabelsRequest {
            matcher_sets: self.matcher_sets()?,
            start_ms,
            end_ms,
            limit: limit.map(|limit| limit.saturating_add(1)),
        })
    }
}
