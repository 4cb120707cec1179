use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::SimRng;
use super::network::SimNetwork;
use super::subject::{Acked, Subject};
use crate::error::ProposeError;

/// Proposes entries one after the other, each until it is acknowledged, until told to stop.
pub(crate) struct SimClient<S: Subject> {
    pub(crate) id: u32,
    pub(crate) rng: SimRng,
    pub(crate) subject: Arc<S>,
    pub(crate) network: Arc<SimNetwork<S>>,
    pub(crate) acked: Arc<Mutex<Vec<Acked>>>,
    pub(crate) stop: watch::Receiver<bool>,
}

impl<S: Subject> SimClient<S> {
    pub(crate) async fn run(mut self) {
        let mut hint = None;
        for seq in 0.. {
            if *self.stop.borrow() {
                return;
            }
            let entry = self.subject.entry(self.id, seq, &mut self.rng);
            loop {
                let target = match hint.and_then(|id| self.network.replica(id)) {
                    Some(replica) => Some(replica),
                    None => self.rng.pick(&self.network.replicas()).cloned(),
                };
                if let Some(replica) = target {
                    // A leader that was cut off keeps a proposal for as long as it is.
                    let limit = self.rng.millis(300, 900);
                    let result = tokio::time::timeout(limit, replica.propose(entry.clone())).await;
                    tracing::debug!(client = self.id, seq, replica = replica.id(), result = ?result.as_ref().map(|result| result.as_ref().map(drop)), "proposed");
                    match result {
                        Ok(Ok(_)) => {
                            hint = Some(replica.id());
                            break;
                        }
                        Ok(Err(ProposeError::NotLeader { hint: leader })) => hint = leader,
                        Ok(Err(_)) | Err(_) => hint = None,
                    }
                }
                tokio::time::sleep(self.rng.millis(5, 30)).await;
            }
            self.acked.lock().push(Acked {
                client: self.id,
                seq,
                entry,
            });
        }
    }
}
