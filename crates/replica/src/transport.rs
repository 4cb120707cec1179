use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt};

/// A replica to talk to: which group, which replica of it, on which machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer {
    pub group: u64,
    pub replica_id: u64,
    pub machine_id: u64,
}

/// What a stream carries, so that bulk does not sit in front of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Log entries; pipelined, one response per request after the first, in order.
    Log,
    /// A snapshot's blocks; one response after the last.
    Snapshot,
}

/// The message was not answered. It may have arrived all the same.
#[derive(Debug, Clone, thiserror::Error)]
#[error("peer is unreachable: {0}")]
pub struct TransportError(pub String);

/// Carries messages between replicas, as bytes it does not look into. The receiving end hands them to
/// [`Replica::handle_call`](crate::Replica::handle_call) and
/// [`Replica::handle_stream`](crate::Replica::handle_stream) of the replica with the peer's id, which must
/// exist already: an unknown replica is an error, never created. An error there is an error here.
///
/// One connection may carry all groups. Nothing here retries or waits beyond what the connection does;
/// deadlines are the caller's, who drops the future or the stream.
pub trait Transport: Send + Sync + 'static {
    /// A request with one response; heartbeats and votes, which must not queue behind bulk.
    fn call(&self, peer: Peer, request: Bytes) -> BoxFuture<'static, Result<Bytes, TransportError>>;

    /// An ordered stream of requests and one of responses. Requests are taken only as fast as the peer
    /// takes them. Dropping the responses ends the requests.
    fn stream(
        &self,
        peer: Peer,
        lane: Lane,
        requests: BoxStream<'static, Bytes>,
    ) -> BoxStream<'static, Result<Bytes, TransportError>>;
}

/// The transport of groups that have one replica: it reaches nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoTransport;

impl Transport for NoTransport {
    fn call(&self, _: Peer, _: Bytes) -> BoxFuture<'static, Result<Bytes, TransportError>> {
        Box::pin(std::future::ready(Err(no_peer())))
    }

    fn stream(
        &self,
        _: Peer,
        _: Lane,
        _: BoxStream<'static, Bytes>,
    ) -> BoxStream<'static, Result<Bytes, TransportError>> {
        futures::stream::iter([Err(no_peer())]).boxed()
    }
}

fn no_peer() -> TransportError {
    TransportError("no transport is configured".to_owned())
}
