use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt, future, stream};
use openraft::base::{BoxFuture, BoxStream as RaftStream};
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, stream_append_sequential};
use openraft::raft::{AppendEntriesResponse, SnapshotResponse};
use openraft::type_config::alias::SnapshotOf;
use openraft::{LogIdOptionExt, RaftNetworkV2};

use super::envelope::{Kind, open_message};
use super::log_stream;
use super::messages::{
    AppendRequest, AppendResult, TransferRequest, TransferResponse, VoteRequest, VoteResponse,
    decode_append_result, decode_transfer_response, decode_vote_response, put_append, put_snapshot_head,
    put_transfer_request, put_vote_request,
};
use super::{Address, LinkTimings, SnapshotFloors};
use crate::codec::{DecodeError, decode_vote};
use crate::log_store::LogStore;
use crate::machine::{SnapshotData, blocking};
use crate::position::Position;
use crate::raft_types::{TypeConfig, Vote};
use crate::state_machine::SnapshotReader;
use crate::transport::{Lane, Peer, Transport};

pub(super) type RpcFailure = RPCError<TypeConfig>;

/// One replica's line to one peer. Every failure is reported as "unreachable", which makes the library back off.
pub(crate) struct PeerClient {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) peer: Peer,
    pub(super) address: Address,
    pub(super) timings: LinkTimings,
    pub(super) floors: SnapshotFloors,
    pub(super) log: LogStore,
    /// Sends appends one by one as calls, not on a stream.
    pub(super) unary: bool,
}

impl PeerClient {
    async fn call(&self, request: Vec<u8>, limit: Duration) -> Result<Bytes, RpcFailure> {
        match tokio::time::timeout(limit, self.transport.call(self.peer, request.into())).await {
            Ok(answer) => answer.map_err(unreachable),
            Err(_) => Err(unreachable(format!("no answer within {limit:?}"))),
        }
    }

    /// Sends the blocks and waits for the peer to have put them in place.
    async fn send_snapshot(
        &self,
        vote: &Vote,
        position: Position,
        reader: Box<dyn SnapshotReader>,
    ) -> Result<Vote, RpcFailure> {
        let _floor = position.applied.map(|last| self.floors.hold(last.index));
        let mut head = open_message(Kind::SnapshotStream, &self.address);
        put_snapshot_head(&mut head, vote, &position);
        let requests = stream::iter([Bytes::from(head)]).chain(blocks(reader));
        let mut answers = self.transport.stream(self.peer, Lane::Snapshot, requests.boxed());
        match answers.next().await {
            Some(Ok(answer)) => decode_vote(answer).map_err(unreachable),
            Some(Err(error)) => Err(unreachable(error)),
            None => Err(unreachable("snapshot was not acknowledged")),
        }
    }
}

impl RaftNetworkV2<TypeConfig> for PeerClient {
    type SnapshotData = SnapshotData;

    async fn append_entries(
        &mut self,
        rpc: AppendRequest,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RpcFailure> {
        let mut out = open_message(Kind::Append, &self.address);
        put_append(&mut out, &rpc);
        let answer = self.call(out, option.hard_ttl()).await?;
        Ok(decode(decode_append_result, answer)?.into())
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<'s, Result<RaftStream<'s, Result<AppendResult, RpcFailure>>, RpcFailure>>
    where
        S: Stream<Item = AppendRequest> + Send + Unpin + 'static,
    {
        if self.unary {
            return stream_append_sequential(self, input, option);
        }
        let head = open_message(Kind::LogStream, &self.address).into();
        let (transport, peer) = (self.transport.clone(), self.peer);
        let log = self.log.clone();
        let is_void = move |request: &AppendRequest| {
            request.entries.is_empty() && request.prev_log_id.next_index() < log.first_index()
        };
        let connect = move |requests| transport.stream(peer, Lane::Log, requests);
        let answers: RaftStream<'s, _> =
            log_stream::answers(input, head, self.timings.stall, is_void, connect);
        Box::pin(future::ready(Ok(answers)))
    }

    async fn vote(&mut self, rpc: VoteRequest, option: RPCOption) -> Result<VoteResponse, RpcFailure> {
        let mut out = open_message(Kind::Vote, &self.address);
        put_vote_request(&mut out, &rpc);
        decode(decode_vote_response, self.call(out, option.hard_ttl()).await?)
    }

    async fn pre_vote(&mut self, rpc: VoteRequest, option: RPCOption) -> Result<VoteResponse, RpcFailure> {
        let mut out = open_message(Kind::PreVote, &self.address);
        put_vote_request(&mut out, &rpc);
        decode(decode_vote_response, self.call(out, option.hard_ttl()).await?)
    }

    async fn transfer_leader(
        &mut self,
        req: TransferRequest,
        option: RPCOption,
    ) -> Result<TransferResponse, RpcFailure> {
        let mut out = open_message(Kind::TransferLeader, &self.address);
        put_transfer_request(&mut out, &req);
        decode(decode_transfer_response, self.call(out, option.hard_ttl()).await?)
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: SnapshotOf<TypeConfig, SnapshotData>,
        cancel: impl Future<Output = ReplicationClosed> + Send + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let SnapshotData::Outgoing(reader) = snapshot.snapshot else {
            return Err(Unreachable::from_string("snapshot has no content to send").into());
        };
        let position = Position::from_meta(&snapshot.meta);
        let limit = option.hard_ttl();
        tokio::select! {
            biased;
            closed = cancel => Err(closed.into()),
            sent = tokio::time::timeout(limit, self.send_snapshot(&vote, position, reader)) => match sent {
                Ok(sent) => Ok(SnapshotResponse::new(sent?)),
                Err(_) => Err(Unreachable::from_string(format!("snapshot not sent within {limit:?}")).into()),
            },
        }
    }
}

/// A snapshot's blocks, then an empty one as the mark that none is missing. A failure to read ends the stream without it.
fn blocks(reader: Box<dyn SnapshotReader>) -> impl Stream<Item = Bytes> + Send + 'static {
    stream::unfold(Some(reader), |reader| async move {
        let mut reader = reader?;
        let read = blocking(move || {
            let block = reader.next_block()?;
            Ok((block, reader))
        });
        match read.await {
            Ok((Some(block), reader)) => Some((block, Some(reader))),
            Ok((None, _)) => Some((Bytes::new(), None)),
            Err(error) => {
                tracing::error!(%error, "cannot read the snapshot to send");
                None
            }
        }
    })
}

pub(super) fn decode<T>(
    decode: impl FnOnce(Bytes) -> Result<T, DecodeError>,
    answer: Bytes,
) -> Result<T, RpcFailure> {
    decode(answer).map_err(unreachable)
}

pub(super) fn unreachable(why: impl ToString) -> RpcFailure {
    RPCError::Unreachable(Unreachable::from_string(why))
}
