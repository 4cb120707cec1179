//! Whose request it is.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use vigie_model::TenantId;

use crate::Tenancy;
use crate::error::plain_error;
use crate::routes::Api;

const TENANT_HEADER: &str = "X-Scope-OrgID";

/// The tenant named by the request's header.
#[derive(Debug)]
pub(crate) struct Tenant(pub(crate) TenantId);

impl FromRequestParts<Api> for Tenant {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Tenant, Response> {
        let Some(header) = parts.headers.get(TENANT_HEADER) else {
            return match api.options.tenancy {
                Tenancy::Optional => Ok(Tenant(TenantId::anonymous())),
                Tenancy::Required => Err(plain_error(StatusCode::UNAUTHORIZED, "no org id")),
            };
        };
        let name = String::from_utf8_lossy(header.as_bytes());
        TenantId::new(&name)
            .map(Tenant)
            .map_err(|error| plain_error(StatusCode::BAD_REQUEST, &error.to_string()))
    }
}
