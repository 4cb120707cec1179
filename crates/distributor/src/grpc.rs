//! The distributor as the service other roles call.

use async_trait::async_trait;
use tonic::{Request, Response, Status};
use vigie_model::TenantId;
use vigie_proto::v1;

use crate::Distributor;

#[async_trait]
impl vigie_proto::Distributor for Distributor {
    async fn write(&self, request: Request<v1::WriteRequest>) -> Result<Response<v1::WriteResponse>, Status> {
        let request = request.into_inner();
        let tenant =
            TenantId::new(&request.tenant).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let summary = self.write_scraped(&tenant, &request).await?;
        Ok(Response::new(v1::WriteResponse {
            appended: summary.appended,
            out_of_order: summary.out_of_order,
            out_of_bounds: summary.out_of_bounds,
            too_old: summary.too_old,
            duplicate_timestamp: summary.duplicate_timestamp,
            out_of_order_exemplars: summary.out_of_order_exemplars,
        }))
    }
}
