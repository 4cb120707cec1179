use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use vigie_e2e::{Api, Layout, Series, Target, TargetOptions, WriteClient};

/// A running server and what a test does with it.
pub(crate) struct Server {
    pub(crate) target: Target,
    pub(crate) writer: WriteClient,
    pub(crate) api: Api,
    /// When the test began: the time of its samples.
    pub(crate) now_ms: i64,
    good_writes: i64,
    _dir: tempfile::TempDir,
}

impl Server {
    /// One process that scrapes nothing.
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    pub(crate) fn start_with(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let binary = Path::new(env!("CARGO_BIN_EXE_vigie"));
        let mut options = TargetOptions::new(Layout::AllInOne, binary, dir.path());
        options.config = config.to_owned();
        let target = Target::start(&options).unwrap();
        let (writer, api) = (target.writer().unwrap(), target.api().unwrap());
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        Self {
            target,
            writer,
            api,
            now_ms,
            good_writes: 0,
            _dir: dir,
        }
    }

    /// Writes `series` and wants this status, and this text somewhere in the answer.
    #[track_caller]
    pub(crate) fn check_write(&mut self, what: &str, series: &[Series], status: u16, text: &str) {
        let answer = self.writer.send(series).unwrap();
        assert_eq!(answer.status, status, "{what}: {}", answer.body);
        assert!(
            answer.body.contains(text),
            "{what}: {:?} does not say {text:?}",
            answer.body
        );
        self.check_goes_on(what);
    }

    /// The number of series `query` finds at the test's time.
    #[track_caller]
    pub(crate) fn check_series(&self, query: &str, count: usize) {
        let data = self.api.instant(query, self.now_ms + 1000).unwrap();
        assert_eq!(data.series.len(), count, "{query} finds {:?}", data.series);
    }

    /// After whatever was done to it, the server takes a good sample and gives it back.
    #[track_caller]
    pub(crate) fn check_goes_on(&mut self, after: &str) {
        self.target.check_running().unwrap();
        self.good_writes += 1;
        let (t, value) = (self.now_ms + self.good_writes, self.good_writes as f64);
        let answer = self
            .writer
            .send(&[Series::new(&[("__name__", "good_sample")], &[(t, value)])])
            .unwrap();
        assert_eq!(
            answer.status / 100,
            2,
            "a good write after {after}: {}",
            answer.body
        );
        let shown = self.api.instant("good_sample", t).unwrap().only_value().unwrap();
        assert_eq!(shown, value, "a good query after {after}");
    }

    pub(crate) fn peak_resident_bytes(&self) -> u64 {
        self.target.stat().unwrap().peak_resident_bytes
    }
}
