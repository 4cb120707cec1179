use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use vigie_systems::System;
use vigie_systems::faults::{Fault, FileSystem, LimitedDisk, Network, Stage, Victim};

use super::plan::Plan;

/// The name scenarios give the server in their faults; the load tester's end of the network is `host`.
const SERVER: &str = "server";

/// What a scenario's faults need around the server: a disk that can be filled, a network that can be cut. Both need
/// root; dropping it removes them.
#[derive(Debug)]
pub struct Arena {
    stage: Stage,
}

impl Arena {
    /// Makes what the faults of the plan name and nothing else.
    pub fn build(plan: &Plan, dir: &Path) -> Result<Self> {
        let faults: Vec<(f64, Fault)> = plan.scenario.faults.clone().into();
        let mut stage = Stage::default();
        if faults
            .iter()
            .any(|(_, fault)| matches!(fault, Fault::FillDisk { .. } | Fault::FreeDisk { .. }))
        {
            let bytes = plan.scenario.disk_mib << 20;
            let disk =
                LimitedDisk::create(dir, bytes, FileSystem::Ext4).context("make a disk of limited size")?;
            stage.disks.insert(SERVER.to_owned(), disk);
        }
        if faults
            .iter()
            .any(|(_, fault)| matches!(fault, Fault::Cut { .. } | Fault::Slow { .. } | Fault::Heal { .. }))
        {
            stage.network =
                Some(Network::create(&[SERVER]).context("make a network of its own for the server")?);
        }
        Ok(Self { stage })
    }

    /// Where the server stores: on the limited disk if there is one, else in `dir`.
    pub fn data_dir(&self, dir: &Path) -> PathBuf {
        self.stage
            .disks
            .get(SERVER)
            .map_or_else(|| dir.to_owned(), |disk| disk.path().to_owned())
    }

    /// The namespace and address of the server, if it has its own.
    pub fn namespace(&self) -> Result<Option<(String, String)>> {
        self.stage
            .network
            .as_ref()
            .map(|network| network.place(SERVER))
            .transpose()
    }

    /// From now on faults happen to this server.
    pub fn admit(&mut self, system: &Arc<System>) {
        let victim: Arc<dyn Victim> = Arc::clone(system) as Arc<dyn Victim>;
        self.stage.systems.insert(SERVER.to_owned(), victim);
    }

    pub fn stage(&self) -> &Stage {
        &self.stage
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        // A server that still runs would keep its disk busy.
        self.stage.systems.clear();
    }
}
