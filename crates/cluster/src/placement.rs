//! One state of the shard map.

use std::fmt;
use std::sync::Arc;

use vigie_model::{SeriesHash, ShardId};
use vigie_proto::{IngesterHandle, LocalIngester};

/// Which ingester serves which shard. Never changes; the [`Directory`](crate::Directory) publishes
/// a new one instead, so that a query or a request sees one map from begin to end.
#[derive(Clone)]
pub struct Placement {
    members: Vec<IngesterHandle>,
    /// Index into `members` for each shard; `None` while nobody serves it.
    owners: Vec<Option<usize>>,
    local: Option<Arc<dyn LocalIngester>>,
}

impl Placement {
    /// `serves[i]` lists the shards of `members[i]`. A shard claimed twice stays with the first.
    pub(crate) fn new(shard_count: u32, members: Vec<IngesterHandle>, serves: &[Vec<u32>]) -> Placement {
        let mut owners = vec![None; shard_count as usize];
        for (member, shards) in serves.iter().enumerate() {
            for &shard in shards {
                if let Some(owner) = owners.get_mut(shard as usize) {
                    owner.get_or_insert(member);
                }
            }
        }
        Placement {
            members,
            owners,
            local: None,
        }
    }

    /// Tells that `local` is the only member.
    pub(crate) fn with_local(mut self, local: Option<Arc<dyn LocalIngester>>) -> Placement {
        self.local = local.filter(|_| self.members.len() == 1);
        self
    }

    /// The ingester that serves all there is, if it is in this process.
    pub fn local(&self) -> Option<&Arc<dyn LocalIngester>> {
        self.local.as_ref()
    }

    /// The shard of a series: slots are dealt to shards in turn.
    pub fn shard_of(&self, hash: SeriesHash) -> ShardId {
        ShardId(u32::from(hash.slot()) % self.shard_count())
    }

    pub fn shard_count(&self) -> u32 {
        self.owners.len() as u32
    }

    pub fn owner(&self, shard: ShardId) -> Option<&IngesterHandle> {
        self.owners
            .get(shard.0 as usize)
            .copied()
            .flatten()
            .map(|member| &self.members[member])
    }

    /// The ingesters, in a fixed order.
    pub fn members(&self) -> &[IngesterHandle] {
        &self.members
    }

    /// Shards nobody serves. Reads that skipped them would be silently partial.
    pub fn orphans(&self) -> impl Iterator<Item = ShardId> {
        (0..self.shard_count())
            .map(ShardId)
            .filter(|&shard| self.owner(shard).is_none())
    }
}

impl fmt::Debug for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Placement")
            .field("members", &self.members.len())
            .field("owners", &self.owners)
            .finish()
    }
}
