use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A budget of bytes that proposals take from before they enter a queue.
///
/// Cloning shares the budget: a node makes one and gives it to each of its replicas.
#[derive(Debug, Clone)]
pub struct ProposalBudget {
    free: Arc<Semaphore>,
    limit_bytes: u32,
}

impl ProposalBudget {
    pub fn new(limit_bytes: u32) -> Self {
        Self {
            free: Arc::new(Semaphore::new(limit_bytes as usize)),
            limit_bytes,
        }
    }

    /// Bytes not taken now.
    pub fn free_bytes(&self) -> usize {
        self.free.available_permits()
    }

    /// What an entry takes. One above the whole budget takes all of it, so that it passes alone instead of never.
    fn share(&self, bytes: usize) -> u32 {
        u32::try_from(bytes).unwrap_or(u32::MAX).min(self.limit_bytes)
    }

    fn try_take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        self.free.clone().try_acquire_many_owned(self.share(bytes)).ok()
    }

    async fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        self.free.clone().acquire_many_owned(self.share(bytes)).await.ok()
    }
}

/// The two budgets a proposal passes: its group's and its node's.
#[derive(Debug)]
pub(crate) struct Admission {
    group: ProposalBudget,
    node: ProposalBudget,
    patience: Duration,
}

/// Bytes taken from both budgets; they return when it is dropped.
#[derive(Debug)]
pub(crate) struct ByteLease {
    _group: OwnedSemaphorePermit,
    _node: OwnedSemaphorePermit,
}

impl Admission {
    /// `patience` is how long a proposal may wait for bytes; zero refuses at once.
    pub(crate) fn new(group: ProposalBudget, node: ProposalBudget, patience: Duration) -> Self {
        Self {
            group,
            node,
            patience,
        }
    }

    pub(crate) async fn admit(&self, bytes: usize) -> Option<ByteLease> {
        // The group first: a group that is stuck must not sit on the node's bytes while it waits.
        if self.patience.is_zero() {
            let group = self.group.try_take(bytes)?;
            let node = self.node.try_take(bytes)?;
            return Some(ByteLease {
                _group: group,
                _node: node,
            });
        }
        let both = async {
            let group = self.group.take(bytes).await?;
            let node = self.node.take(bytes).await?;
            Some(ByteLease {
                _group: group,
                _node: node,
            })
        };
        tokio::time::timeout(self.patience, both).await.ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn refuses_at_once_when_either_budget_is_spent() {
        let node = ProposalBudget::new(150);
        let a = Admission::new(ProposalBudget::new(100), node.clone(), Duration::ZERO);
        let b = Admission::new(ProposalBudget::new(100), node.clone(), Duration::ZERO);
        let first = a.admit(100).await.unwrap();
        assert!(a.admit(1).await.is_none(), "the group's budget is spent");
        assert!(b.admit(60).await.is_none(), "the node's budget is spent");
        assert!(b.admit(50).await.is_some());
        drop(first);
        assert!(a.admit(100).await.is_some());
        assert_eq!(node.free_bytes(), 150);
    }

    #[tokio::test]
    async fn an_entry_above_the_budget_passes_alone() {
        let admission = Admission::new(
            ProposalBudget::new(100),
            ProposalBudget::new(1000),
            Duration::ZERO,
        );
        let large = admission.admit(500).await.unwrap();
        assert!(admission.admit(1).await.is_none());
        drop(large);
        assert!(admission.admit(1).await.is_some());
    }
}
