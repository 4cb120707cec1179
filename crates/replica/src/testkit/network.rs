use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, stream};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::SimRng;
use super::observed::Observed;
use super::subject::Subject;
use crate::replica::Replica;
use crate::transport::{Lane, Peer, Transport, TransportError};

pub(crate) type SimReplica<S> = Replica<Observed<S>>;

/// Connects the replicas of one process, with delays and cuts drawn from a seed.
pub(crate) struct SimNetwork<S: Subject> {
    rng: Mutex<SimRng>,
    max_delay_ms: u64,
    live: Mutex<BTreeMap<u64, SimReplica<S>>>,
    /// Pairs (from, to) between which nothing passes.
    cuts: watch::Sender<BTreeSet<(u64, u64)>>,
}

/// The network as one replica sees it.
pub(crate) struct SimTransport<S: Subject> {
    pub(crate) network: Arc<SimNetwork<S>>,
    pub(crate) from: u64,
}

impl<S: Subject> SimNetwork<S> {
    pub(crate) fn new(rng: SimRng, max_delay_ms: u64) -> Arc<Self> {
        Arc::new(Self {
            rng: Mutex::new(rng),
            max_delay_ms,
            live: Mutex::default(),
            cuts: watch::Sender::new(BTreeSet::new()),
        })
    }

    pub(crate) fn join(&self, replica: SimReplica<S>) {
        self.live.lock().insert(replica.id(), replica);
    }

    pub(crate) fn leave(&self, replica: u64) {
        self.live.lock().remove(&replica);
    }

    pub(crate) fn replica(&self, id: u64) -> Option<SimReplica<S>> {
        self.live.lock().get(&id).cloned()
    }

    pub(crate) fn replicas(&self) -> Vec<SimReplica<S>> {
        self.live.lock().values().cloned().collect()
    }

    pub(crate) fn cut(&self, from: u64, to: u64) {
        self.cuts.send_if_modified(|cuts| cuts.insert((from, to)));
    }

    pub(crate) fn heal(&self) {
        self.cuts.send_modify(BTreeSet::clear);
    }

    /// Lets a message through after a delay. Across a cut it waits; when the cut is healed, either it still
    /// arrives or the connection turns out to be broken, as with TCP.
    async fn pass(&self, from: u64, to: u64) -> Result<(), TransportError> {
        let delay = self.rng.lock().millis(0, self.max_delay_ms);
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        if !self.cuts.borrow().contains(&(from, to)) {
            return Ok(());
        }
        let healed = self
            .cuts
            .subscribe()
            .wait_for(|cuts| !cuts.contains(&(from, to)))
            .await
            .is_ok();
        if healed && self.rng.lock().chance(50) {
            Ok(())
        } else {
            Err(TransportError("connection reset".to_owned()))
        }
    }
}

impl<S: Subject> Transport for SimTransport<S> {
    fn call(&self, peer: Peer, request: Bytes) -> BoxFuture<'static, Result<Bytes, TransportError>> {
        let (network, from, to) = (self.network.clone(), self.from, peer.replica_id);
        Box::pin(async move {
            network.pass(from, to).await?;
            let answer = find(&network, to)?.handle_call(request).await;
            network.pass(to, from).await?;
            answer.map_err(|error| TransportError(error.to_string()))
        })
    }

    fn stream(
        &self,
        peer: Peer,
        _: Lane,
        requests: BoxStream<'static, Bytes>,
    ) -> BoxStream<'static, Result<Bytes, TransportError>> {
        let (network, from, to) = (self.network.clone(), self.from, peer.replica_id);
        let opening = async move {
            match find(&network, to) {
                Err(error) => stream::iter([Err(error)]).boxed(),
                Ok(replica) => {
                    let arriving = carry(network.clone(), from, to, requests.map(Ok))
                        // The receiver sees a broken connection as the end.
                        .take_while(|message| std::future::ready(message.is_ok()))
                        .filter_map(|message| std::future::ready(message.ok()));
                    let answers = replica
                        .handle_stream(arriving.boxed())
                        .map(|answer| answer.map_err(|error| TransportError(error.to_string())));
                    carry(network, to, from, answers).boxed()
                }
            }
        };
        stream::once(opening).flatten().boxed()
    }
}

/// A stream that passes the network, message by message and in order. Its end arrives too, as a reset.
fn carry<S: Subject>(
    network: Arc<SimNetwork<S>>,
    from: u64,
    to: u64,
    messages: impl Stream<Item = Result<Bytes, TransportError>> + Send + 'static,
) -> impl Stream<Item = Result<Bytes, TransportError>> + Send + 'static {
    messages.then(move |message| {
        let network = network.clone();
        async move {
            network.pass(from, to).await?;
            message
        }
    })
}

fn find<S: Subject>(network: &SimNetwork<S>, id: u64) -> Result<SimReplica<S>, TransportError> {
    network
        .replica(id)
        .ok_or_else(|| TransportError("connection refused".to_owned()))
}
