use std::fmt::Display;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::launch::{Launch, Placement};
use crate::proc_stat::ProcStat;

const POLL_INTERVAL: Duration = Duration::from_millis(20);
const LOG_TAIL_BYTES: usize = 4_000;

/// One started process with its output in a log file; killed when dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    ended: Option<(ExitStatus, ProcStat)>,
    /// As of the last signal: a dead process has an account of its CPU, and none of its memory.
    peak_resident_bytes: u64,
}

impl Process {
    /// Starts `program`; both outputs are appended to `NAME.log` in `log_dir`.
    pub fn spawn<A: AsRef<str>>(
        name: &str,
        program: &Path,
        args: &[A],
        env: &[(&str, String)],
        log_dir: &Path,
    ) -> Result<Self> {
        let args: Vec<String> = args.iter().map(|arg| arg.as_ref().to_owned()).collect();
        let env: Vec<(String, String)> = env
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect();
        Self::launch(&Launch {
            name,
            program,
            args: &args,
            env: &env,
            dir: log_dir,
            placement: Placement::default(),
        })
    }

    pub fn launch(launch: &Launch<'_>) -> Result<Self> {
        let log = launch.dir.join(format!("{}.log", launch.name));
        let output = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .context("open a process log")?;
        let mut command = Command::new(launch.program);
        command
            .args(launch.args)
            .envs(launch.env.iter().map(|(key, value)| (key, value)))
            .current_dir(launch.dir)
            .stdin(Stdio::null())
            .stdout(output.try_clone().context("share a process log")?)
            .stderr(output);
        let child = launch
            .placement
            .spawn(&mut command)
            .with_context(|| format!("start {} ({})", launch.name, launch.program.display()))?;
        Ok(Self {
            name: launch.name.to_owned(),
            child,
            log,
            ended: None,
            peak_resident_bytes: 0,
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the kernel has accounted to it; of a process that has ended what it had used by then.
    pub fn stat(&self) -> Result<ProcStat> {
        match &self.ended {
            Some((_, last)) => Ok(*last),
            None => ProcStat::read(self.pid()),
        }
    }

    /// SIGKILL, and waits until the kernel has taken the process away.
    pub fn kill9(&mut self) -> Result<()> {
        self.signal(Signal::KILL)?;
        self.reap()?;
        Ok(())
    }

    /// SIGTERM, and waits for the end. Fails if it lives on after `deadline`, or ends with an error.
    pub fn terminate(&mut self, deadline: Duration) -> Result<Duration> {
        let started = Instant::now();
        self.signal(Signal::TERM)?;
        while !self.has_ended()? {
            if started.elapsed() > deadline {
                bail!("{} goes on {deadline:?} after SIGTERM", self.name);
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        let status = self.reap()?;
        if !status.success() {
            bail!(
                "{} ended with {status} after SIGTERM; its log ends with:\n{}",
                self.name,
                self.log_tail()
            );
        }
        Ok(started.elapsed())
    }

    /// SIGSTOP: it keeps its memory, files and connections, and does nothing.
    pub fn pause(&mut self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT.
    pub fn resume(&mut self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Fails, with the end of the log, if the process is gone.
    pub fn check_running(&mut self) -> Result<()> {
        if self.has_ended()? {
            let status = self.reap()?;
            bail!(
                "{} has ended ({status}); its log ends with:\n{}",
                self.name,
                self.log_tail()
            );
        }
        Ok(())
    }

    /// Polls `probe` until it says yes; an error of the probe counts as a no. Returns how long it took.
    pub fn wait_ready(
        &mut self,
        deadline: Duration,
        mut probe: impl FnMut() -> Result<bool>,
    ) -> Result<Duration> {
        let started = Instant::now();
        let mut last_error = None;
        loop {
            self.check_running()?;
            match probe() {
                Ok(true) => return Ok(started.elapsed()),
                Ok(false) => {}
                Err(error) => last_error = Some(error),
            }
            if started.elapsed() > deadline {
                let why = last_error.map_or_else(String::new, |error| format!(" (last error: {error:#})"));
                bail!(
                    "{} is not ready after {deadline:?}{why}; its log ends with:\n{}",
                    self.name,
                    self.log_tail()
                );
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    pub fn log_tail(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        let from = bytes.len().saturating_sub(LOG_TAIL_BYTES);
        String::from_utf8_lossy(&bytes[from..]).into_owned()
    }

    /// Signals only what has not been reaped: its id is still its own, even if it is dead.
    fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.ended.is_some() {
            bail!("{} has ended", self.name);
        }
        self.peak_resident_bytes = ProcStat::read(self.pid())?.peak_resident_bytes;
        kill_process(self.kernel_pid(), signal).with_context(|| format!("send {signal:?} to {}", self.name))
    }

    /// Whether it is dead, without reaping it.
    fn has_ended(&self) -> Result<bool> {
        if self.ended.is_some() {
            return Ok(true);
        }
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        let seen = waitid(WaitId::Pid(self.kernel_pid()), look)
            .with_context(|| format!("look after {}", self.name))?;
        Ok(seen.is_some())
    }

    /// Waits for the end, reads the last account while the dead process still has one, and lets it go.
    fn reap(&mut self) -> Result<ExitStatus> {
        if let Some((status, _)) = &self.ended {
            return Ok(*status);
        }
        let wait = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(self.kernel_pid()), wait).with_context(|| format!("wait for {}", self.name))?;
        let last = ProcStat {
            peak_resident_bytes: self.peak_resident_bytes,
            ..ProcStat::read(self.pid())?
        };
        let status = self.child.wait().with_context(|| format!("reap {}", self.name))?;
        self.ended = Some((status, last));
        Ok(status)
    }

    fn kernel_pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already, and there is nobody left to tell.
        if self.ended.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Polls `probe` until it says yes; its errors count as a no and the last one is reported at the deadline.
pub fn wait_until(
    what: impl Display,
    deadline: Duration,
    mut probe: impl FnMut() -> Result<bool>,
) -> Result<Duration> {
    let started = Instant::now();
    loop {
        let answer = probe();
        if let Ok(true) = answer {
            return Ok(started.elapsed());
        }
        if started.elapsed() > deadline {
            let why = answer
                .err()
                .map_or_else(String::new, |error| format!(": {error:#}"));
            bail!("waited {deadline:?} in vain for {what}{why}");
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}
