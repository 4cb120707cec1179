use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use vigie_systems::{Api, wait_until};

const DEADLINE: Duration = Duration::from_secs(60);

/// Waits until a Prometheus has passed on by remote write everything up to `until_ms`. It must have lost nothing: the
/// named counters of its remote storage have to be 0.
pub fn wait_until_sent(sender: &Api, until_ms: i64, losses: &[&str]) -> Result<()> {
    let metric = |name: &str| sender.own_metric(&format!("prometheus_remote_storage_{name}{{"));
    wait_until(
        "the sender's queue to pass the end of the comparison",
        DEADLINE,
        || {
            let sent_until =
                metric("queue_highest_sent_timestamp_seconds")?.context("find the sender's progress")?;
            Ok(sent_until * 1000.0 > until_ms as f64)
        },
    )?;
    for name in losses {
        // A counter that has never counted is not shown.
        let lost = metric(name)?.unwrap_or(0.0);
        ensure!(lost == 0.0, "the sender has lost {lost} samples ({name})");
    }
    Ok(())
}

/// Milliseconds since the Unix epoch.
pub fn now_ms() -> Result<i64> {
    Ok(SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("read the clock")?
        .as_millis() as i64)
}
