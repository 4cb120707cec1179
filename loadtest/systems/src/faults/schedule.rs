use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::disk::LimitedDisk;
use super::network::{Network, Slowness};
use crate::system::System;

/// How often a waiting schedule looks whether it should stop.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Something bad that happens to a named system, or to the line between two nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// SIGKILL.
    Kill {
        system: String,
    },
    /// SIGTERM.
    Stop {
        system: String,
    },
    /// Starts it again after either.
    Restart {
        system: String,
    },
    /// SIGSTOP.
    Pause {
        system: String,
    },
    /// SIGCONT.
    Resume {
        system: String,
    },
    /// Leaves this much space on its disk.
    FillDisk {
        system: String,
        #[serde(default)]
        leave_bytes: u64,
    },
    FreeDisk {
        system: String,
    },
    /// No packet gets through.
    Cut {
        from: String,
        to: String,
    },
    Slow {
        from: String,
        to: String,
        slowness: Slowness,
    },
    /// Takes a cut or a slow line back.
    Heal {
        from: String,
        to: String,
    },
}

/// A process, or several that are one system, to which faults happen.
pub trait Victim: fmt::Debug + Send + Sync {
    fn kill(&self) -> Result<()>;
    fn stop(&self) -> Result<()>;
    fn restart(&self) -> Result<()>;
    fn pause(&self) -> Result<()>;
    fn resume(&self) -> Result<()>;
}

/// Everything faults can happen to, by name. Dropping it removes the disks and the network, so the systems go first.
#[derive(Debug, Default)]
pub struct Stage {
    pub systems: BTreeMap<String, Arc<dyn Victim>>,
    pub disks: BTreeMap<String, LimitedDisk>,
    pub network: Option<Network>,
}

/// Faults and when they happen, in seconds after the start.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<(f64, Fault)>", into = "Vec<(f64, Fault)>")]
pub struct Schedule {
    faults: Vec<(f64, Fault)>,
}

/// A fault that was due.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    pub fault: Fault,
    pub due_seconds: f64,
    pub began_seconds: f64,
    /// When it was in effect; a restart's includes getting ready.
    pub ended_seconds: f64,
    /// Why it could not be done.
    pub error: Option<String>,
}

impl TryFrom<Vec<(f64, Fault)>> for Schedule {
    type Error = anyhow::Error;

    fn try_from(faults: Vec<(f64, Fault)>) -> Result<Self> {
        Self::new(faults)
    }
}

impl From<Schedule> for Vec<(f64, Fault)> {
    fn from(schedule: Schedule) -> Self {
        schedule.faults
    }
}

impl Victim for System {
    fn kill(&self) -> Result<()> {
        self.kill9()
    }

    fn stop(&self) -> Result<()> {
        System::stop(self).map(drop)
    }

    fn restart(&self) -> Result<()> {
        System::restart(self, |_| Ok(true)).map(drop)
    }

    fn pause(&self) -> Result<()> {
        System::pause(self)
    }

    fn resume(&self) -> Result<()> {
        System::resume(self)
    }
}

impl Stage {
    pub fn apply(&self, fault: &Fault) -> Result<()> {
        match fault {
            Fault::Kill { system } => self.system(system)?.kill(),
            Fault::Stop { system } => self.system(system)?.stop(),
            Fault::Restart { system } => self.system(system)?.restart(),
            Fault::Pause { system } => self.system(system)?.pause(),
            Fault::Resume { system } => self.system(system)?.resume(),
            Fault::FillDisk { system, leave_bytes } => self.disk(system)?.fill(*leave_bytes),
            Fault::FreeDisk { system } => self.disk(system)?.free(),
            Fault::Cut { from, to } => self.network()?.cut(from, to),
            Fault::Slow { from, to, slowness } => self.network()?.slow(from, to, slowness),
            Fault::Heal { from, to } => self.network()?.heal(from, to),
        }
    }

    fn system(&self, name: &str) -> Result<&dyn Victim> {
        let found = self.systems.get(name);
        Ok(&**found.with_context(|| format!("find the system {name:?}"))?)
    }

    fn disk(&self, name: &str) -> Result<&LimitedDisk> {
        let found = self.disks.get(name);
        found.with_context(|| format!("find the disk of {name:?}: it has none of limited size"))
    }

    fn network(&self) -> Result<&Network> {
        self.network
            .as_ref()
            .context("find the network: this run has none of its own")
    }
}

impl Schedule {
    /// In the order of time; fails on times that are no times.
    pub fn new(mut faults: Vec<(f64, Fault)>) -> Result<Self> {
        if let Some((at, fault)) = faults.iter().find(|(at, _)| !at.is_finite() || *at < 0.0) {
            bail!("{at} seconds after the start is no time for {fault:?}");
        }
        faults.sort_by(|a, b| a.0.total_cmp(&b.0));
        Ok(Self { faults })
    }

    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// Lets everything happen at its time after `started`, one after the other, until `stop` is set. A fault that fails
    /// is reported, and the rest goes on. `happened` hears of each at once.
    pub fn run(
        &self,
        stage: &Stage,
        started: Instant,
        stop: &AtomicBool,
        mut happened: impl FnMut(&Applied),
    ) -> Vec<Applied> {
        let mut all = Vec::new();
        for (due, fault) in &self.faults {
            let due_at = Duration::from_secs_f64(*due);
            while started.elapsed() < due_at {
                if stop.load(Ordering::Relaxed) {
                    return all;
                }
                std::thread::sleep(LOOK_INTERVAL.min(due_at.saturating_sub(started.elapsed())));
            }
            let began_seconds = started.elapsed().as_secs_f64();
            let error = stage.apply(fault).err().map(|error| format!("{error:#}"));
            let applied = Applied {
                fault: fault.clone(),
                due_seconds: *due,
                began_seconds,
                ended_seconds: started.elapsed().as_secs_f64(),
                error,
            };
            happened(&applied);
            all.push(applied);
        }
        all
    }
}
