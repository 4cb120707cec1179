//! A disk that fails or fills up under a running server: it says so, acknowledges nothing more, and what it acknowledged
//! is there once the disk works again.

#![expect(clippy::unwrap_used, reason = "in a test a failed step is a failed test")]

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use vigie_e2e::{Layout, PowerLoss, Rng, Series, ShimOptions, Target, TargetOptions};

const BATCHES: u32 = 2_000;
const SERIES_PER_BATCH: u32 = 50;

#[test]
fn failed_syncs() {
    for sync_fails_at in [3, 200] {
        check(ShimOptions {
            sync_fails_at,
            ..ShimOptions::default()
        });
    }
}

#[test]
fn full_disk() {
    for full_after_bytes in [64 << 10, 2 << 20] {
        check(ShimOptions {
            full_after_bytes,
            ..ShimOptions::default()
        });
    }
}

/// Writes until the fault shows, takes it away together with the power, and reads back.
#[track_caller]
fn check(fault: ShimOptions) {
    let dir = tempfile::tempdir().unwrap();
    let mut options = TargetOptions::new(
        Layout::AllInOne,
        Path::new(env!("CARGO_BIN_EXE_vigie")),
        dir.path(),
    );
    options.write_args = vec!["--storage.checkpoint-log-bytes=256KB".to_owned()];
    let mut target = Target::start(&options).unwrap();
    target.kill9(&[]).unwrap();
    let power = PowerLoss::build(dir.path(), &target.data_dir()).unwrap();
    target.set_env(&power.env(fault));
    // Early faults may end the start already; then nothing was acknowledged.
    let started = target.start_missing().is_ok();
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
    let mut acknowledged = 0;
    if started {
        let writer = target.writer().unwrap();
        for batch in 0..BATCHES {
            // A server that cannot go on may end.
            let Ok(answer) = writer.send(&series_of(batch, now_ms)) else {
                break;
            };
            if answer.status != 204 {
                assert_eq!(answer.status, 503, "{fault:?}: {}", answer.body);
                break;
            }
            acknowledged = batch + 1;
        }
        assert!(acknowledged < BATCHES, "{fault:?} did not show");
        // No later request is acknowledged either.
        if let Ok(answer) = writer.send(&series_of(BATCHES, now_ms)) {
            assert_eq!(answer.status, 503, "{fault:?}: {}", answer.body);
            assert!(
                answer.body.contains(" has stopped: "),
                "{fault:?}: {}",
                answer.body
            );
            let ready = target.scrape_api().unwrap().get("/-/ready").unwrap();
            assert_eq!(ready.status, 503, "{fault:?}");
            assert!(ready.body.contains(" has stopped: "), "{fault:?}: {}", ready.body);
        }
    }
    target.kill9(&[]).unwrap();
    power.strike(&mut Rng::new(u64::from(acknowledged))).unwrap();
    target.set_env(&[]);
    target.start_missing().unwrap();
    let api = target.api().unwrap();
    for batch in 0..acknowledged {
        let query = format!("count(faulty{{batch=\"{batch}\"}} == {batch})");
        let count = api.instant(&query, now_ms + 1000).unwrap().only_value().unwrap();
        assert_eq!(
            count,
            f64::from(SERIES_PER_BATCH),
            "{fault:?}: batch {batch} of {acknowledged}"
        );
    }
    // And it takes samples again.
    let answer = target
        .writer()
        .unwrap()
        .send(&series_of(BATCHES + 1, now_ms))
        .unwrap();
    assert_eq!(answer.status, 204, "{fault:?}: {}", answer.body);
}

fn series_of(batch: u32, now_ms: i64) -> Vec<Series> {
    (0..SERIES_PER_BATCH)
        .map(|number| {
            let (batch_text, number) = (batch.to_string(), number.to_string());
            let labels = [
                ("__name__", "faulty"),
                ("batch", &batch_text),
                ("number", &number),
            ];
            Series::new(&labels, &[(now_ms, f64::from(batch))])
        })
        .collect()
}
