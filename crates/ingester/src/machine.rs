//! A head as the state machine of a Raft group.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::Bytes;
use parking_lot::RwLock;
use vigie_head::{BatchOutcome, CheckpointImage, CheckpointToken, Head, HeadOptions};
use vigie_model::SeriesId;
use vigie_replica::{CheckpointTask, FatalError, SnapshotInstaller, SnapshotReader, StateMachine};
use vigie_storage::{ChunkKey, ShardSnapshot, ShardStore, StorageError};

/// Names under which a shard's store keeps what is not a series.
const POSITION: &str = "position";
const HEAD: &str = "head";

/// One replica's state of a shard: the head in memory, its checkpoints in the store.
///
/// The store always holds exactly the samples of the last checkpoint: an image of the head goes into it
/// in one atomic step together with the log position it was taken at. Compaction changes how they are cut
/// into chunks.
#[derive(Debug)]
pub struct ShardMachine {
    options: HeadOptions,
    head: Arc<RwLock<Head>>,
    store: ShardStore,
    /// The image that is being written, and the log bytes it covers.
    in_progress: Option<(CheckpointToken, u64)>,
    /// Bytes of entries that the last durable checkpoint does not hold.
    uncheckpointed_bytes: Arc<AtomicU64>,
}

impl ShardMachine {
    /// Loads the last checkpoint. Reads the disk.
    pub fn open(options: HeadOptions, store: ShardStore) -> Result<ShardMachine, FatalError> {
        let head = Arc::new(RwLock::new(load(options, &store)?));
        Ok(ShardMachine {
            options,
            head,
            store,
            in_progress: None,
            uncheckpointed_bytes: Arc::default(),
        })
    }

    /// Bytes of entries applied that the last durable checkpoint does not hold: what a restart would replay.
    pub fn uncheckpointed_bytes(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.uncheckpointed_bytes)
    }

    /// The head, for reading beside the replica.
    pub fn head(&self) -> Arc<RwLock<Head>> {
        Arc::clone(&self.head)
    }

    /// What the last checkpoint left.
    pub fn store(&self) -> &ShardStore {
        &self.store
    }

    /// Equal on replicas that have applied the same entries.
    pub fn digest(&self) -> u128 {
        self.head.read().digest()
    }
}

fn load(options: HeadOptions, store: &ShardStore) -> Result<Head, FatalError> {
    let Some(meta) = store.meta(HEAD).map_err(unreadable)? else {
        return Ok(Head::new(options));
    };
    // `Head::restore` takes plain iterators; a read error ends them and is looked at afterwards.
    let mut failed = None;
    let series = records(store.series(), &mut failed).collect::<Vec<_>>();
    if let Some(error) = failed {
        return Err(unreadable(error));
    }
    let head = Head::restore(&meta, series, records(store.heads(), &mut failed))
        .map_err(|error| FatalError::with_source("restore the head from its checkpoint", error))?;
    failed.map_or(Ok(head), |error| Err(unreadable(error)))
}

fn records<R: AsRef<[u8]>>(
    records: impl Iterator<Item = Result<(u32, R), StorageError>>,
    failed: &mut Option<StorageError>,
) -> impl Iterator<Item = (SeriesId, R)> {
    records.map_while(|record| match record {
        Ok((id, bytes)) => Some((SeriesId(id), bytes)),
        Err(error) => {
            *failed = Some(error);
            None
        }
    })
}

fn unreadable(error: StorageError) -> FatalError {
    FatalError::with_source("read the shard's store", error)
}

