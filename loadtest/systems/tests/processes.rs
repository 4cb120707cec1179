//! Life and death of real small processes, and faults that happen to them on a schedule.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use vigie_systems::faults::{Applied, Fault, Schedule, Stage, Victim};
use vigie_systems::{Launch, Placement, Process, wait_until};

const DEADLINE: Duration = Duration::from_secs(20);

/// `sh -c SCRIPT`, logging to `NAME.log` in `dir`.
fn shell(name: &str, script: &str, dir: &Path, cores: &[usize]) -> Process {
    let placement = Placement {
        cores,
        namespace: None,
    };
    let launch = Launch {
        name,
        program: Path::new("/bin/sh"),
        args: &["-c".to_owned(), script.to_owned()],
        env: &[("GREETING".to_owned(), "hello".to_owned())],
        dir,
        placement,
    };
    Process::launch(&launch).unwrap()
}

fn until(what: &str, probe: impl FnMut() -> Result<bool>) {
    wait_until(what, DEADLINE, probe).unwrap();
}

/// The letter of the state in `/proc/PID/stat`.
fn state(pid: u32) -> Result<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, rest) = stat.rsplit_once(')').context("find the state")?;
    rest.trim_start().chars().next().context("find the state")
}

#[test]
fn a_process_is_born_on_its_cores_with_its_environment() {
    let dir = tempfile::tempdir().unwrap();
    let script = "echo $GREETING; grep Cpus_allowed_list /proc/self/status; exec sleep 100";
    let pinned = shell("pinned", script, dir.path(), &[0]);
    until("the process to say where it runs", || {
        Ok(pinned.log_tail().contains("Cpus_allowed_list"))
    });
    let said = pinned.log_tail();
    assert!(
        said.contains("hello") && said.contains("Cpus_allowed_list:\t0\n"),
        "{said}"
    );
    let missing = Launch {
        name: "nowhere",
        program: Path::new("/bin/sh"),
        args: &[],
        env: &[],
        dir: dir.path(),
        placement: Placement {
            cores: &[100_000],
            namespace: None,
        },
    };
    let refused = format!("{:#}", Process::launch(&missing).unwrap_err());
    assert!(refused.contains("core 100000"), "{refused}");
}

#[test]
fn a_paused_process_stands_still_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut busy = shell("busy", "while :; do :; done", dir.path(), &[]);
    busy.pause().unwrap();
    until("the process to stop", || Ok(state(busy.pid())? == 'T'));
    let before = busy.stat().unwrap().cpu_seconds;
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(busy.stat().unwrap().cpu_seconds, before);
    busy.resume().unwrap();
    until("the process to go on", || Ok(busy.stat()?.cpu_seconds > before));
}

#[test]
fn the_account_of_a_killed_process_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut busy = shell("busy", "while :; do :; done", dir.path(), &[]);
    until("the process to use CPU", || Ok(busy.stat()?.cpu_seconds >= 0.05));
    let alive = busy.stat().unwrap();
    busy.kill9().unwrap();
    let dead = busy.stat().unwrap();
    assert!(dead.cpu_seconds >= alive.cpu_seconds, "{dead:?} after {alive:?}");
    assert!(dead.peak_resident_bytes > 0, "{dead:?}");
    assert!(!Path::new(&format!("/proc/{}", busy.pid())).exists());
    // Its id may be another's by now.
    assert!(busy.kill9().is_err() && busy.pause().is_err() && busy.check_running().is_err());
}

#[test]
fn an_end_is_bounded_and_an_error_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let mut stubborn = shell(
        "stubborn",
        "trap '' TERM; echo deaf; while :; do :; done",
        dir.path(),
        &[],
    );
    until("the process to be deaf", || {
        Ok(stubborn.log_tail().contains("deaf"))
    });
    let late = stubborn
        .terminate(Duration::from_millis(100))
        .unwrap_err()
        .to_string();
    assert!(late.contains("goes on"), "{late}");
    let mut failing = shell("failing", "echo the reason; exit 3", dir.path(), &[]);
    until("the process to fail", || Ok(failing.check_running().is_err()));
    let why = failing.check_running().unwrap_err().to_string();
    assert!(
        why.contains("exit status: 3") && why.contains("the reason"),
        "{why}"
    );
}

