//! Roles in other processes, behind the same service traits.

use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};
use vigie_proto::v1::distributor_client::DistributorClient;
use vigie_proto::v1::ingester_client::IngesterClient;
use vigie_proto::{Distributor, Ingester, MAX_MESSAGE_BYTES, MessageStream, v1};

/// hyper's defaults are 1 MiB a stream and a connection, which all calls of a process would share.
const STREAM_WINDOW_BYTES: u32 = 2 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 32 << 20;

/// An address is not `host:port`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("address {address:?} is not host:port: {reason}")]
pub struct InvalidAddress {
    pub address: String,
    pub reason: String,
}

/// A channel that connects on first use and again after every failure.
fn channel(address: &str) -> Result<Channel, InvalidAddress> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|error| InvalidAddress {
        address: address.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(endpoint
        .connect_timeout(Duration::from_secs(2))
        .tcp_nodelay(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keep_alive_interval(Duration::from_secs(5))
        .keep_alive_timeout(Duration::from_secs(5))
        .keep_alive_while_idle(true)
        .connect_lazy())
}

/// An ingester in another process.
#[derive(Debug, Clone)]
pub struct RemoteIngester {
    client: IngesterClient<Channel>,
}

impl RemoteIngester {
    /// Must be called within a tokio runtime; connects on first use.
    pub fn new(address: &str) -> Result<RemoteIngester, InvalidAddress> {
        let client = IngesterClient::new(channel(address)?)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Ok(RemoteIngester { client })
    }
}

#[async_trait]
impl Ingester for RemoteIngester {
    type SelectStream = MessageStream<v1::SelectResponse>;
    type SeriesStream = MessageStream<v1::SeriesResponse>;
    type ExemplarsStream = MessageStream<v1::ExemplarsResponse>;

    async fn describe(
        &self,
        request: Request<v1::DescribeRequest>,
    ) -> Result<Response<v1::DescribeResponse>, Status> {
        self.client.clone().describe(request).await
    }

    async fn push(&self, request: Request<v1::PushRequest>) -> Result<Response<v1::PushResponse>, Status> {
        self.client.clone().push(request).await
    }

    async fn select(
        &self,
        request: Request<v1::SelectRequest>,
    ) -> Result<Response<Self::SelectStream>, Status> {
        Ok(self.client.clone().select(request).await?.map(StreamExt::boxed))
    }

    async fn series(
        &self,
        request: Request<v1::SeriesRequest>,
    ) -> Result<Response<Self::SeriesStream>, Status> {
        Ok(self.client.clone().series(request).await?.map(StreamExt::boxed))
    }

    async fn label_names(
        &self,
        request: Request<v1::LabelNamesRequest>,
    ) -> Result<Response<v1::LabelNamesResponse>, Status> {
        self.client.clone().label_names(request).await
    }

    async fn label_values(
        &self,
        request: Request<v1::LabelValuesRequest>,
    ) -> Result<Response<v1::LabelValuesResponse>, Status> {
        self.client.clone().label_values(request).await
    }

    async fn exemplars(
        &self,
        request: Request<v1::ExemplarsRequest>,
    ) -> Result<Response<Self::ExemplarsStream>, Status> {
        Ok(self
            .client
            .clone()
            .exemplars(request)
            .await?
            .map(StreamExt::boxed))
    }

    async fn metadata(
        &self,
        request: Request<v1::MetadataRequest>,
    ) -> Result<Response<v1::MetadataResponse>, Status> {
        self.client.clone().metadata(request).await
    }

    async fn tenant_stats(
        &self,
        request: Request<v1::TenantStatsRequest>,
    ) -> Result<Response<v1::TenantStatsResponse>, Status> {
        self.client.clone().tenant_stats(request).await
    }
}

/// A distributor in another process.
#[derive(Debug, Clone)]
pub struct RemoteDistributor {
    client: DistributorClient<Channel>,
}

impl RemoteDistributor {
    /// Must be called within a tokio runtime; connects on first use.
    pub fn new(address: &str) -> Result<RemoteDistributor, InvalidAddress> {
        let client = DistributorClient::new(channel(address)?)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        Ok(RemoteDistributor { client })
    }
}

#[async_trait]
impl Distributor for RemoteDistributor {
    async fn write(&self, request: Request<v1::WriteRequest>) -> Result<Response<v1::WriteResponse>, Status> {
        self.client.clone().write(request).await
    }
}
