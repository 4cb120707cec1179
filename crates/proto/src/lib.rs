//! The services through which roles meet, generated from `proto/` by vigie-protogen, and the
//! conversions between wire types and the model.
//!
//! A role is used through its generated service trait, whether it runs in another process (the
//! generated client behind the same trait) or in this one (a direct call, nothing serialised). The
//! crate must not know what any role does.

mod convert;
mod local;

#[rustfmt::skip]
#[allow(
    unreachable_pub,
    missing_debug_implementations,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated; documented in the .proto files"
)]
#[path = "generated/vigie.v1.rs"]
pub mod v1;

use std::sync::Arc;

use futures::stream::BoxStream;

pub use convert::{WireExemplarError, WireMatcherError, matchers_from_wire, matchers_to_wire};
pub use local::LocalIngester;
pub use v1::distributor_server::Distributor;
pub use v1::ingester_server::Ingester;
pub use v1::querier_server::Querier;

/// A stream of messages, as every streaming method here returns.
pub type MessageStream<T> = BoxStream<'static, Result<T, tonic::Status>>;

/// An ingester, near or far.
pub type IngesterHandle = Arc<
    dyn Ingester<
            SelectStream = MessageStream<v1::SelectResponse>,
            SeriesStream = MessageStream<v1::SeriesResponse>,
            ExemplarsStream = MessageStream<v1::ExemplarsResponse>,
        >,
>;

/// A distributor, near or far.
pub type DistributorHandle = Arc<dyn Distributor>;

/// The largest message accepted from another role.
pub const MAX_MESSAGE_BYTES: usize = 64 << 20;
