use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command};

use anyhow::{Context, Result, bail};
use rustix::thread::{CpuSet, LinkNameSpaceType, move_into_link_name_space, sched_setaffinity};

/// Which program to start and how.
#[derive(Debug, Clone, Copy)]
pub struct Launch<'a> {
    /// Of the process in messages, and of its log file.
    pub name: &'a str,
    pub program: &'a Path,
    pub args: &'a [String],
    pub env: &'a [(String, String)],
    /// An existing folder: where the log goes, and the working folder.
    pub dir: &'a Path,
    pub placement: Placement<'a>,
}

/// Where a process runs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Placement<'a> {
    /// Cores its threads may use; empty for all.
    pub cores: &'a [usize],
    /// The name of an existing network namespace, as `ip netns` knows it.
    pub namespace: Option<&'a str>,
}

impl Placement<'_> {
    /// Spawns on a thread of its own: a child is born with the cores and the namespace of the thread that starts it,
    /// so that not even its first threads run elsewhere, and the caller stays where it is.
    pub(crate) fn spawn(&self, command: &mut Command) -> Result<Child> {
        if self.cores.is_empty() && self.namespace.is_none() {
            return command.spawn().context("spawn");
        }
        std::thread::scope(|scope| {
            let spawner = scope.spawn(|| {
                self.move_this_thread()?;
                command.spawn().context("spawn")
            });
            match spawner.join() {
                Ok(spawned) => spawned,
                Err(_) => bail!("the spawning thread panicked"),
            }
        })
    }

    fn move_this_thread(&self) -> Result<()> {
        if !self.cores.is_empty() {
            let mut set = CpuSet::new();
            for core in self.cores {
                if *core >= CpuSet::MAX_CPU {
                    bail!(
                        "core {core} is beyond the {} the kernel can name",
                        CpuSet::MAX_CPU
                    );
                }
                set.set(*core);
            }
            sched_setaffinity(None, &set).with_context(|| format!("pin to cores {:?}", self.cores))?;
        }
        if let Some(name) = self.namespace {
            let file = File::open(Path::new("/run/netns").join(name))
                .with_context(|| format!("open the network namespace {name}"))?;
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                .with_context(|| format!("enter the network namespace {name} (this needs root)"))?;
        }
        Ok(())
    }
}
