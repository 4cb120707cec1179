use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::account::Account;
use crate::api::Api;
use crate::kind::SystemKind;
use crate::launch::{Launch, Placement};
use crate::options::StartOptions;
use crate::proc_stat::{ProcStat, disk_bytes};
use crate::process::Process;
use crate::recipe::Recipe;
use crate::setting::Setting;

/// Long enough to replay the log of millions of series.
const READY_DEADLINE: Duration = Duration::from_secs(600);
const STOP_DEADLINE: Duration = Duration::from_secs(300);
const ANSWER_DEADLINE: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// The tenant of everything, where a request has to name one and the caller named none.
pub(crate) const DEFAULT_TENANT: &str = "loadtest";

/// One server, running or not, and all that stays over its restarts: addresses, folders, settings, accounts. It is
/// shared between the threads that write, ask, watch and harm it; a dropped one is killed.
#[derive(Debug)]
pub struct System {
    kind: SystemKind,
    options: StartOptions,
    recipe: Recipe,
    api: Api,
    lives: Mutex<Lives>,
}

/// The running process, and what the ones before it have cost.
#[derive(Debug, Default)]
struct Lives {
    process: Option<Process>,
    past: ProcStat,
}

/// How long a restart took, counted from the end of the process before.
#[derive(Debug, Clone, Copy)]
pub struct Restarted {
    /// Until the server said that it is ready.
    pub ready: Duration,
    /// Until it first gave the answer asked for.
    pub first_correct_answer: Duration,
}

impl System {
    /// Starts it and waits until it says that it is ready.
    pub fn start(kind: SystemKind, options: &StartOptions) -> Result<Self> {
        let recipe = Recipe::of(kind, options)?;
        for folder in &recipe.folders {
            fs::create_dir_all(folder).with_context(|| format!("make the folder {}", folder.display()))?;
        }
        for (file, text) in &recipe.files {
            fs::write(file, text).with_context(|| format!("write {}", file.display()))?;
        }
        let api = Api::new(&format!("{}{}", recipe.base, recipe.query_prefix))?;
        let api = if kind == SystemKind::Mimir {
            api.for_tenant(DEFAULT_TENANT)
        } else {
            api
        };
        let system = Self {
            kind,
            options: options.clone(),
            recipe,
            api,
            lives: Mutex::default(),
        };
        system.spawn()?;
        system.wait_ready()?;
        Ok(system)
    }

    pub fn kind(&self) -> SystemKind {
        self.kind
    }

    /// Endpoint of remote write.
    pub fn write_url(&self) -> String {
        format!("{}{}", self.recipe.base, self.recipe.write_path)
    }

    /// What stands before `/api/v1/query`.
    pub fn query_url(&self) -> String {
        format!("{}{}", self.recipe.base, self.recipe.query_prefix)
    }

    /// Where it serves `/metrics` and whatever is not the query API.
    pub fn base_url(&self) -> &str {
        &self.recipe.base
    }

