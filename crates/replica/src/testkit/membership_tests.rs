use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::board::Board;
use super::network::{SimNetwork, SimReplica};
use super::node::SimNode;
use super::{Ledger, LedgerSubject, SimRng};
use crate::error::ReplicaError;
use crate::replica::Member;

fn member(id: u64) -> Member {
    Member {
        replica_id: id,
        machine_id: 100 + id,
    }
}

async fn until(what: &str, reached: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !reached() {
        assert!(Instant::now() < end, "not reached: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Proposes until acknowledged, at any replica that leads.
async fn append(replicas: &[SimReplica<LedgerSubject>], seq: u64) {
    let end = Instant::now() + Duration::from_secs(20);
    for replica in replicas.iter().cycle() {
        assert!(Instant::now() < end, "entry {seq} is never acknowledged");
        if replica.propose(Ledger::entry(0, seq, &[3; 100])).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_moves_to_another_machine_and_takes_over() {
    let dir = tempfile::tempdir().unwrap();
    let board = Arc::new(Board::default());
    let network = SimNetwork::new(SimRng::new(1), 1);
    let mut nodes = Vec::new();
    for id in 1..=4 {
        let dir = dir.path().join(id.to_string());
        let mut node = SimNode::new(id, dir, Arc::new(LedgerSubject), board.clone(), network.clone());
        node.start().await.unwrap();
        nodes.push(node);
    }
    let replicas: Vec<_> = nodes.iter().map(|node| node.replica().unwrap().clone()).collect();
    replicas[0]
        .initialize(&[member(1), member(2), member(3)])
        .await
        .unwrap();
    let again = replicas[0].initialize(&[member(1)]).await;
    assert!(matches!(again, Err(ReplicaError::Refused(_))), "{again:?}");
    for seq in 0..50 {
        append(&replicas[..3], seq).await;
    }

    let leader = replicas
        .iter()
        .find(|replica| replica.status().is_leader)
        .unwrap()
        .clone();
    let refused = leader.transfer_leader(4).await;
    assert!(
        matches!(refused, Err(ReplicaError::Refused(_))),
        "not a member yet: {refused:?}"
    );
    let refused = leader.transfer_leader(leader.id()).await;
    assert!(matches!(refused, Err(ReplicaError::Refused(_))), "{refused:?}");
    // The log it would need is gone, so the new replica gets a snapshot.
    leader.checkpoint_dropping_log().await.unwrap();
    leader.add_learner(member(4)).await.unwrap();
    until("the learner has everything", || {
        replicas[3].with_state(|state| state.machine().count(0)) == 50
            && replicas[3].status().applied == leader.status().applied
    })
    .await;
    assert_eq!(board.installs(), 1);

    let removed = if leader.id() == 1 { 2 } else { 1 };
    let voters: BTreeSet<u64> = (1..=4).filter(|id| *id != removed).collect();
    leader.change_membership(voters.clone(), false).await.unwrap();
    until("the change is visible", || {
        leader.status().voters == Vec::from_iter(voters.iter().copied())
    })
    .await;

    let end = Instant::now() + Duration::from_secs(20);
    while !replicas[3].leadership().borrow().is_leader {
        assert!(Instant::now() < end, "the new voter never leads");
        // Refused while it lags by an entry, and by a leader that no longer is one.
        drop(leader.transfer_leader(4).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    append(&replicas[3..], 50).await;
    replicas[3].read_barrier().await.unwrap();
    assert_eq!(board.violations(), Vec::<String>::new());
    for mut node in nodes {
        node.crash().await;
    }
}
