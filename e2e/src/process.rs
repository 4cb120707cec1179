use std::fmt::Display;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::proc_stat::ProcStat;

const POLL_INTERVAL: Duration = Duration::from_millis(20);
const LOG_TAIL_BYTES: usize = 4_000;

/// One started process with its output in a log file; killed when dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
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
        let log = log_dir.join(format!("{name}.log"));
        let output = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .context("open a process log")?;
        let child = Command::new(program)
            .args(args.iter().map(AsRef::as_ref))
            .envs(env.iter().map(|(key, value)| (*key, value)))
            .current_dir(log_dir)
            .stdin(Stdio::null())
            .stdout(output.try_clone().context("share a process log")?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("start {name} ({})", program.display()))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log,
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn stat(&self) -> Result<ProcStat> {
        ProcStat::read(self.pid())
    }

    /// SIGKILL, and waits until the kernel has taken the process away.
    pub fn kill9(&mut self) -> Result<()> {
        self.child.kill().with_context(|| format!("kill {}", self.name))?;
        self.child
            .wait()
            .with_context(|| format!("wait for {}", self.name))?;
        Ok(())
    }

    /// Fails, with the end of the log, if the process is gone.
    pub fn check_running(&mut self) -> Result<()> {
        if let Some(status) = self
            .child
            .try_wait()
            .with_context(|| format!("look after {}", self.name))?
        {
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
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already, and there is nobody left to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
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
