//! Successes as Prometheus reports them.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use vigie_promql::{Annotations, Remark};

use crate::error::{ApiError, ErrorKind};
use crate::json::{write_array, write_string};

/// How many warnings, and how many infos, an answer carries.
const MAX_REMARKS: usize = 10;

/// The success envelope. Data are written straight behind its head, so that a large answer is
/// never copied.
#[derive(Debug)]
pub(crate) struct Reply {
    body: Vec<u8>,
    warnings: Vec<String>,
    infos: Vec<String>,
}

impl Reply {
    /// `write` appends one JSON value.
    pub(crate) fn written(write: impl FnOnce(&mut Vec<u8>)) -> Reply {
        let mut body = b"{\"status\":\"success\",\"data\":".to_vec();
        write(&mut body);
        Reply {
            body,
            warnings: Vec::new(),
            infos: Vec::new(),
        }
    }

    pub(crate) fn json(data: &impl Serialize) -> Result<Reply, ApiError> {
        let mut result = Ok(());
        let reply = Reply::written(|body| result = serde_json::to_writer(body, data));
        result.map(|()| reply).map_err(|error| ApiError {
            kind: ErrorKind::Internal,
            message: format!("error marshaling json response: {error}"),
        })
    }

    pub(crate) fn with_warnings(mut self, warnings: impl IntoIterator<Item = String>) -> Reply {
        self.warnings.extend(warnings);
        self
    }

    /// Takes the remarks of an evaluation, but not so many that they drown the answer.
    pub(crate) fn with_annotations(mut self, annotations: Annotations) -> Reply {
        add_capped(&mut self.warnings, annotations.warnings, "warning");
        add_capped(&mut self.infos, annotations.infos, "info");
        self
    }
}

fn add_capped(
    list: &mut Vec<String>,
    remarks: impl IntoIterator<Item = Remark, IntoIter: ExactSizeIterator>,
    what: &str,
) {
    let remarks = remarks.into_iter();
    let omitted = remarks.len().saturating_sub(MAX_REMARKS);
    list.extend(remarks.take(MAX_REMARKS).map(|remark| remark.to_string()));
    if omitted > 0 {
        list.push(format!("{omitted} more {what} annotations omitted"));
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut body = self.body;
        for (key, list) in [("warnings", self.warnings), ("infos", self.infos)] {
            if !list.is_empty() {
                body.push(b',');
                write_string(&mut body, key);
                body.push(b':');
                write_array(&mut body, &list, |body, text| write_string(body, text));
            }
        }
        body.push(b'}');
        let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        (content_type, body).into_response()
    }
}
