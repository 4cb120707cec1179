use std::sync::Arc;

use bytes::Bytes;

use super::board::Board;
use super::subject::Subject;
use crate::error::FatalError;
use crate::state_machine::{CheckpointTask, SnapshotInstaller, SnapshotReader, StateMachine};

/// A subject's state machine that reports its digest after each entry.
pub(crate) struct Observed<S: Subject> {
    machine: S::Machine,
    subject: Arc<S>,
    board: Arc<Board>,
    replica: u64,
    last_index: Option<u64>,
}

impl<S: Subject> Observed<S> {
    pub(crate) fn new(machine: S::Machine, subject: Arc<S>, board: Arc<Board>, replica: u64) -> Self {
        Self {
            machine,
            subject,
            board,
            replica,
            last_index: None,
        }
    }

    pub(crate) fn machine(&self) -> &S::Machine {
        &self.machine
    }
}

impl<S: Subject> StateMachine for Observed<S> {
    type Outcome = <S::Machine as StateMachine>::Outcome;

    fn apply(&mut self, index: u64, entry: &Bytes) -> Result<Self::Outcome, FatalError> {
        if self.last_index.is_some_and(|last| index <= last) {
            self.board
                .violate(format!("replica {} applied entry {index} twice", self.replica));
        }
        self.last_index = Some(index);
        let outcome = self.machine.apply(index, entry).inspect_err(|error| {
            self.board.violate(format!(
                "replica {} cannot apply entry {index}: {error}",
                self.replica
            ));
        })?;
        self.board
            .applied(self.replica, index, self.subject.digest(&self.machine));
        Ok(outcome)
    }

    fn durable_position(&self) -> Result<Option<Vec<u8>>, FatalError> {
        self.machine.durable_position()
    }

    fn begin_checkpoint(&mut self, position: Vec<u8>) -> CheckpointTask {
        self.machine.begin_checkpoint(position)
    }

    fn checkpoint_done(&mut self) {
        self.machine.checkpoint_done();
    }

    fn snapshot(&self) -> Result<Option<Box<dyn SnapshotReader>>, FatalError> {
        self.machine.snapshot()
    }

    fn begin_install(&self) -> Result<Box<dyn SnapshotInstaller>, FatalError> {
        self.machine.begin_install()
    }

    fn reload(&mut self) -> Result<(), FatalError> {
        self.board.installed();
        self.machine.reload()
    }
}
