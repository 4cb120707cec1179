//! A running Vigie in a network of its own, on a small disk: what faults look like from outside. Needs root.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use vigie_systems::faults::{Fault, FileSystem, HOST, LimitedDisk, Network, Schedule, Stage, Victim};
use vigie_systems::{
    Ack, Protocol, Series, StartOptions, System, SystemKind, WriteClient, WriteError, encode_request, snappy,
    wait_until,
};

const DISK_BYTES: u64 = 256 << 20;
const TIMEOUT: Duration = Duration::from_secs(2);
const DEADLINE: Duration = Duration::from_secs(60);

struct Bench {
    // Dropped in this order: nothing is taken away from below a running process.
    system: Arc<System>,
    stage: Stage,
    client: WriteClient,
    runtime: tokio::runtime::Runtime,
    now_ms: i64,
    _dir: tempfile::TempDir,
}

impl Bench {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let disk = LimitedDisk::create(dir.path(), DISK_BYTES, FileSystem::Ext4).unwrap();
        let network = Network::create(&["vigie"]).unwrap();
        let mut options = StartOptions::new(disk.path());
        options.namespace = Some(network.place("vigie").unwrap());
        let system = Arc::new(System::start(SystemKind::Vigie, &options).unwrap());
        let client = WriteClient::new(&system.write_url(), 2, TIMEOUT).unwrap();
        let stage = Stage {
            systems: [("vigie".to_owned(), system.clone() as Arc<dyn Victim>)].into(),
            disks: [("vigie".to_owned(), disk)].into(),
            network: Some(network),
        };
        Self {
            system,
            stage,
            client,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
            now_ms: SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64,
            _dir: dir,
        }
    }

    /// Through the schedule, as a scenario does it.
    #[track_caller]
    fn apply(&self, fault: Fault) {
        let schedule = Schedule::new(vec![(0.0, fault)]).unwrap();
        let applied = schedule.run(&self.stage, Instant::now(), &AtomicBool::new(false), |_| {});
        assert_eq!(applied[0].error, None);
    }

    /// One sample `step` milliseconds after the start.
    fn write(&self, step: i64) -> Result<Ack, WriteError> {
        let series = Series::new(&[("__name__", "harmed")], &[(self.now_ms + step, step as f64)]);
        let body = Bytes::from(snappy(&encode_request(&[series])).unwrap());
        self.runtime.block_on(self.client.send(body, Protocol::V1, None))
    }

    /// Until a write is acknowledged; each attempt is the same sample.
    fn write_again(&self, step: i64) {
        wait_until("a write to be acknowledged", DEADLINE, || {
            Ok(self.write(step)?.is_success())
        })
        .unwrap();
    }

    /// The steps that can be read back.
    fn stored(&self) -> Vec<i64> {
        let series = self
            .system
            .api()
            .samples("harmed", self.now_ms, self.now_ms + 1000)
            .unwrap();
        series
            .iter()
            .flat_map(|one| &one.samples)
            .map(|(t, _)| t - self.now_ms)
            .collect()
    }
}

#[test]
fn a_cut_network_times_out_and_nothing_acknowledged_is_lost() {
    let bench = Bench::start();
    let (from, to) = (HOST.to_owned(), "vigie".to_owned());
    assert!(bench.write(1).unwrap().is_success());
    bench.apply(Fault::Cut {
        from: from.clone(),
        to: to.clone(),
    });
    let silent = bench.write(2).unwrap_err();
    assert!(matches!(silent, WriteError::TimedOut(_)), "{silent}");
    bench.apply(Fault::Heal { from, to });
    bench.write_again(3);
    let stored = bench.stored();
    assert!(stored.contains(&1) && stored.contains(&3), "{stored:?}");

    let system = "vigie".to_owned();
    bench.apply(Fault::Pause {
        system: system.clone(),
    });
    assert!(matches!(bench.write(4).unwrap_err(), WriteError::TimedOut(_)));
    bench.apply(Fault::Resume {
        system: system.clone(),
    });
    bench.write_again(5);
    bench.apply(Fault::Kill {
        system: system.clone(),
    });
    bench.write(6).unwrap_err();
    bench.apply(Fault::Restart { system });
    bench.write_again(7);
    let stored = bench.stored();
    assert!(
        [1, 3, 5, 7].iter().all(|step| stored.contains(step)),
        "{stored:?}"
    );
}

#[test]
fn a_full_disk_is_no_reason_to_lose_what_was_acknowledged() {
    let bench = Bench::start();
    let system = "vigie".to_owned();
    assert!(bench.write(1).unwrap().is_success());
    bench.apply(Fault::FillDisk {
        system: system.clone(),
        leave_bytes: 0,
    });
    // Whether it refuses, waits or stops is its own affair; what it acknowledges all the same has to be there later.
    let mut acknowledged = vec![1];
    for step in 2..20 {
        if bench.write(step).is_ok_and(|ack| ack.is_success()) {
            acknowledged.push(step);
        }
    }
    bench.apply(Fault::FreeDisk {
        system: system.clone(),
    });
    if bench.system.check_running().is_ok() {
        bench.apply(Fault::Kill {
            system: system.clone(),
        });
    } else {
        bench.system.bury().unwrap();
    }
    bench.apply(Fault::Restart { system });
    bench.write_again(30);
    let stored = bench.stored();
    assert!(
        acknowledged.iter().all(|step| stored.contains(step)),
        "{acknowledged:?} acknowledged, {stored:?} stored"
    );
}
