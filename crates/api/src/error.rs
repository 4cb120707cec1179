//! Failures as Prometheus reports them.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::json::write_string;
use crate::{QueryError, QueryErrorKind};

/// A failure of an API call; answers with the error envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
}

/// Prometheus's error types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    BadData,
    Execution,
    Canceled,
    Timeout,
    Internal,
    Unavailable,
    NotFound,
}

impl ErrorKind {
    fn as_str(self) -> &'static str {
        match self {
            ErrorKind::BadData => "bad_data",
            ErrorKind::Execution => "execution",
            ErrorKind::Canceled => "canceled",
            ErrorKind::Timeout => "timeout",
            ErrorKind::Internal => "internal",
            ErrorKind::Unavailable => "unavailable",
            ErrorKind::NotFound => "not_found",
        }
    }

    /// The status that Prometheus 3.14 answers with. Its 499 is nginx's "client closed request", and
    /// unavailable is indeed 500.
    fn status(self) -> StatusCode {
        match self {
            ErrorKind::BadData => StatusCode::BAD_REQUEST,
            ErrorKind::Execution => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorKind::Canceled => StatusCode::from_u16(499).unwrap_or(StatusCode::SERVICE_UNAVAILABLE),
            ErrorKind::Timeout => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Internal | ErrorKind::Unavailable => StatusCode::INTERNAL_SERVER_ERROR,
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
        }
    }
}

impl ApiError {
    pub(crate) fn bad_data(message: impl Into<String>) -> ApiError {
        ApiError {
            kind: ErrorKind::BadData,
            message: message.into(),
        }
    }

    pub(crate) fn invalid_parameter(name: &str, reason: impl std::fmt::Display) -> ApiError {
        ApiError::bad_data(format!("invalid parameter \"{name}\": {reason}"))
    }

    pub(crate) fn unavailable(message: &str) -> ApiError {
        ApiError {
            kind: ErrorKind::Unavailable,
            message: message.to_owned(),
        }
    }

    /// The process does not have the role that serves this route.
    pub(crate) fn no_role(role: &str) -> ApiError {
        ApiError {
            kind: ErrorKind::NotFound,
            message: format!("this process does not run a {role}"),
        }
    }

    /// An error of evaluating a query; bad data is then the fault of the query text.
    pub(crate) fn of_query(error: QueryError) -> ApiError {
        match error.kind {
            QueryErrorKind::BadData => ApiError::invalid_parameter("query", error.message),
            _ => ApiError::from(error),
        }
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> ApiError {
        ApiError {
            kind: match error.kind {
                QueryErrorKind::BadData => ErrorKind::BadData,
                QueryErrorKind::Execution => ErrorKind::Execution,
                QueryErrorKind::Timeout => ErrorKind::Timeout,
                QueryErrorKind::Canceled => ErrorKind::Canceled,
                QueryErrorKind::Internal => ErrorKind::Internal,
                QueryErrorKind::Unavailable => ErrorKind::Unavailable,
            },
            message: error.message,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = b"{\"status\":\"error\",\"errorType\":\"".to_vec();
        body.extend_from_slice(self.kind.as_str().as_bytes());
        body.extend_from_slice(b"\",\"error\":");
        write_string(&mut body, &self.message);
        body.push(b'}');
        let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        (self.kind.status(), content_type, body).into_response()
    }
}

/// A plain text answer as Go's `http.Error` gives it.
pub(crate) fn plain_error(status: StatusCode, message: &str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, format!("{message}\n")).into_response()
}
