//! Limits of tenants and pairs of replicas, at a running server whose file of limits changes.

#![expect(clippy::unwrap_used, reason = "in a test a failed step is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use vigie_e2e::{Api, Layout, Series, Target, TargetOptions, WriteClient, wait_until};

struct Server {
    writer: WriteClient,
    api: Api,
    /// Of the process that receives writes.
    write_api: Api,
    limits_file: PathBuf,
    now_ms: i64,
    _target: Target,
    _dir: tempfile::TempDir,
}

impl Server {
    fn start(limits: &str) -> Server {
        let dir = tempfile::tempdir().unwrap();
        let limits_file = dir.path().join("limits.yml");
        fs::write(&limits_file, limits).unwrap();
        let binary = Path::new(env!("CARGO_BIN_EXE_vigie"));
        let mut options = TargetOptions::new(Layout::Roles, binary, dir.path());
        options.write_args = vec![
            format!("--runtime-config.file={}", limits_file.display()),
            "--runtime-config.reload-period=20ms".to_owned(),
        ];
        let target = Target::start(&options).unwrap();
        Server {
            writer: target.writer().unwrap(),
            api: target.api().unwrap(),
            write_api: Api::new(target.write_url().strip_suffix("/api/v1/write").unwrap()).unwrap(),
            limits_file,
            now_ms: SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64,
            _target: target,
            _dir: dir,
        }
    }

    /// Writes samples of one series, and returns status and text.
    fn write(&self, labels: &[(&str, &str)], samples: i64) -> (u16, String) {
        let samples: Vec<(i64, f64)> = (0..samples).map(|at| (self.now_ms + at, at as f64)).collect();
        let answer = self.writer.send(&[Series::new(labels, &samples)]).unwrap();
        (answer.status, answer.body)
    }

    #[track_caller]
    fn check(&self, labels: &[(&str, &str)], samples: i64, status: u16, text: &str) {
        let (found, body) = self.write(labels, samples);
        assert_eq!(found, status, "{body}");
        assert!(body.contains(text), "{body:?} does not say {text:?}");
    }

    /// Changes the file and waits until a write is answered with `status`.
    #[track_caller]
    fn change(&self, limits: &str, labels: &[(&str, &str)], status: u16) {
        fs::write(&self.limits_file, limits).unwrap();
        wait_until("the limits change", Duration::from_secs(30), || {
            Ok(self.write(labels, 1).0 == status)
        })
        .unwrap();
    }

    /// The series of a name, as label sets in text.
    fn series(&self, name: &str) -> Vec<String> {
        let data = self.api.instant(name, self.now_ms + 1000).unwrap();
        let mut series: Vec<String> = data
            .series
            .iter()
            .map(|series| format!("{:?}", series.0))
            .collect();
        series.sort();
        series
    }
}

#[test]
fn one_replica_of_a_pair_is_stored() {
    let server = Server::start("overrides: {anonymous: {accept_ha_samples: true}}");
    let of = |replica| [("__name__", "pair"), ("__replica__", replica), ("cluster", "eu")];
    server.check(&of("a"), 2, 204, "");
    server.check(&of("b"), 3, 202, "");
    server.check(&of("a"), 2, 204, "");
    let series = server.series("pair");
    assert_eq!(series.len(), 1, "{series:?}");
    assert!(!series[0].contains("__replica__"), "{series:?}");
    // Without de-duplication the replica is a label like others, for series known before too.
    server.change("", &of("b"), 204);
    server.check(&of("a"), 2, 204, "");
    assert_eq!(server.series("pair").len(), 3);
}

#[test]
fn rates_and_label_limits_hold_and_change() {
    let server = Server::start("defaults: {ingestion_rate: 10, ingestion_burst_size: 100}");
    let plain = [("__name__", "rated"), ("job", "a")];
    server.check(&plain, 100, 204, "");
    server.check(&plain, 100, 429, "err-mimir-tenant-max-ingestion-rate");
    server.change(
        "defaults: {max_label_names_per_series: 1}",
        &[("__name__", "x"), ("job", "b")],
        400,
    );
    server.check(
        &[("__name__", "y"), ("job", "c")],
        1,
        400,
        "err-mimir-max-label-names-per-series",
    );
    server.check(&[("__name__", "z")], 1, 204, "");
    // A file that cannot be read changes nothing.
    fs::write(&server.limits_file, "defaults: {max_label: 1}").unwrap();
    wait_until("the file is found wrong", Duration::from_secs(30), || {
        let gauge = server
            .write_api
            .own_metric("vigie_runtime_config_last_reload_successful")?;
        Ok(gauge == Some(0.0))
    })
    .unwrap();
    server.check(
        &[("__name__", "y"), ("job", "c")],
        1,
        400,
        "err-mimir-max-label-names-per-series",
    );
}
