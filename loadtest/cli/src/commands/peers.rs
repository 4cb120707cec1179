use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use vigie_loadtest::progress::Progress;
use vigie_systems::{StartOptions, System, SystemKind};

use super::output::{is_built, print, stop_on_interrupt};
use super::running;

/// Builds, starts and checks the servers that the load tester can drive.
#[derive(Debug, Subcommand)]
pub(super) enum Peers {
    /// Lists them, and whether they are built.
    List,
    /// Builds what is missing: Prometheus, VictoriaMetrics and Mimir from their Go modules, Vigie with cargo.
    Build(Names),
    /// Starts one on loopback and keeps it running until Ctrl-C.
    Start(Start),
    /// Starts each and proves that it stores what it acknowledges, by remote write 1.0 and 2.0, bits included.
    Check(Names),
    /// Ends what `peers start` runs elsewhere, and removes mounts and networks that a killed load tester has left.
    Stop(Names),
}

#[derive(Debug, Args)]
pub(super) struct Names {
    /// Default all.
    #[arg(value_name = "NAME")]
    names: Vec<SystemKind>,
}

#[derive(Debug, Args)]
pub(super) struct Start {
    #[arg(value_name = "NAME")]
    name: SystemKind,

    /// Its data; default a folder that is deleted at the end.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,

    /// Default a free one.
    #[arg(long)]
    port: Option<u16>,
}

impl Names {
    fn kinds(&self) -> Vec<SystemKind> {
        if self.names.is_empty() {
            SystemKind::ALL.to_vec()
        } else {
            self.names.clone()
        }
    }
}

impl Peers {
    pub(super) fn run(self) -> Result<ExitCode> {
        let progress = Progress::new();
        match self {
            Self::List => {
                for kind in SystemKind::ALL {
                    let built = if is_built(kind) { "built" } else { "not built" };
                    print(format!("{:<18} {built}", kind.name()));
                }
            }
            Self::Build(names) => {
                for kind in names.kinds() {
                    let built = vigie_systems::build(kind, |line| progress.say(line))?;
                    print(format!(
                        "{:<18} {} ({:.0?})",
                        kind.name(),
                        built.program.display(),
                        built.took
                    ));
                }
            }
            Self::Start(start) => start.run(&progress)?,
            Self::Check(names) => return check(&names.kinds(), &progress),
            Self::Stop(names) => {
                for kind in names.kinds() {
                    if running::stop(kind)? {
                        print(format!("{kind}: stopped"));
                    }
                }
                for line in vigie_systems::faults::remove_leftovers()? {
                    print(format!("removed {line}"));
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Start {
    fn run(self, progress: &Progress) -> Result<()> {
        let own = tempfile::tempdir().context("make a folder")?;
        let dir = self.dir.unwrap_or_else(|| own.path().to_owned());
        std::fs::create_dir_all(&dir).with_context(|| format!("make the folder {}", dir.display()))?;
        vigie_systems::build(self.name, |line| progress.say(line))?;
        let system = System::start(
            self.name,
            &StartOptions {
                port: self.port,
                ..StartOptions::new(dir)
            },
        )?;
        describe(&system);
        let _running = running::Mark::set(self.name)?;
        let stop = stop_on_interrupt(progress)?;
        while !stop.load(Ordering::Relaxed) {
            system.check_running()?;
            std::thread::sleep(Duration::from_millis(200));
        }
        system.stop()?;
        Ok(())
    }
}

fn describe(system: &System) {
    print(format!("{}: {}", system.kind(), system.command_line()));
    print(format!("  write    {}", system.write_url()));
    print(format!("  query    {}", system.query_url()));
    if let Some(tenant) = system.default_tenant() {
        print(format!("  tenant   {}: {tenant}", SystemKind::TENANT_HEADER));
    }
    print(format!("  acks     {}", system.durability()));
    for setting in system.settings() {
        print(format!(
            "  setting  {} = {}: {}",
            setting.name, setting.value, setting.why
        ));
    }
}

fn check(kinds: &[SystemKind], progress: &Progress) -> Result<ExitCode> {
    let mut all_right = true;
    for kind in kinds {
        vigie_systems::build(*kind, |line| progress.say(line))?;
        let dir = tempfile::tempdir().context("make a folder")?;
        let system = System::start(*kind, &StartOptions::new(dir.path()))?;
        let (version, probes) = vigie_systems::check(&system)?;
        print(format!("{kind} {}", version.version));
        for probe in probes {
            let verdict = if probe.is_stored() {
                "stores what it acknowledges"
            } else if probe.acknowledged() {
                "ACKNOWLEDGES WHAT IT DOES NOT STORE"
            } else {
                "refuses it"
            };
            all_right &= probe.is_stored() || !probe.acknowledged();
            print(format!(
                "  {:?}: {verdict} (status {}, {} sent: {} exact, {} rounded, {} wrong, {} missing, {} unexpected) {}",
                probe.protocol,
                probe.status,
                probe.sent,
                probe.exact,
                probe.rounded,
                probe.wrong,
                probe.missing,
                probe.unexpected,
                probe.refusal.trim()
            ));
        }
        system.stop()?;
    }
    Ok(if all_right {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}
