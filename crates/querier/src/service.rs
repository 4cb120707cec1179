//! The querier as the service other processes call.

use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use tonic::{Request, Response, Status};
use vigie_model::TenantId;
use vigie_proto::v1::query_request::When;
use vigie_proto::{MessageStream, v1};

use crate::answer::messages;
use crate::{Querier, QueryError, QueryRequest};

#[async_trait]
impl vigie_proto::Querier for Querier {
    type QueryStream = MessageStream<v1::QueryResponse>;

    async fn query(&self, request: Request<v1::QueryRequest>) -> Result<Response<Self::QueryStream>, Status> {
        let request = request.into_inner();
        let tenant =
            TenantId::new(&request.tenant).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let answer = self.query(&tenant, query_request(request)?).await?;
        // Made one by one, as the caller takes them.
        Ok(Response::new(stream::iter(messages(answer)).map(Ok).boxed()))
    }
}

fn query_request(wire: v1::QueryRequest) -> Result<QueryRequest, Status> {
    let (start_ms, end_ms, step_ms) = match wire.when {
        Some(When::TimeMs(time_ms)) => (time_ms, time_ms, 0),
        Some(When::Range(range)) if range.step_ms == 0 => {
            return Err(Status::invalid_argument("the step of a range is at least 1 ms"));
        }
        Some(When::Range(range)) if range.end_ms < range.start_ms => {
            return Err(Status::invalid_argument(
                "the end of a range is not before its start",
            ));
        }
        Some(When::Range(range)) => (range.start_ms, range.end_ms, signed(range.step_ms)?),
        None => return Err(Status::invalid_argument("neither a time nor a range is given")),
    };
    let lookback_ms = signed(wire.lookback_ms)?;
    Ok(QueryRequest {
        query: wire.expression,
        start_ms,
        end_ms,
        step_ms,
        timeout: (wire.timeout_ms > 0).then(|| Duration::from_millis(wire.timeout_ms)),
        lookback_ms: (lookback_ms > 0).then_some(lookback_ms),
        explain: false,
    })
}

fn signed(milliseconds: u64) -> Result<i64, Status> {
    i64::try_from(milliseconds)
        .map_err(|_| Status::invalid_argument(format!("{milliseconds} ms is too long")))
}

impl From<QueryError> for Status {
    /// The codes that `querier.proto` promises; the message is the error's.
    fn from(error: QueryError) -> Status {
        match error {
            QueryError::BadData(message) => Status::invalid_argument(message),
            QueryError::Execution(message) => Status::failed_precondition(message),
            QueryError::Timeout(message) => Status::deadline_exceeded(message),
            QueryError::Canceled(message) => Status::cancelled(message),
            QueryError::Unavailable(message) => Status::unavailable(message),
            QueryError::Internal(message) => Status::internal(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(when: Option<When>, expected: Result<(i64, i64, i64), &str>) {
        let request = query_request(v1::QueryRequest {
            expression: "up".to_owned(),
            when,
            ..v1::QueryRequest::default()
        });
        let times = request
            .as_ref()
            .map(|request| (request.start_ms, request.end_ms, request.step_ms))
            .map_err(Status::message);
        assert_eq!(times, expected);
    }

    fn range(start_ms: i64, end_ms: i64, step_ms: u64) -> Option<When> {
        Some(When::Range(v1::QueryRange {
            start_ms,
            end_ms,
            step_ms,
        }))
    }

    #[test]
    fn times_are_checked() {
        check(Some(When::TimeMs(-5)), Ok((-5, -5, 0)));
        check(range(0, 10, 3), Ok((0, 10, 3)));
        check(range(0, 10, 0), Err("the step of a range is at least 1 ms"));
        check(range(10, 0, 3), Err("the end of a range is not before its start"));
        check(range(0, 10, u64::MAX), Err("18446744073709551615 ms is too long"));
        check(None, Err("neither a time nor a range is given"));
    }
}
