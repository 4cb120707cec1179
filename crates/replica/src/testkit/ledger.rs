use bytes::{Buf, BufMut, Bytes};
use vigie_storage::{ShardSnapshot, ShardStore, SnapshotInstaller as ShardInstaller, StorageError};

use super::SimRng;
use super::rng::mix;
use super::subject::{Acked, SimError, Subject};
use crate::error::FatalError;
use crate::state_machine::{CheckpointTask, SnapshotInstaller, SnapshotReader, StateMachine};

const POSITION: &str = "position";
const DIGEST: &str = "digest";
/// Client in the upper bits of a series id, sequence number in the lower.
const SEQ_BITS: u32 = 22;

/// The smallest state machine that shows a lost, doubled or reordered entry: for each client, what it
/// appended, in order. An entry is client (u32), sequence number (u64), anything; little-endian.
#[derive(Debug)]
pub struct Ledger {
    store: ShardStore,
    /// Hash of each entry, by client, then by sequence number.
    clients: Vec<Vec<u64>>,
    digest: u64,
    /// Not in a checkpoint yet: series id and hash.
    fresh: Vec<(u32, u64)>,
}

/// What applying an entry did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerOutcome {
    Appended,
    /// It was there already: a repeated proposal.
    Repeated,
}

/// Simulates [`Ledger`].
#[derive(Debug, Clone, Copy, Default)]
pub struct LedgerSubject;

impl Ledger {
    /// # Errors
    /// The store cannot be read.
    pub fn open(store: ShardStore) -> Result<Self, FatalError> {
        let mut ledger = Self {
            store,
            clients: Vec::new(),
            digest: 0,
            fresh: Vec::new(),
        };
        ledger.load()?;
        Ok(ledger)
    }

    /// An entry of `client`.
    pub fn entry(client: u32, seq: u64, rest: &[u8]) -> Bytes {
        let mut out = Vec::with_capacity(12 + rest.len());
        out.put_u32_le(client);
        out.put_u64_le(seq);
        out.extend_from_slice(rest);
        out.into()
    }

    /// Of everything appended, in the order of application.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// How many entries a client has appended.
    pub fn count(&self, client: u32) -> u64 {
        self.clients
            .get(client as usize)
            .map_or(0, |entries| entries.len() as u64)
    }

    fn load(&mut self) -> Result<(), FatalError> {
        self.clients.clear();
        self.fresh.clear();
        self.digest = match self.store.meta(DIGEST).map_err(store_error)? {
            None => 0,
            Some(bytes) => u64::from_le_bytes(fixed(&bytes)?),
        };
        for series in self.store.series() {
            let (id, value) = series.map_err(store_error)?;
            let entries = self.client(id >> SEQ_BITS);
            if entries.len() as u32 != id & ((1 << SEQ_BITS) - 1) {
                return Err(FatalError::new(format!(
                    "ledger lacks an entry before series {id:#x}"
                )));
            }
            entries.push(u64::from_le_bytes(fixed(&value)?));
        }
        Ok(())
    }

    fn client(&mut self, client: u32) -> &mut Vec<u64> {
        let client = client as usize;
        if self.clients.len() <= client {
            self.clients.resize_with(client + 1, Vec::new);
        }
        &mut self.clients[client]
    }
}

impl StateMachine for Ledger {
    type Outcome = LedgerOutcome;

    fn apply(&mut self, index: u64, entry: &Bytes) -> Result<LedgerOutcome, FatalError> {
        let hash = hash(entry);
        let mut head = entry.clone();
        if head.len() < 12 {
            return Err(FatalError::new(format!("ledger entry {index} is too short")));
        }
        let (client, seq) = (head.get_u32_le(), head.get_u64_le());
        if client >= 1 << (32 - SEQ_BITS) || seq >= 1 << SEQ_BITS {
            return Err(FatalError::new(format!("ledger entry {index} is out of range")));
        }
        let entries = self.client(client);
        match entries.get(seq as usize) {
            Some(known) if *known == hash => Ok(LedgerOutcome::Repeated),
            Some(_) => Err(FatalError::new(format!(
                "client {client} wrote two different entries {seq}"
            ))),
            None if entries.len() as u64 == seq => {
                entries.push(hash);
                self.digest = mix(self.digest ^ hash);
                self.fresh.push((client << SEQ_BITS | seq as u32, hash));
                Ok(LedgerOutcome::Appended)
            }
            None => Err(FatalError::new(format!(
                "client {client} skipped from {} to {seq}",
                entries.len()
            ))),
        }
    }

