//! Limits of tenants and pairs of replicas, at a running server whose file of limits changes.

#![expect(clippy::unwrap_used, reason = "in a test a failed step is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use vigie_e2e::{Api, Layout, Series, Target, TargetOptions, WriteClient, encode_labels, snappy, wait_until};

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

    /// Writes native histograms of one series, which has no floats.
    #[track_caller]
    fn check_histograms(&self, labels: &[(&str, &str)], histograms: i64, status: u16, text: &str) {
        let mut series = Vec::new();
        encode_labels(labels.iter().copied(), &mut series);
        for at in 0..histograms {
            let histogram = histogram(self.now_ms + at, at as u64);
            series.extend([4 << 3 | 2, histogram.len() as u8]);
            series.extend(histogram);
        }
        let mut request = vec![1 << 3 | 2];
        uvarint(series.len() as u64, &mut request);
        request.extend(series);
        let answer = self.writer.send_body(snappy(&request).unwrap()).unwrap();
        assert_eq!(answer.status, status, "{}", answer.body);
        assert!(
            answer.body.contains(text),
            "{:?} does not say {text:?}",
            answer.body
        );
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

/// A message with nothing but a count, all of it in the zero bucket.
fn histogram(timestamp_ms: i64, count: u64) -> Vec<u8> {
    let mut message = Vec::new();
    for (field, value) in [(1, count), (6, count), (15, timestamp_ms as u64)] {
        message.push(field << 3);
        uvarint(value, &mut message);
    }
    message
}

fn uvarint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[test]
fn rules_hold_for_series_of_histograms() {
    let server = Server::start("overrides: {anonymous: {accept_ha_samples: true}}");
    let of = |replica| {
        [
            ("__name__", "native"),
            ("__replica__", replica),
            ("cluster", "eu"),
        ]
    };
    server.check_histograms(&of("a"), 2, 204, "");
    server.check_histograms(&of("b"), 5, 202, "");
    let stored = server
        .api
        .instant("count_over_time(native[1h])", server.now_ms + 1000);
    let stored = format!("{:?}", stored.unwrap().series);
    assert!(
        stored.contains("\"2\"") && !stored.contains("__replica__"),
        "{stored}"
    );
    // Histograms are samples.
    let plain = [("__name__", "rated"), ("job", "a")];
    server.change(
        "defaults: {ingestion_rate: 10, ingestion_burst_size: 100, max_label_names_per_series: 1}",
        &plain,
        400,
    );
    server.check_histograms(&plain, 1, 400, "err-mimir-max-label-names-per-series");
    server.check_histograms(&plain[..1], 100, 429, "err-mimir-tenant-max-ingestion-rate");
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