fn write_image(store: &ShardStore, image: &CheckpointImage, position: &[u8]) -> Result<(), StorageError> {
    let mut batch = store.begin_checkpoint();
    for &SeriesId(id) in &image.removed_series {
        batch.remove_series(id);
        batch.remove_head(id);
    }
    for (SeriesId(id), record) in image.new_series.iter() {
        batch.put_series(id, record);
    }
    for (SeriesId(id), record) in image.heads.iter() {
        batch.put_head(id, record);
    }
    for chunk in &image.sealed {
        let key = ChunkKey {
            window: chunk.window,
            tenant: chunk.tenant,
            series: chunk.series.0,
            start_ms: chunk.start_ms,
            ordinal: chunk.ordinal,
        };
        // A chunk of ours that cannot be read is kept as it is rather than lost; reading reports it.
        match vigie_chunk::reseal(&chunk.bytes) {
            Ok(sealed) => batch.put_chunk(key, &sealed),
            Err(_) => batch.put_chunk(key, &chunk.bytes),
        }
    }
    batch.put_meta(HEAD, &image.meta);
    batch.put_meta(POSITION, position);
    batch.commit()
}

impl StateMachine for ShardMachine {
    type Outcome = BatchOutcome;

    fn apply(&mut self, index: u64, entry: &Bytes) -> Result<BatchOutcome, FatalError> {
        self.uncheckpointed_bytes.fetch_add(entry.len() as u64, Relaxed);
        self.head
            .write()
            .apply(entry)
            .map_err(|error| FatalError::with_source(format!("apply log entry {index}"), error))
    }

    fn durable_position(&self) -> Result<Option<Vec<u8>>, FatalError> {
        self.store.meta(POSITION).map_err(unreadable)
    }

    fn begin_checkpoint(&mut self, position: Vec<u8>) -> CheckpointTask {
        let image = self.head.write().begin_checkpoint();
        self.in_progress = Some((image.token, self.uncheckpointed_bytes.load(Relaxed)));
        let store = self.store.clone();
        Box::new(move || {
            write_image(&store, &image, &position)
                .map_err(|error| FatalError::with_source("write a checkpoint", error))
        })
    }

    fn checkpoint_done(&mut self) {
        if let Some((token, bytes)) = self.in_progress.take() {
            let left = |held: u64| Some(held.saturating_sub(bytes));
            // Never refused.
            let _ = self.uncheckpointed_bytes.fetch_update(Relaxed, Relaxed, left);
            self.head.write().checkpoint_done(token);
        }
    }

    fn snapshot(&self) -> Result<Option<Box<dyn SnapshotReader>>, FatalError> {
        // A checkpoint may be written between the two reads; then the view is taken again.
        loop {
            let Some(position) = self.durable_position()? else {
                return Ok(None);
            };
            let blocks = self.store.snapshot().map_err(unreadable)?;
            if self.durable_position()?.as_ref() == Some(&position) {
                return Ok(Some(Box::new(Reader { position, blocks })));
            }
        }
    }

    fn begin_install(&self) -> Result<Box<dyn SnapshotInstaller>, FatalError> {
        let installer = self
            .store
            .install()
            .map_err(|error| FatalError::with_source("begin to install", error))?;
        Ok(Box::new(Installer { installer }))
    }

    fn reload(&mut self) -> Result<(), FatalError> {
        *self.head.write() = load(self.options, &self.store)?;
        self.uncheckpointed_bytes.store(0, Relaxed);
        Ok(())
    }
}

struct Reader {
    position: Vec<u8>,
    blocks: ShardSnapshot,
}

impl SnapshotReader for Reader {
    fn position(&self) -> Vec<u8> {
        self.position.clone()
    }

    fn next_block(&mut self) -> Result<Option<Bytes>, FatalError> {
        self.blocks
            .next()
            .transpose()
            .map(|block| block.map(Bytes::from))
            .map_err(unreadable)
    }
}

struct Installer {
    installer: vigie_storage::SnapshotInstaller,
}

impl SnapshotInstaller for Installer {
    fn push_block(&mut self, block: Bytes) -> Result<(), FatalError> {
        self.installer
            .add_block(&block)
            .map_err(|error| FatalError::with_source("install a block", error))
    }

    fn finish(self: Box<Self>, _position: Vec<u8>) -> Result<(), FatalError> {
        // The position is among the named values the blocks carry.
        self.installer
            .finish()
            .map_err(|error| FatalError::with_source("finish installing", error))
    }
}
