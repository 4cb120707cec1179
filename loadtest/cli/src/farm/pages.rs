use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use bytes::Bytes;
use parking_lot::Mutex;
use vigie_workload::{Exposition, Workload};

/// What all targets of a farm show, and what each has shown to whom asked.
#[derive(Debug)]
pub struct Pages {
    targets: Vec<FarmTarget>,
    interval: Duration,
    started: Instant,
    /// Of `started`, since the epoch.
    started_ms: i64,
    /// Whether what was shown is kept; without an end it would fill the memory.
    keeps: bool,
    is_open: AtomicBool,
    scrapes: AtomicU64,
    samples: AtomicU64,
    bytes: AtomicU64,
}

/// One target.
#[derive(Debug)]
pub struct FarmTarget {
    /// `instance` and `job`, as far as it has them.
    pub labels: Vec<(String, String)>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    page: Exposition,
    shown: Vec<Shown>,
    /// How often it was asked for after the last page, while the farm was closed.
    refused: u64,
}

/// A page as it was shown once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// When it was asked for, in milliseconds since the epoch.
    pub at_ms: i64,
    /// The round of the workload that it showed.
    pub round: u64,
}

/// Sums since the beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FarmTotals {
    pub scrapes: u64,
    pub samples: u64,
    pub bytes: u64,
}

impl Pages {
    /// Values change at each of the workload's intervals. `keeps` is for [`FarmTarget::shown`].
    pub(super) fn new(workload: &Workload, keeps: bool) -> Result<Self> {
        let targets = workload.expositions().map(|page| FarmTarget {
            labels: page.target_labels().to_vec(),
            state: Mutex::new(State {
                page,
                shown: Vec::new(),
                refused: 0,
            }),
        });
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .context("read the clock")?;
        Ok(Self {
            targets: targets.collect(),
            interval: Duration::from_millis(workload.spec().interval.0.unsigned_abs()),
            started: Instant::now(),
            started_ms: i64::try_from(now.as_millis()).context("read the clock")?,
            keeps,
            is_open: AtomicBool::new(false),
            scrapes: AtomicU64::new(0),
            samples: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        })
    }

    pub fn targets(&self) -> &[FarmTarget] {
        &self.targets
    }

    /// From now on targets answer with pages, or with 503.
    pub fn set_open(&self, is_open: bool) {
        self.is_open.store(is_open, Ordering::Release);
    }

    /// The present page of a target; `None` while the farm is closed, and for a target there is not.
    pub(super) fn show(&self, target: usize) -> Option<Bytes> {
        let target = self.targets.get(target)?;
        let mut state = target.state.lock();
        // Looked at under the lock: who closes the farm and then takes the lock sees all that was ever shown.
        if !self.is_open.load(Ordering::Acquire) {
            state.refused += 1;
            return None;
        }
        state.refused = 0;
        let since = self.started.elapsed();
        let shown = Shown {
            at_ms: self.started_ms + i64::try_from(since.as_millis()).ok()?,
            round: u64::try_from(since.as_nanos() / self.interval.as_nanos().max(1)).ok()?,
        };
        let mut page = Vec::new();
        state.page.render(shown.round, &mut page);
        if self.keeps {
            state.shown.push(shown);
        }
        self.scrapes.fetch_add(1, Ordering::Relaxed);
        self.samples
            .fetch_add(state.page.series() as u64, Ordering::Relaxed);
        self.bytes.fetch_add(page.len() as u64, Ordering::Relaxed);
        Some(page.into())
    }

    pub fn totals(&self) -> FarmTotals {
        FarmTotals {
            scrapes: self.scrapes.load(Ordering::Relaxed),
            samples: self.samples.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// What all targets show has so many series.
    pub fn series(&self) -> usize {
        self.targets
            .iter()
            .map(|target| target.state.lock().page.series())
            .sum()
    }

    /// Whether every target was asked for twice since the farm was closed: by the second time a scraper has written down
    /// what it made of the first.
    pub fn all_were_refused(&self) -> bool {
        self.targets.iter().all(|target| target.state.lock().refused > 1)
    }

    /// Scrapes of the target that was scraped least; needs `keeps`.
    pub fn fewest_scrapes(&self) -> usize {
        let counts = self.targets.iter().map(|target| target.state.lock().shown.len());
        counts.min().unwrap_or(0)
    }
}

impl FarmTarget {
    /// All that it has shown, in order.
    pub fn shown(&self) -> Vec<Shown> {
        self.state.lock().shown.clone()
    }

    /// The page of a round again, as it was or would be.
    pub fn page_of(&self, round: u64) -> Result<String> {
        let mut page = Vec::new();
        self.state.lock().page.render(round, &mut page);
        String::from_utf8(page).context("read a page of the farm")
    }
}
