use std::sync::Arc;
use std::time::Duration;

use openraft::RaftNetworkFactory;

use super::client::PeerClient;
use super::{Address, SnapshotFloors};
use crate::log_store::LogStore;
use crate::raft_types::{MachineId, TypeConfig};
use crate::transport::{Peer, Transport};

/// How long the calling side waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LinkTimings {
    /// For a response on a log stream that owes one, before the stream is given up.
    pub(crate) stall: Duration,
}

/// Makes the clients a replica talks to its peers with.
pub(crate) struct Links {
    transport: Arc<dyn Transport>,
    cluster_id: [u8; 16],
    group: u64,
    timings: LinkTimings,
    floors: SnapshotFloors,
    log: LogStore,
}

impl Links {
    /// `own` is the address of the replica that calls.
    pub(crate) fn new(
        transport: Arc<dyn Transport>,
        own: &Address,
        timings: LinkTimings,
        floors: SnapshotFloors,
        log: LogStore,
    ) -> Self {
        Self {
            transport,
            cluster_id: own.cluster_id,
            group: own.group,
            timings,
            floors,
            log,
        }
    }

    fn client(&self, target: u64, machine: MachineId, unary: bool) -> PeerClient {
        PeerClient {
            transport: self.transport.clone(),
            peer: Peer {
                group: self.group,
                replica_id: target,
                machine_id: machine.0,
            },
            address: Address {
                cluster_id: self.cluster_id,
                group: self.group,
                replica_id: target,
            },
            timings: self.timings,
            floors: self.floors.clone(),
            log: self.log.clone(),
            unary,
        }
    }
}

impl RaftNetworkFactory<TypeConfig> for Links {
    type Network = PeerClient;

    async fn new_client(&mut self, target: u64, machine: &MachineId) -> PeerClient {
        self.client(target, *machine, false)
    }

    /// Each heartbeat opens a stream of one element: a call is cheaper.
    async fn new_heartbeat_client(&mut self, target: u64, machine: &MachineId) -> PeerClient {
        self.client(target, *machine, true)
    }
}
