use openraft::async_runtime::watch::WatchReceiver;
use openraft::{Raft, ServerState};
use tokio::sync::watch;

use crate::machine::Machine;
use crate::raft_types::TypeConfig;
use crate::state_machine::StateMachine;
use crate::status::Leadership;

/// Publishes leadership until the replica has stopped, or nobody follows it any more.
pub(crate) fn follow_leadership<M: StateMachine>(
    raft: &Raft<TypeConfig, Machine<M>>,
    replica_id: u64,
) -> watch::Receiver<Leadership> {
    let mut server = raft.server_metrics();
    let (published, follower) = watch::channel(Leadership::default());
    tokio::spawn(async move {
        loop {
            let now = {
                let metrics = server.borrow_watched();
                Leadership {
                    leader: metrics.current_leader,
                    term: metrics.vote.leader_id.term,
                    is_leader: metrics.state == ServerState::Leader
                        && metrics.current_leader == Some(replica_id),
                }
            };
            published.send_if_modified(|before| {
                let changed = *before != now;
                *before = now;
                changed
            });
            tokio::select! {
                biased;
                () = published.closed() => return,
                changed = server.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
        }
    });
    follower
}