    fn durable_position(&self) -> Result<Option<Vec<u8>>, FatalError> {
        self.store.meta(POSITION).map_err(store_error)
    }

    fn begin_checkpoint(&mut self, position: Vec<u8>) -> CheckpointTask {
        let frozen = std::mem::take(&mut self.fresh);
        let (store, digest) = (self.store.clone(), self.digest);
        Box::new(move || {
            let mut batch = store.begin_checkpoint();
            for (id, hash) in frozen {
                batch.put_series(id, &hash.to_le_bytes());
            }
            batch.put_meta(DIGEST, &digest.to_le_bytes());
            batch.put_meta(POSITION, &position);
            batch.commit().map_err(store_error)
        })
    }

    fn checkpoint_done(&mut self) {}

    fn snapshot(&self) -> Result<Option<Box<dyn SnapshotReader>>, FatalError> {
        loop {
            let Some(position) = self.durable_position()? else {
                return Ok(None);
            };
            let blocks = self.store.snapshot().map_err(store_error)?;
            // A checkpoint that landed in between would give the snapshot another position.
            if self.durable_position()?.as_ref() == Some(&position) {
                return Ok(Some(Box::new(LedgerReader { position, blocks })));
            }
        }
    }

    fn begin_install(&self) -> Result<Box<dyn SnapshotInstaller>, FatalError> {
        let installer = self.store.install().map_err(store_error)?;
        Ok(Box::new(LedgerInstaller {
            store: self.store.clone(),
            installer,
        }))
    }

    fn reload(&mut self) -> Result<(), FatalError> {
        self.load()
    }
}

struct LedgerReader {
    position: Vec<u8>,
    blocks: ShardSnapshot,
}

impl SnapshotReader for LedgerReader {
    fn position(&self) -> Vec<u8> {
        self.position.clone()
    }

    fn next_block(&mut self) -> Result<Option<Bytes>, FatalError> {
        self.blocks
            .next()
            .map(|block| block.map(Bytes::from))
            .transpose()
            .map_err(store_error)
    }
}

struct LedgerInstaller {
    store: ShardStore,
    installer: ShardInstaller,
}

impl SnapshotInstaller for LedgerInstaller {
    fn push_block(&mut self, block: Bytes) -> Result<(), FatalError> {
        self.installer.add_block(&block).map_err(store_error)
    }

    /// The position is among what was received.
    fn finish(self: Box<Self>, position: Vec<u8>) -> Result<(), FatalError> {
        self.installer.finish().map_err(store_error)?;
        if self.store.meta(POSITION).map_err(store_error)? != Some(position) {
            return Err(FatalError::new("snapshot is not of the position it came with"));
        }
        Ok(())
    }
}

impl Subject for LedgerSubject {
    type Machine = Ledger;

    fn open(&self, store: ShardStore) -> Result<Ledger, FatalError> {
        Ledger::open(store)
    }

    fn entry(&self, client: u32, seq: u64, rng: &mut SimRng) -> Bytes {
        let mut rest = vec![0; rng.below(2000) as usize];
        for byte in &mut rest {
            *byte = rng.next_u64() as u8;
        }
        Ledger::entry(client, seq, &rest)
    }

    fn digest(&self, machine: &Ledger) -> u64 {
        machine.digest()
    }

    fn verify(&self, machine: &Ledger, acked: &[Acked]) -> Result<(), SimError> {
        for Acked { client, seq, entry } in acked {
            let found = machine
                .clients
                .get(*client as usize)
                .and_then(|entries| entries.get(*seq as usize));
            if found != Some(&hash(entry)) {
                return Err(SimError(format!(
                    "acknowledged entry {seq} of client {client} is missing or differs"
                )));
            }
        }
        Ok(())
    }
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}

fn fixed(bytes: &[u8]) -> Result<[u8; 8], FatalError> {
    bytes
        .try_into()
        .map_err(|error| FatalError::with_source("read eight bytes of the ledger", error))
}

fn store_error(error: StorageError) -> FatalError {
    FatalError::with_source("access the ledger's store", error)
}
