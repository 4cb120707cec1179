//! Serving other processes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use vigie_distributor::Distributor;
use vigie_ingester::Ingester;
use vigie_proto::MAX_MESSAGE_BYTES;
use vigie_proto::v1::distributor_server::DistributorServer;
use vigie_proto::v1::ingester_server::IngesterServer;
use vigie_proto::v1::querier_server::QuerierServer;
use vigie_querier::Querier;

/// The services of this process.
pub(crate) struct Services {
    pub(crate) ingester: Option<Arc<Ingester>>,
    pub(crate) distributor: Option<Arc<Distributor>>,
    pub(crate) querier: Option<Arc<Querier>>,
}

/// Binds before it returns, so that a taken port is an error at start; serves until `shutdown`.
pub(crate) async fn listen(
    address: SocketAddr,
    services: Services,
    shutdown: CancellationToken,
) -> Result<impl Future<Output = ()> + Send + 'static> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("listen on {address} for other roles"))?;
    tracing::info!(%address, "serving other roles");
    let ingester = services.ingester.map(|ingester| {
        IngesterServer::from_arc(ingester)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES)
    });
    let distributor = services.distributor.map(|distributor| {
        DistributorServer::from_arc(distributor)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES)
    });
    // Takes queries, which are short; its answers come in messages of bounded size.
    let querier = services.querier.map(QuerierServer::from_arc);
    let server = Server::builder()
        .initial_stream_window_size(2 << 20)
        .initial_connection_window_size(32 << 20)
        .http2_keepalive_interval(Some(Duration::from_secs(5)))
        .http2_keepalive_timeout(Some(Duration::from_secs(5)))
        .tcp_nodelay(true)
        .add_optional_service(ingester)
        .add_optional_service(distributor)
        .add_optional_service(querier)
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), async move {
            shutdown.cancelled().await
        });
    Ok(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "serving other roles ended");
        }
    })
}
