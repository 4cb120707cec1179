//! Which servers `peers start` runs, so that `peers stop` finds them.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use vigie_systems::SystemKind;

const STOP_DEADLINE: Duration = Duration::from_secs(60);

/// Says, while it lives, that this process runs a server.
#[derive(Debug)]
pub(super) struct Mark {
    path: PathBuf,
}

impl Mark {
    pub(super) fn set(kind: SystemKind) -> Result<Self> {
        let path = path(kind);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("make the folder {}", parent.display()))?;
        }
        let pid = std::process::id();
        let text = format!("{pid} {}", start_time(pid).context("find this process")?);
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        Ok(Self { path })
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        // One that stays is recognised by the start time of its process.
        let _ = fs::remove_file(&self.path);
    }
}

/// Asks the process that runs this server to end, and waits until it has; false if there is none.
pub(super) fn stop(kind: SystemKind) -> Result<bool> {
    let path = path(kind);
    let Ok(text) = fs::read_to_string(&path) else {
        return Ok(false);
    };
    let mut fields = text.split_whitespace().map(str::parse::<u64>);
    let (Some(Ok(pid)), Some(Ok(started))) = (fields.next(), fields.next()) else {
        bail!("{} is damaged; remove it", path.display());
    };
    let pid = u32::try_from(pid).context("read a process id")?;
    // The id may belong to another process by now, which is none of ours.
    let is_ours = || start_time(pid) == Some(started);
    if !is_ours() {
        fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
        return Ok(false);
    }
    let process = rustix::process::Pid::from_raw(pid as i32).context("read a process id")?;
    rustix::process::kill_process(process, rustix::process::Signal::TERM).context("end the load tester")?;
    let asked = Instant::now();
    while is_ours() {
        if asked.elapsed() > STOP_DEADLINE {
            bail!("process {pid} has not ended {STOP_DEADLINE:?} after it was told to");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(true)
}

fn path(kind: SystemKind) -> PathBuf {
    std::env::temp_dir()
        .join("vigie-loadtest")
        .join(format!("{kind}.running"))
}

/// Field 22 of `/proc/PID/stat`: with the id it names a process for good.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19)?.parse().ok()
}