/// A victim that is one `sleep`.
#[derive(Debug)]
struct Sleeper {
    dir: tempfile::TempDir,
    process: Mutex<Option<Process>>,
}

impl Sleeper {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let process = Mutex::new(Some(shell("sleeper", "exec sleep 100", dir.path(), &[])));
        Self { dir, process }
    }

    fn pid(&self) -> Option<u32> {
        self.process.lock().unwrap().as_ref().map(Process::pid)
    }

    fn with(&self, act: impl FnOnce(&mut Process) -> Result<()>) -> Result<()> {
        act(self.process.lock().unwrap().as_mut().context("find a process")?)
    }
}

impl Victim for Sleeper {
    fn kill(&self) -> Result<()> {
        self.with(Process::kill9)?;
        *self.process.lock().unwrap() = None;
        Ok(())
    }

    fn stop(&self) -> Result<()> {
        // Ended by the signal, which `sleep` doesn't catch.
        let _ = self.with(|process| process.terminate(DEADLINE).map(drop));
        *self.process.lock().unwrap() = None;
        Ok(())
    }

    fn restart(&self) -> Result<()> {
        *self.process.lock().unwrap() = Some(shell("sleeper", "exec sleep 100", self.dir.path(), &[]));
        Ok(())
    }

    fn pause(&self) -> Result<()> {
        self.with(Process::pause)
    }

    fn resume(&self) -> Result<()> {
        self.with(Process::resume)
    }
}

#[test]
fn faults_happen_in_order_and_a_failed_one_is_reported() {
    let sleeper = Arc::new(Sleeper::start());
    let stage = Stage {
        systems: [("a".to_owned(), sleeper.clone() as Arc<dyn Victim>)].into(),
        ..Stage::default()
    };
    let json = r#"[
        [0.06, {"kind": "restart", "system": "a"}],
        [0.02, {"kind": "pause", "system": "a"}],
        [0.03, {"kind": "pause", "system": "b"}],
        [0.04, {"kind": "kill", "system": "a"}],
        [0.05, {"kind": "fill-disk", "system": "a"}],
        [0.05, {"kind": "cut", "from": "a", "to": "b"}]
    ]"#;
    let schedule: Schedule = serde_json::from_str(json).unwrap();
    let first = sleeper.pid();
    let mut heard = Vec::new();
    let applied = schedule.run(
        &stage,
        Instant::now(),
        &AtomicBool::new(false),
        |one: &Applied| {
            heard.push(one.clone());
        },
    );
    assert_eq!(applied, heard);
    assert_ne!(sleeper.pid(), first);
    let told: Vec<(f64, Option<&str>)> = applied
        .iter()
        .map(|one| (one.due_seconds, one.error.as_deref()))
        .collect();
    let no_disk = "find the disk of \"a\": it has none of limited size";
    let no_network = "find the network: this run has none of its own";
    let expected = [
        (0.02, None),
        (0.03, Some("find the system \"b\"")),
        (0.04, None),
        (0.05, Some(no_disk)),
        (0.05, Some(no_network)),
        (0.06, None),
    ];
    assert_eq!(told, expected);
    assert!(applied.iter().all(|one| one.began_seconds >= one.due_seconds));
    assert!(matches!(applied[0].fault, Fault::Pause { .. }));
}

#[test]
fn a_stopped_schedule_does_nothing_more() {
    let schedule = Schedule::new(vec![(
        3600.0,
        Fault::Kill {
            system: "a".to_owned(),
        },
    )])
    .unwrap();
    let applied = schedule.run(&Stage::default(), Instant::now(), &AtomicBool::new(true), |_| {});
    assert_eq!(applied, []);
    let nowhen = Schedule::new(vec![(
        f64::NAN,
        Fault::Kill {
            system: "a".to_owned(),
        },
    )]);
    assert!(nowhen.is_err());
}
