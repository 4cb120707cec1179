use std::sync::Arc;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, future, stream};
use openraft::errors::Fatal;
use openraft::raft::StreamAppendError;
use openraft::{Raft, Snapshot};
use parking_lot::RwLock;
use tokio::sync::Mutex;

use super::Address;
use super::envelope::{Kind, read_envelope};
use super::messages::{
    AppendResult, encode_append_result, encode_transfer_response, encode_vote_response, take_append,
    take_snapshot_head, take_transfer_request, take_vote_request,
};
use crate::codec::{DecodeError, Reader, encode_vote};
use crate::error::{FatalError, RpcError};
use crate::machine::{Machine, SnapshotData, blocking};
use crate::raft_types::TypeConfig;
use crate::state_machine::StateMachine;

/// Answers peers for one replica.
pub(crate) struct Server<M: StateMachine> {
    own: Address,
    raft: Raft<TypeConfig, Machine<M>>,
    shared: Arc<RwLock<M>>,
    /// One snapshot is received at a time.
    receiving: Arc<Mutex<()>>,
}

impl<M: StateMachine> Server<M> {
    pub(crate) fn new(own: Address, raft: Raft<TypeConfig, Machine<M>>, shared: Arc<RwLock<M>>) -> Self {
        Self {
            own,
            raft,
            shared,
            receiving: Arc::default(),
        }
    }

    pub(crate) async fn call(&self, request: Bytes) -> Result<Bytes, RpcError> {
        let (kind, mut reader) = self.open(request)?;
        match kind {
            Kind::Append => {
                let request = whole(&mut reader, take_append)?;
                let (prev, last) = (
                    request.prev_log_id,
                    request.entries.last().map(|entry| entry.log_id),
                );
                let response = self.raft.append_entries(request).await.map_err(stopped)?;
                let result: AppendResult = match response {
                    // A conflict is always with the entry before the request's own.
                    openraft::raft::AppendEntriesResponse::Conflict => match prev {
                        Some(prev) => Err(StreamAppendError::Conflict(prev)),
                        None => {
                            return Err(RpcError::Malformed(
                                "conflict without a previous entry".to_owned(),
                            ));
                        }
                    },
                    other => other.into_stream_result(prev, last.or(prev)),
                };
                Ok(encode_append_result(&result))
            }
            Kind::Vote => {
                let request = whole(&mut reader, take_vote_request)?;
                Ok(encode_vote_response(
                    &self.raft.vote(request).await.map_err(stopped)?,
                ))
            }
            Kind::PreVote => {
                let request = whole(&mut reader, take_vote_request)?;
                Ok(encode_vote_response(
                    &self.raft.pre_vote(request).await.map_err(stopped)?,
                ))
            }
            Kind::TransferLeader => {
                let request = whole(&mut reader, take_transfer_request)?;
                let response = self.raft.handle_transfer_leader(request).await.map_err(fatal)?;
                Ok(encode_transfer_response(&response))
            }
            Kind::LogStream | Kind::SnapshotStream => Err(RpcError::Malformed(
                "stream opened with a single message".to_owned(),
            )),
        }
    }

    pub(crate) fn stream(
        self: Arc<Self>,
        mut requests: BoxStream<'static, Bytes>,
    ) -> BoxStream<'static, Result<Bytes, RpcError>> {
        let opening = async move {
            let Some(head) = requests.next().await else {
                return stream::empty().boxed();
            };
            match self.open(head) {
                Ok((Kind::LogStream, _)) => self.log_stream(requests),
                Ok((Kind::SnapshotStream, reader)) => {
                    stream::once(async move { self.receive_snapshot(reader, requests).await }).boxed()
                }
                Ok(_) => failing(RpcError::Malformed("call opened a stream".to_owned())),
                Err(error) => failing(error),
            }
        };
        stream::once(opening).flatten().boxed()
    }

    /// Checks that a message is for this replica.
    fn open(&self, message: Bytes) -> Result<(Kind, Reader), RpcError> {
        let (kind, address, reader) = read_envelope(message).map_err(malformed)?;
        if address != self.own {
            return Err(RpcError::WrongReplica);
        }
        Ok((kind, reader))
    }

    fn log_stream(&self, requests: BoxStream<'static, Bytes>) -> BoxStream<'static, Result<Bytes, RpcError>> {
        let appends = requests
            .map(|message| whole(&mut Reader::new("append", message), take_append))
            // A message that makes no sense ends the stream; the leader starts another.
            .take_while(|request| {
                if let Err(error) = request {
                    tracing::error!(%error, "refused a peer's append");
                }
                future::ready(request.is_ok())
            })
            .filter_map(|request| future::ready(request.ok()));
        self.raft
            .stream_append(appends)
            .map(|result| match result {
                Ok(result) => Ok(encode_append_result(&result)),
                Err(error) => Err(fatal(error)),
            })
            .boxed()
    }

    async fn receive_snapshot(
        &self,
        head: Reader,
        mut blocks: BoxStream<'static, Bytes>,
    ) -> Result<Bytes, RpcError> {
        let (vote, position) = take_snapshot_head(head).map_err(malformed)?;
        let Ok(_receiving) = self.receiving.try_lock() else {
            return Err(RpcError::Malformed(
                "another snapshot is being received".to_owned(),
            ));
        };
        let shared = self.shared.clone();
        let mut installer = blocking(move || shared.read().begin_install())
            .await
            .map_err(RpcError::Fatal)?;
        loop {
            match blocks.next().await {
                None => return Err(RpcError::Malformed("snapshot ends early".to_owned())),
                Some(block) if block.is_empty() => break,
                Some(block) => {
                    installer = blocking(move || {
                        installer.push_block(block)?;
                        Ok(installer)
                    })
                    .await
                    .map_err(RpcError::Fatal)?;
                }
            }
        }
        let snapshot = Snapshot {
            meta: position.into_meta(),
            snapshot: SnapshotData::Incoming(installer),
        };
        let response = self
            .raft
            .install_full_snapshot(vote, snapshot)
            .await
            .map_err(fatal)?;
        Ok(encode_vote(&response.vote))
    }
}

fn whole<T>(
    reader: &mut Reader,
    take: impl FnOnce(&mut Reader) -> Result<T, DecodeError>,
) -> Result<T, RpcError> {
    let value = take(reader).map_err(malformed)?;
    reader.end().map_err(malformed)?;
    Ok(value)
}

fn failing(error: RpcError) -> BoxStream<'static, Result<Bytes, RpcError>> {
    stream::iter([Err(error)]).boxed()
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "used as a function value over errors that are consumed"
)]
fn malformed(error: DecodeError) -> RpcError {
    RpcError::Malformed(error.to_string())
}

fn stopped(error: openraft::errors::RaftError<TypeConfig>) -> RpcError {
    RpcError::Fatal(FatalError::with_source("answer a peer", error))
}

fn fatal(error: Fatal<TypeConfig>) -> RpcError {
    RpcError::Fatal(FatalError::with_source("answer a peer", error))
}
