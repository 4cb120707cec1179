use std::path::Path;

use anyhow::{Context, Result};
use vigie_ledger::{MatchKind, Matcher, Verdict, VerifyOptions, verify};
use vigie_systems::Api;
use vigie_workload::{ShapeSpec, Workload, WorkloadSpec};

use crate::data::{ApiReader, Regenerator};
use crate::progress::{Progress, short_count};

/// Compares a ledger of this workload with what a server shows of it. Where the server scraped it, series that it makes
/// itself of every scrape are left out.
pub fn read_back(
    ledger: &Path,
    workload: Workload,
    is_scraped: bool,
    api: Api,
    title: &str,
    progress: &Progress,
) -> Result<Verdict> {
    let stage = progress.stage(title, 1000);
    let mut options = verify_options(workload.spec());
    if is_scraped {
        let own = Matcher::new("__name__", MatchKind::NotRegex, "up|scrape_.+");
        options.scope.push(own);
    }
    let verdict = verify(
        ledger,
        &options,
        Some(&mut Regenerator::new(workload)),
        &mut ApiReader::new(api),
        &mut |progress| {
            let done = 1000 * progress.batches_done / progress.batches.max(1);
            let read = short_count(progress.samples_read as f64);
            stage.set(done as u64, format!("{read} samples, {} faults", progress.faults));
        },
    );
    verdict.context("read back what was stored")
}

/// Batches of some hundred thousand samples: by the label that divides the workload's series evenly.
fn verify_options(data: &WorkloadSpec) -> VerifyOptions {
    /// The most samples of one answer.
    const MAX_SAMPLES: i64 = 2_000_000;
    let (label, series) = match data.shapes.as_slice() {
        // The largest pages that exporters of hosts have.
        [ShapeSpec::Recording { .. }] => ("instance", 2000),
        [ShapeSpec::TsbsCpu { .. }] => ("hostname", 10),
        [ShapeSpec::NodeExporter { series_per_host, .. }] => ("instance", i64::from(*series_per_host)),
        [ShapeSpec::K6 { .. }] => ("__name__", 1000),
        [
            ShapeSpec::Avalanche {
                series_per_metric, ..
            },
        ] => ("__name__", i64::from(*series_per_metric)),
        _ => ("__name__", 20_000),
    };
    let window_ms = (MAX_SAMPLES / series.max(1)).max(1) * data.interval.0;
    VerifyOptions {
        scope: vec![
            Matcher::new("__name__", MatchKind::Regex, ".+"),
            Matcher::new("__name__", MatchKind::NotEqual, "vigie_loadtest_probe"),
        ],
        batch_label: label.to_owned(),
        window_ms: window_ms.min(VerifyOptions::default().window_ms),
        ..VerifyOptions::default()
    }
}
