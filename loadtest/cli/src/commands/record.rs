use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use vigie_loadtest::progress::Progress;
use vigie_loadtest::recording::{Exporter, RecordOptions, record, save};
use vigie_workload::Millis;

use super::output::stop_on_interrupt;
use super::run::parse_duration;

/// Records real exporters into files, one each, that `replay` and scenarios (`recording: {file, hosts}`) multiply.
///
/// Ends after --duration or --scrapes, or with Ctrl-C, which keeps what is there. Record an hour or more, at the interval
/// at which it is to be replayed: values go on as they went in the recording.
#[derive(Debug, Args)]
pub(super) struct Record {
    /// Pages of exporters; JOB becomes the label `job`, by default `recorded`.
    #[arg(value_name = "[JOB=]URL", required = true)]
    exporters: Vec<Exporter>,

    /// The file; with several exporters a folder, which gets JOB.recording of each.
    #[arg(long, short, value_name = "PATH")]
    out: PathBuf,

    /// Pause from one scrape to the next.
    #[arg(long, default_value = "15s", value_name = "DURATION", value_parser = parse_duration)]
    interval: Millis,

    /// How long to record.
    #[arg(long, default_value = "1h", value_name = "DURATION", value_parser = parse_duration)]
    duration: Millis,

    /// How many scrapes, in place of --duration.
    #[arg(long, value_name = "N", conflicts_with = "duration")]
    scrapes: Option<u64>,

    /// Replace files that are there.
    #[arg(long)]
    overwrite: bool,
}

impl Record {
    pub(super) fn run(self) -> Result<ExitCode> {
        ensure!(
            (100..=86_400_000).contains(&self.interval.0),
            "--interval is {}; it must be between 100ms and 1d",
            self.interval
        );
        let of_duration = (self.duration.0 / self.interval.0).unsigned_abs() + 1;
        let files = self.files()?;
        let progress = Progress::new();
        let stop = stop_on_interrupt(&progress)?;
        let options = RecordOptions {
            exporters: self.exporters,
            interval: Duration::from_millis(self.interval.0.unsigned_abs()),
            scrapes: self.scrapes.unwrap_or(of_duration),
        };
        let recordings = record(&options, &stop, &progress)?;
        for (recording, file) in recordings.iter().zip(&files) {
            ensure!(!recording.times_ms.is_empty(), "nothing was recorded");
            save(recording, file, &progress)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// One for each exporter; none is there unless it may be replaced.
    fn files(&self) -> Result<Vec<PathBuf>> {
        let files: Vec<PathBuf> = match &*self.exporters {
            [_] => vec![self.out.clone()],
            several => several
                .iter()
                .map(|exporter| self.out.join(format!("{}.recording", exporter.job)))
                .collect(),
        };
        for (index, file) in files.iter().enumerate() {
            ensure!(
                !files[..index].contains(file),
                "two exporters have the job {:?}; give each its own, as in node=URL",
                self.exporters[index].job
            );
            let is_there = file
                .try_exists()
                .with_context(|| format!("look for {}", file.display()))?;
            ensure!(
                self.overwrite || !is_there,
                "{} is there already; name another file, or give --overwrite",
                file.display()
            );
        }
        Ok(files)
    }
}
