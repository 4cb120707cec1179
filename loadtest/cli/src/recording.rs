//! Recording real exporters: their pages, scraped on a timetable, become files that workloads multiply over hosts.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use hyper::Uri;
use vigie_systems::{Api, Process, free_port, tools_dir};
use vigie_workload::{Recorder, Recording, ScrapedPage};

use crate::progress::{Progress, short_count};

/// How often a waiting recorder looks whether it should stop.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
const MAX_TIMEOUT: Duration = Duration::from_secs(10);
const EXPORTER_START: Duration = Duration::from_secs(20);

/// An exporter's page, written `[JOB=]URL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exporter {
    /// The `job` its series get. Default `recorded`.
    pub job: String,
    pub url: String,
    /// Host and port, the `instance` its series get.
    pub instance: String,
}

impl FromStr for Exporter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A `=` behind the scheme belongs to the URL.
        let (job, url) = match text.split_once('=') {
            Some((job, url)) if !job.contains(':') => (job, url),
            _ => ("recorded", text),
        };
        let refuse =
            || format!("`{text}` is no exporter: write for example node=http://127.0.0.1:9100/metrics");
        let uri: Uri = url.parse().map_err(|_| refuse())?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        let authority = uri.authority().filter(|_| is_http && !job.is_empty());
        Ok(Self {
            job: job.to_owned(),
            url: url.to_owned(),
            instance: authority.ok_or_else(refuse)?.to_string(),
        })
    }
}

/// What is recorded, and for how long.
#[derive(Debug, Clone)]
pub struct RecordOptions {
    pub exporters: Vec<Exporter>,
    pub interval: Duration,
    /// Of each exporter.
    pub scrapes: u64,
}

/// Scrapes all exporters at each interval until there are enough scrapes, or `stop`; one recording for each of them.
/// Every exporter must answer the first time; a later scrape that fails is told, and left out.
pub fn record(options: &RecordOptions, stop: &AtomicBool, progress: &Progress) -> Result<Vec<Recording>> {
    let mut lanes = options
        .exporters
        .iter()
        .map(|exporter| Lane::new(exporter, options.interval))
        .collect::<Result<Vec<_>>>()?;
    let stage = progress.stage("recording", options.scrapes);
    let started = Instant::now();
    for scrape in 0..options.scrapes {
        let due = options.interval * u32::try_from(scrape).context("count so many scrapes")?;
        while started.elapsed() < due && !stop.load(Ordering::Relaxed) {
            std::thread::sleep(LOOK_INTERVAL.min(due.saturating_sub(started.elapsed())));
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
        for lane in &mut lanes {
            match lane.scrape() {
                Ok(()) => {}
                Err(error) if scrape == 0 => return Err(error),
                Err(error) => progress.say(format!("scrape {scrape} is missing: {error:#}")),
            }
        }
        let series: usize = lanes.iter().map(|lane| lane.recorder.series()).sum();
        stage.set(
            scrape + 1,
            format!("scrape {} of {}, {series} series", scrape + 1, options.scrapes),
        );
    }
    drop(stage);
    Ok(lanes.into_iter().map(|lane| lane.recorder.finish()).collect())
}

/// One exporter on its way into a recording.
struct Lane {
    url: String,
    api: Api,
    recorder: Recorder,
}

impl Lane {
    fn new(exporter: &Exporter, interval: Duration) -> Result<Self> {
        let target = BTreeMap::from([
            ("instance".to_owned(), exporter.instance.clone()),
            ("job".to_owned(), exporter.job.clone()),
        ]);
        Ok(Self {
            url: exporter.url.clone(),
            api: Api::with_timeout(&exporter.url, interval.min(MAX_TIMEOUT))?,
            recorder: Recorder::new(&exporter.url, target, usize::MAX),
        })
    }

    fn scrape(&mut self) -> Result<()> {
        // As scrapers have it: a scrape has the time of its beginning.
        let time_ms = now_ms()?;
        let answer = self.api.get("")?;
        let url = &self.url;
        ensure!(answer.status == 200, "{url} answers {}", answer.status);
        let page = ScrapedPage::parse(&answer.body).with_context(|| format!("read the page of {url}"))?;
        ensure!(!page.samples.is_empty(), "the page of {url} has no samples");
        self.recorder
            .add(time_ms, &page)
            .with_context(|| format!("record {url}"))
    }
}

fn now_ms() -> Result<i64> {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("read the clock")?;
    i64::try_from(since.as_millis()).context("read the clock")
}

/// Writes a recording so that there is never half a file under its name, and says what it holds.
pub fn save(recording: &Recording, path: &Path, progress: &Progress) -> Result<()> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(dir).with_context(|| format!("make the folder {}", dir.display()))?;
    let bytes = recording.to_bytes();
    let mut file = tempfile::NamedTempFile::new_in(dir).context("make a file for the recording")?;
    std::io::Write::write_all(&mut file, &bytes).context("write the recording")?;
    file.persist(path)
        .with_context(|| format!("write {}", path.display()))?;
    progress.say(format!(
        "{}: {} scrapes of {} series, every {:.1} s, {} bytes",
        path.display(),
        recording.times_ms.len(),
        recording.series.len(),
        mean_interval_ms(recording).unwrap_or(0) as f64 / 1000.0,
        short_count(bytes.len() as f64),
    ));
    Ok(())
}

