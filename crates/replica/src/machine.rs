use std::io;
use std::sync::Arc;

use futures::{Stream, TryStreamExt};
use openraft::entry::RaftEntry;
use openraft::storage::{EntryResponder, RaftStateMachine};
use openraft::type_config::alias::SnapshotOf;
use openraft::{RaftSnapshotBuilder, Snapshot};
use parking_lot::RwLock;
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use crate::error::FatalError;
use crate::position::Position;
use crate::raft_types::{LogId, Payload, SnapshotMeta, StoredMembership, TypeConfig};
use crate::reply::Reply;
use crate::state_machine::{CheckpointTask, SnapshotInstaller, SnapshotReader, StateMachine};

/// A [`StateMachine`] as the consensus library wants it.
pub(crate) struct Machine<M> {
    shared: Arc<RwLock<M>>,
    position: Position,
    /// Held while a checkpoint is written or a snapshot put in place: a checkpoint of the old state must
    /// not land on top of a snapshot.
    store_gate: Arc<Mutex<()>>,
    durable_log_end: watch::Receiver<u64>,
}

/// A snapshot on its way through the consensus library.
pub(crate) enum SnapshotData {
    /// The durable checkpoint, known to exist, not opened.
    AtRest,
    /// Opened, to be sent.
    Outgoing(Box<dyn SnapshotReader>),
    /// Completely received, to be put in place.
    Incoming(Box<dyn SnapshotInstaller>),
}

/// A frozen state and what makes it durable.
pub(crate) struct CheckpointWriter<M> {
    shared: Arc<RwLock<M>>,
    position: Position,
    /// In a mutex only because the library wants this to be `Sync`.
    task: parking_lot::Mutex<Option<CheckpointTask>>,
    durable_log_end: watch::Receiver<u64>,
    gate: Option<OwnedMutexGuard<()>>,
}

impl<M: StateMachine> Machine<M> {
    /// Takes up where the last durable checkpoint left off.
    pub(crate) fn open(
        shared: Arc<RwLock<M>>,
        durable_log_end: watch::Receiver<u64>,
    ) -> Result<Self, FatalError> {
        let position = match shared.read().durable_position()? {
            None => Position::default(),
            Some(bytes) => decode_position(bytes)?,
        };
        Ok(Self {
            shared,
            position,
            store_gate: Arc::default(),
            durable_log_end,
        })
    }

    fn apply_payload(
        &mut self,
        log_id: LogId,
        payload: Payload,
        wants_reply: bool,
    ) -> Result<Reply, FatalError> {
        let reply = match payload {
            Payload::Blank => Reply::none(),
            Payload::Normal(command) => {
                let outcome = self.shared.write().apply(log_id.index, &command.bytes)?;
                if wants_reply {
                    Reply::of(outcome)
                } else {
                    Reply::none()
                }
            }
            Payload::Membership(membership) => {
                self.position.membership = StoredMembership::new(Some(log_id), membership);
                Reply::none()
            }
        };
        self.position.applied = Some(log_id);
        Ok(reply)
    }
}

impl<M: StateMachine> RaftStateMachine<TypeConfig> for Machine<M> {
    type SnapshotData = SnapshotData;
    type SnapshotBuilder = CheckpointWriter<M>;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.position.applied, self.position.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + Send,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            let log_id = entry.log_id();
            let reply = self.apply_payload(log_id, entry.payload, responder.is_some())?;
            if let Some(responder) = responder {
                responder.send(reply);
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> CheckpointWriter<M> {
        let gate = self.store_gate.clone().lock_owned().await;
        let task = self.shared.write().begin_checkpoint(self.position.encode());
        CheckpointWriter {
            shared: self.shared.clone(),
            position: self.position.clone(),
            task: parking_lot::Mutex::new(Some(task)),
            durable_log_end: self.durable_log_end.clone(),
            gate: Some(gate),
        }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: SnapshotData) -> io::Result<()> {
        let gate = self.store_gate.clone().lock_owned().await;
        let shared = self.shared.clone();
        let position = Position::from_meta(meta);
        let stored = position.encode();
        blocking(move || {
            let installer = match snapshot {
                SnapshotData::AtRest => return Err(FatalError::new("snapshot to install has no content")),
                SnapshotData::Incoming(installer) => installer,
                SnapshotData::Outgoing(mut reader) => {
                    let mut installer = shared.read().begin_install()?;
                    while let Some(block) = reader.next_block()? {
                        installer.push_block(block)?;
                    }
                    installer
                }
            };
            installer.finish(stored)?;
            shared.write().reload()?;
            drop(gate);
            Ok(())
        })
        .await?;
        self.position = position;
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<SnapshotOf<TypeConfig, SnapshotData>>> {
        let shared = self.shared.clone();
        let Some(reader) = blocking(move || shared.read().snapshot()).await? else {
            return Ok(None);
        };
        let meta = decode_position(reader.position())?.into_meta();
        Ok(Some(Snapshot {
            meta,
            snapshot: SnapshotData::Outgoing(reader),
        }))
    }
}

impl<M: StateMachine> RaftSnapshotBuilder<TypeConfig> for CheckpointWriter<M> {
    type SnapshotData = SnapshotData;

    async fn build_snapshot(&mut self) -> io::Result<SnapshotOf<TypeConfig, SnapshotData>> {
        // Entries are applied once a majority has them, which may be before this replica's own disk has:
        // state must not get ahead of the log it came from.
        let end = self.position.applied.map_or(0, |last| last.index + 1);
        if self
            .durable_log_end
            .wait_for(|durable| *durable >= end)
            .await
            .is_err()
        {
            return Err(FatalError::new("log closed before the checkpoint was written").into());
        }
        let Some(task) = self.task.get_mut().take() else {
            return Err(FatalError::new("checkpoint was written already").into());
        };
        blocking(task).await?;
        self.shared.write().checkpoint_done();
        self.gate = None;
        Ok(Snapshot {
            meta: self.position.clone().into_meta(),
            snapshot: SnapshotData::AtRest,
        })
    }
}

fn decode_position(bytes: Vec<u8>) -> Result<Position, FatalError> {
    Position::decode(bytes.into())
        .map_err(|error| FatalError::with_source("decode the checkpoint's position", error))
}

/// Runs `work` where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FatalError> + Send + 'static,
) -> Result<T, FatalError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(FatalError::with_source("run a blocking task to its end", error)),
    }
}
