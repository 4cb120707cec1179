//! Vigie and the real peers: what they acknowledge is stored, and they come back. `make test-peers` builds them first.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use vigie_systems::{
    Api, Protocol, Sampler, Series, SettleLimits, StartOptions, System, SystemKind, WriteClient, check,
    encode_request, snappy, wait_until,
};

const REQUESTS: u32 = 10;
const SERIES: u32 = 1_000;
const DEADLINE: Duration = Duration::from_secs(30);
const SELECTOR: &str = "count(vigie_loadtest_life)";

fn limits() -> SettleLimits {
    SettleLimits {
        window: Duration::from_secs(2),
        ..SettleLimits::default()
    }
}

fn start(kind: SystemKind, dir: &tempfile::TempDir) -> System {
    let mut options = StartOptions::new(dir.path());
    options.cores = vec![0];
    options.memory_bytes = Some(2 << 30);
    options.out_of_order_ms = 600_000;
    if kind.is_vigie() {
        // Settling waits for a checkpoint; every five minutes is too long for a test.
        options.extra_args = vec!["--storage.checkpoint-interval=5s".to_owned()];
    }
    System::start(kind, &options).unwrap()
}

/// The protocols over which all that was acknowledged is there; the rest is either refused or lost.
#[track_caller]
fn check_storing(kind: SystemKind, stored: &[Protocol], lost: &[Protocol]) {
    let dir = tempfile::tempdir().unwrap();
    let system = start(kind, &dir);
    let (version, probes) = check(&system).unwrap();
    assert!(version.version.contains('.'), "{version:?}");
    let of = |is: &dyn Fn(&vigie_systems::Probe) -> bool| -> Vec<Protocol> {
        probes
            .iter()
            .filter(|probe| is(probe))
            .map(|probe| probe.protocol)
            .collect()
    };
    assert_eq!(of(&|probe| probe.is_stored()), stored, "{version:?}: {probes:#?}");
    assert_eq!(
        of(&|probe| probe.acknowledged() && !probe.is_stored()),
        lost,
        "{version:?}: {probes:#?}"
    );
}

#[test]
fn vigie_stores_what_it_acknowledges() {
    check_storing(SystemKind::Vigie, &[Protocol::V1, Protocol::V2], &[]);
}

#[test]
fn prometheus_stores_what_it_acknowledges() {
    check_storing(SystemKind::Prometheus, &[Protocol::V1, Protocol::V2], &[]);
}

#[test]
fn victoria_metrics_acknowledges_remote_write_2_and_stores_nothing_of_it() {
    check_storing(SystemKind::VictoriaMetrics, &[Protocol::V1], &[Protocol::V2]);
}

#[test]
fn mimir_stores_what_it_acknowledges() {
    check_storing(SystemKind::Mimir, &[Protocol::V1, Protocol::V2], &[]);
}

/// Lives through everything that can happen to it, with its samples.
#[track_caller]
fn check_life(kind: SystemKind) {
    let dir = tempfile::tempdir().unwrap();
    let system = Arc::new(start(kind, &dir));
    assert!(!system.settings().is_empty() && !system.durability().is_empty());
    let sampler = Sampler::start(system.clone(), Duration::from_millis(100));
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64 / 1000 * 1000;
    write(&system, now_ms);
    let is_all_there = |api: &Api| Ok(api.instant(SELECTOR, now_ms)?.only_value()? == f64::from(SERIES));
    wait_until("all series to be shown", DEADLINE, || is_all_there(system.api())).unwrap();
    let shown = system
        .api()
        .samples("vigie_loadtest_life", now_ms - 60_000, now_ms)
        .unwrap();
    let samples: usize = shown.iter().map(|series| series.samples.len()).sum();
    assert_eq!(samples as u32, SERIES * REQUESTS);
    let names = system
        .api()
        .label_values("number", "vigie_loadtest_life", now_ms - 60_000, now_ms)
        .unwrap();
    assert_eq!(names.len() as u32, SERIES);
    let series = system
        .api()
        .series("vigie_loadtest_life", now_ms - 60_000, now_ms)
        .unwrap();
    assert_eq!(series.len() as u32, SERIES);
    let labels = system.api().labels(now_ms - 60_000, now_ms).unwrap();
    assert_eq!(labels, ["__name__", "number"]);
    system.api().metadata().unwrap();

    let settled = system.settle(&limits()).unwrap();
    assert!(settled.at_rest, "{settled:?}");
    assert!(is_all_there(system.api()).unwrap());
    let before = system.account().unwrap();
    assert!(
        before.cpu_seconds > 0.0 && before.resident_bytes > 0 && before.disk_bytes > 0,
        "{before:?}"
    );
    let parts: u64 = system.disk_parts().unwrap().iter().map(|(_, bytes)| bytes).sum();
    assert!(parts > 0, "{parts}");

    system.pause().unwrap();
    system.resume().unwrap();
    system.check_running().unwrap();
    system.kill9().unwrap();
    assert!(system.check_running().is_err() && system.pause().is_err());
    let dead = system.account().unwrap();
    assert!(
        dead.cpu_seconds >= before.cpu_seconds && dead.resident_bytes == 0,
        "{dead:?}"
    );
    assert!(dead.peak_resident_bytes >= before.resident_bytes, "{dead:?}");
    let restarted = system.restart(is_all_there).unwrap();
    assert!(restarted.first_correct_answer >= restarted.ready);
    system.stop().unwrap();
    system.restart(is_all_there).unwrap();
    let after = system.account().unwrap();
    assert!(after.cpu_seconds > dead.cpu_seconds, "{after:?} after {dead:?}");

    let sampled = sampler.finish();
    assert!(sampled.len() > 5, "{sampled:?}");
    let rising = |pair: &[vigie_systems::AccountSample]| {
        pair[0].at_seconds < pair[1].at_seconds && pair[0].account.cpu_seconds <= pair[1].account.cpu_seconds
    };
    assert!(sampled.windows(2).all(rising), "{sampled:?}");
}

fn write(system: &System, end_ms: i64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let client = WriteClient::new(&system.write_url(), 4, DEADLINE).unwrap();
    for request in 0..REQUESTS {
        let t = end_ms - i64::from(REQUESTS - 1 - request) * 1000;
        let series: Vec<Series> = (0..SERIES)
            .map(|number| {
                let labels = [
                    ("__name__", "vigie_loadtest_life"),
                    ("number", &*number.to_string()),
                ];
                Series::new(&labels, &[(t, f64::from(number * request))])
            })
            .collect();
        let body = Bytes::from(snappy(&encode_request(&series)).unwrap());
        let ack = runtime
            .block_on(client.send(body, Protocol::V1, system.default_tenant()))
            .unwrap();
        assert!(ack.is_success(), "{ack:?}");
    }
}

#[test]
fn vigie_lives_on() {
    check_life(SystemKind::Vigie);
}

#[test]
fn vigie_relaxed_lives_on() {
    check_life(SystemKind::VigieRelaxed);
}

#[test]
fn prometheus_lives_on() {
    check_life(SystemKind::Prometheus);
}

#[test]
fn victoria_metrics_lives_on() {
    check_life(SystemKind::VictoriaMetrics);
}

#[test]
fn mimir_lives_on() {
    check_life(SystemKind::Mimir);
}