/// Reads a recording.
pub fn open(path: &Path) -> Result<Recording> {
    let bytes = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
    Recording::from_bytes(&bytes).with_context(|| format!("read {}", path.display()))
}

/// Mean pause between two scrapes; `None` if there are none.
pub fn mean_interval_ms(recording: &Recording) -> Option<i64> {
    let (first, last) = (recording.times_ms.first()?, recording.times_ms.last()?);
    let intervals = i64::try_from(recording.times_ms.len() - 1).ok()?;
    (intervals > 0).then(|| (last - first + intervals / 2) / intervals)
}

/// Starts the node_exporter of `make tools-node-exporter` on loopback, records this machine into `file`, and ends it.
pub fn record_this_machine(
    file: &Path,
    interval: Duration,
    scrapes: u64,
    stop: &AtomicBool,
    progress: &Progress,
) -> Result<()> {
    let program = tools_dir().join("node_exporter");
    ensure!(
        program.is_file(),
        "{} is missing: build it with `make tools-node-exporter`",
        program.display()
    );
    let minutes = (interval * u32::try_from(scrapes).unwrap_or(u32::MAX)).as_secs_f64() / 60.0;
    progress.say(format!(
        "{} is missing: recording this machine's node_exporter, which takes {minutes:.0} minutes",
        file.display()
    ));
    let dir = tempfile::tempdir().context("make a folder")?;
    let url = format!("http://127.0.0.1:{}/metrics", free_port()?);
    let exporter = format!("node={url}")
        .parse::<Exporter>()
        .map_err(anyhow::Error::msg)?;
    let args = [
        format!("--web.listen-address={}", exporter.instance),
        "--log.level=warn".to_owned(),
    ];
    let mut process = Process::spawn("node_exporter", &program, &args, &[], dir.path())?;
    let probe = Api::with_timeout(&url, EXPORTER_START)?;
    process.wait_ready(EXPORTER_START, || Ok(probe.get("")?.status == 200))?;
    let options = RecordOptions {
        exporters: vec![exporter],
        interval,
        scrapes,
    };
    let recordings = record(&options, stop, progress)?;
    process.terminate(EXPORTER_START)?;
    ensure!(!stop.load(Ordering::Relaxed), "recording was interrupted");
    recordings
        .iter()
        .try_for_each(|recording| save(recording, file, progress))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, job: &str, url: &str, instance: &str) {
        let exporter: Exporter = text.parse().unwrap();
        let expected = (job, url, instance);
        assert_eq!((&*exporter.job, &*exporter.url, &*exporter.instance), expected);
    }

    #[test]
    fn exporters_have_a_job_and_an_instance() {
        check(
            "http://h:9100/metrics",
            "recorded",
            "http://h:9100/metrics",
            "h:9100",
        );
        check("node=http://h/m?a=b", "node", "http://h/m?a=b", "h");
        check("http://h/m?a=b", "recorded", "http://h/m?a=b", "h");
        for wrong in [
            "",
            "node",
            "node=",
            "=http://h/",
            "ftp://h/",
            "/metrics",
            "node=h:9100",
        ] {
            assert!(wrong.parse::<Exporter>().is_err(), "{wrong}");
        }
    }
}