    /// The tenant a request has to name if the workload names none; `None` where requests without one are taken.
    pub fn default_tenant(&self) -> Option<&'static str> {
        (self.kind == SystemKind::Mimir).then_some(DEFAULT_TENANT)
    }

    /// Its query API, as the default tenant.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Every setting that is not its own default and could bear on a measurement, with the reason.
    pub fn settings(&self) -> &[Setting] {
        &self.recipe.flags.settings
    }

    /// When an acknowledged sample is safe, in words.
    pub fn durability(&self) -> &'static str {
        self.recipe.durability
    }

    /// The arguments it was started with.
    pub fn command_line(&self) -> String {
        format!(
            "{} {}",
            self.recipe.program.display(),
            self.recipe.flags.args.join(" ")
        )
    }

    pub fn program(&self) -> &Path {
        &self.recipe.program
    }

    pub fn data_dir(&self) -> &Path {
        &self.recipe.data_dir
    }

    /// Its process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.lives().process.as_ref().map(Process::pid)
    }

    /// What it has cost since its first start.
    pub fn account(&self) -> Result<Account> {
        Ok(Account {
            disk_bytes: disk_bytes(&self.recipe.data_dir),
            ..self.account_without_disk()?
        })
    }

    /// The same with 0 as the disk, whose files are not walked.
    pub fn account_without_disk(&self) -> Result<Account> {
        let lives = self.lives();
        let now = match &lives.process {
            Some(process) => process.stat()?,
            None => ProcStat::default(),
        };
        Ok(Account {
            cpu_seconds: lives.past.cpu_seconds + now.cpu_seconds,
            resident_bytes: now.resident_bytes,
            peak_resident_bytes: lives.past.peak_resident_bytes.max(now.peak_resident_bytes),
            disk_bytes: 0,
        })
    }

    /// Allocated bytes of each entry directly in the data folder, largest first: says what the disk is used for, for
    /// example that Mimir keeps its blocks twice.
    pub fn disk_parts(&self) -> Result<Vec<(String, u64)>> {
        let entries = fs::read_dir(&self.recipe.data_dir).context("list the data folder")?;
        let mut parts = Vec::new();
        for entry in entries {
            let entry = entry.context("list the data folder")?;
            let name = entry.file_name().to_string_lossy().into_owned();
            parts.push((name, disk_bytes(&entry.path())));
        }
        parts.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        Ok(parts)
    }

    /// Fails, with the end of its log, if it has died by itself or was never restarted.
    pub fn check_running(&self) -> Result<()> {
        match &mut self.lives().process {
            Some(process) => process.check_running(),
            None => bail!("{} is not running", self.kind),
        }
    }

    pub fn log_tail(&self) -> String {
        let lives = self.lives();
        lives.process.as_ref().map_or_else(String::new, Process::log_tail)
    }

    /// Makes what was acknowledged visible to queries at once. VictoriaMetrics alone needs it: it shows samples some
    /// seconds later, and remembers for ten that a question had no answer. Its documentation names this endpoint for
    /// tests that ask right after writing.
    pub fn show_written(&self) -> Result<()> {
        if self.kind == SystemKind::VictoriaMetrics {
            self.ask_for("/internal/force_flush", ANSWER_DEADLINE)?;
        }
        Ok(())
    }

    /// Gets `path` of the server itself, not of its query API; anything but success is an error.
    pub(crate) fn ask_for(&self, path: &str, timeout: Duration) -> Result<()> {
        let answer = Api::with_timeout(&self.recipe.base, timeout)?.get(path)?;
        if !(200..300).contains(&answer.status) {
            bail!(
                "{} refused {path} with {}: {}",
                self.kind,
                answer.status,
                answer.body.trim()
            );
        }
        Ok(())
    }

    /// SIGKILL.
    pub fn kill9(&self) -> Result<()> {
        self.end(Process::kill9)
    }

    /// SIGTERM, and waits for an orderly end; returns how long that took.
    pub fn stop(&self) -> Result<Duration> {
        self.end(|process| process.terminate(STOP_DEADLINE))
    }

    /// Takes the account of one that has died by itself, so that it can be restarted.
    pub fn bury(&self) -> Result<()> {
        if self.running(Process::check_running).is_ok() {
            bail!("{} is alive", self.kind);
        }
        self.end(|_| Ok(()))
    }

    /// SIGSTOP.
    pub fn pause(&self) -> Result<()> {
        self.running(Process::pause)
    }

    /// SIGCONT.
    pub fn resume(&self) -> Result<()> {
        self.running(Process::resume)
    }

    /// Starts it again after [`Self::kill9`] or [`Self::stop`] with the same settings, and asks until `is_correct`
    /// says yes; an error of the question counts as a no.
    pub fn restart(&self, mut is_correct: impl FnMut(&Api) -> Result<bool>) -> Result<Restarted> {
        let started = Instant::now();
        self.spawn()?;
        self.wait_ready()?;
        let ready = started.elapsed();
        loop {
            let answer = is_correct(&self.api);
            if let Ok(true) = answer {
                return Ok(Restarted {
                    ready,
                    first_correct_answer: started.elapsed(),
                });
            }
            self.check_running()?;
            if started.elapsed() > READY_DEADLINE {
                let why = answer
                    .err()
                    .map_or_else(String::new, |error| format!(": {error:#}"));
                bail!(
                    "{} has given no correct answer {READY_DEADLINE:?} after its restart{why}",
                    self.kind
                );
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    pub(crate) fn wait_ready(&self) -> Result<()> {
        let base = Api::with_timeout(&self.recipe.base, Duration::from_secs(10))?;
        let started = Instant::now();
        loop {
            self.check_running()?;
            let answer = base.get(self.recipe.ready_path);
            if matches!(&answer, Ok(answer) if answer.status == 200) {
                return Ok(());
            }
            if started.elapsed() > READY_DEADLINE {
                let last = answer.map_or_else(
                    |error| format!("{error:#}"),
                    |answer| format!("status {}: {}", answer.status, answer.body.trim()),
                );
                bail!(
                    "{} is not ready after {READY_DEADLINE:?} ({last}):\n{}",
                    self.kind,
                    self.log_tail()
                );
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    fn spawn(&self) -> Result<()> {
        let mut lives = self.lives();
        if lives.process.is_some() {
            bail!("{} is running already", self.kind);
        }
        let dir: PathBuf = self
            .options
            .dir
            .canonicalize()
            .context("find the folder of a system")?;
        let launch = Launch {
            name: self.kind.name(),
            program: &self.recipe.program,
            args: &self.recipe.flags.args,
            env: &self.recipe.flags.env,
            dir: &dir,
            placement: Placement {
                cores: &self.options.cores,
                namespace: self.options.namespace.as_ref().map(|(name, _)| name.as_str()),
            },
        };
        lives.process = Some(Process::launch(&launch)?);
        Ok(())
    }

    /// Ends the process by `how` and adds what it has cost to the past.
    fn end<T>(&self, how: impl FnOnce(&mut Process) -> Result<T>) -> Result<T> {
        let mut lives = self.lives();
        let Some(process) = &mut lives.process else {
            bail!("{} is not running", self.kind);
        };
        let ended = how(process);
        let last = process.stat().unwrap_or_default();
        // One that did not end when told to is killed when dropped here.
        lives.process = None;
        lives.past.cpu_seconds += last.cpu_seconds;
        lives.past.peak_resident_bytes = lives.past.peak_resident_bytes.max(last.peak_resident_bytes);
        ended
    }

    fn running<T>(&self, what: impl FnOnce(&mut Process) -> Result<T>) -> Result<T> {
        match &mut self.lives().process {
            Some(process) => what(process),
            None => bail!("{} is not running", self.kind),
        }
    }

    /// Nothing is left half done by a panic while it is held: each step is one assignment.
    fn lives(&self) -> MutexGuard<'_, Lives> {
        self.lives.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
