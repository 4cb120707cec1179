//! Pull in place of push: the server scrapes a farm, and what it stored is held against what each target showed.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use vigie_ledger::{Content, Fate, Ledger, Rows, STALE_NAN_BITS, SampleValue, SeriesLabels, SeriesRef};
use vigie_systems::{Api, own_cpu_seconds, wait_until};
use vigie_workload::ScrapedPage;

use super::drive::Driver;
use super::write::{Moment, Written, interval, note};
use crate::ask::LiveCut;
use crate::data::LedgerFile;
use crate::farm::{Farm, FarmTarget, Pages, Shown};
use crate::progress::short_count;
use crate::send::Stretch;

const LOOK_INTERVAL: Duration = Duration::from_millis(50);
const INTERVAL: Duration = Duration::from_secs(1);
/// Beyond the scenario's rounds: servers find targets when they look, and spread them over the interval.
const PATIENCE: Duration = Duration::from_secs(90);

impl Driver<'_> {
    /// Opens the farm until every target was scraped as often as the scenario says.
    pub(super) fn scrape(&mut self, farm: &Farm) -> Result<Written> {
        let data = self.plan.data();
        let rounds = usize::try_from(data.rounds.unwrap_or(1)).context("count the scrapes")?;
        let system = self.target.own("scraping")?;
        let pages = farm.pages();
        let deadline = Duration::from_millis(data.interval.0.unsigned_abs()) * (rounds as u32 + 2) + PATIENCE;
        let stage = self
            .options
            .progress
            .stage(format!("{}: scraping", self.target.name()), rounds as u64);
        let own_before = own_cpu_seconds()?;
        let mut written = Written::default();
        let mut before = Moment::now(self.target, None)?;
        let (started, mut seen) = (Instant::now(), pages.totals());
        pages.set_open(true);
        loop {
            while before.at.elapsed() < INTERVAL && pages.fewest_scrapes() < rounds {
                std::thread::sleep(LOOK_INTERVAL);
            }
            let fewest = pages.fewest_scrapes();
            let is_over = fewest >= rounds || self.options.stop.load(Ordering::Relaxed);
            if is_over {
                pages.set_open(false);
            }
            let after = Moment::now(self.target, None)?;
            let now = pages.totals();
            let mut stretch = Stretch::default();
            stretch.counts.acked_requests = now.scrapes - seen.scrapes;
            stretch.counts.acked_samples = now.samples - seen.samples;
            stretch.counts.acked_bytes = now.bytes - seen.bytes;
            let cut = interval(started.elapsed(), &before, &after, &stretch, &LiveCut::default());
            stage.set(fewest as u64, note(&cut, &after));
            written.intervals.push(cut);
            written.total.add(&stretch);
            (before, seen) = (after, now);
            if is_over {
                break;
            }
            farm.check_running()?;
            system.check_running().context("while it scraped")?;
            ensure!(
                started.elapsed() < deadline,
                "after {deadline:?} a target has been scraped {fewest} times of {rounds}"
            );
        }
        written.elapsed = started.elapsed();
        written.generator_cpu_seconds = own_cpu_seconds()? - own_before;
        Ok(written)
    }

    /// Writes a ledger of what the targets showed, at the times at which the server says it scraped them: each page
    /// that was shown must belong to one sample of `up`, and each `up` of 1 to a page.
    pub(super) fn write_down_scrapes(&mut self, farm: &Farm, dir: &Path) -> Result<LedgerFile> {
        let pages = farm.pages();
        // Only then are the stale markers written, of which the ledger must know.
        let patience = Duration::from_millis(self.plan.data().interval.0.unsigned_abs()) * 2 + PATIENCE;
        wait_until("a scrape of every closed target", patience, || {
            Ok(pages.all_were_refused())
        })?;
        self.target.own("scraping")?.show_written()?;
        let ups = ups(self.target.api(), pages)?;
        let path: PathBuf = dir.join("ledger");
        let ledger = Ledger::create(&path, &format!("{}, scraped", self.plan.scenario.name))?;
        let tolerance_ms = self.plan.data().interval.0 / 2;
        let stage = self.options.progress.stage(
            format!("{}: writing down what was shown", self.target.name()),
            pages.targets().len() as u64,
        );
        let mut failed = 0;
        for (number, target) in pages.targets().iter().enumerate() {
            let none = Vec::new();
            let own_ups = ups.get(&key(&target.labels)).unwrap_or(&none);
            let scrapes = pair(&target.shown(), own_ups, tolerance_ms)
                .with_context(|| format!("find what was scraped from {:?}", target.labels))?;
            let mut writer = PageWriter {
                ledger: &ledger,
                target,
                shown: HashSet::new(),
            };
            for scrape in scrapes {
                match scrape {
                    Scrape::Stored { time_ms, round } => writer.write(time_ms, Some(round))?,
                    Scrape::Closed { time_ms } => writer.write(time_ms, None)?,
                    Scrape::Failed { time_ms } => {
                        failed += 1;
                        writer.write(time_ms, None)?;
                    }
                }
            }
            stage.set(number as u64 + 1, "");
        }
        drop(stage);
        if failed > 0 {
            self.run.totals.requests_failed += failed;
            self.run.remarks.push(format!(
                "{failed} pages were shown of which the server says that the scrape failed: it has stored none of them"
            ));
        }
        let totals = ledger.close()?;
        self.say(format!(
            "{} samples of {} series were shown in {} scrapes",
            short_count(totals.rows as f64),
            totals.series,
            totals.requests
        ));
        Ok(LedgerFile { tenant: None, path })
    }
}

/// By `instance` and `job`.
type TargetKey = (String, String);

fn key(labels: &[(String, String)]) -> TargetKey {
    let value = |name: &str| -> String {
        labels
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
            .unwrap_or_default()
    };
    (value("instance"), value("job"))
}

/// The samples of `up` of each target.
fn ups(api: &Api, pages: &Pages) -> Result<HashMap<TargetKey, Vec<(i64, f64)>>> {
    const MARGIN_MS: i64 = 60_000;
    let shown = || pages.targets().iter().flat_map(FarmTarget::shown);
    let (Some(first), Some(last)) = (
        shown().map(|shown| shown.at_ms).min(),
        shown().map(|shown| shown.at_ms).max(),
    ) else {
        bail!("nothing was scraped");
    };
    let series = api.samples("up", first - MARGIN_MS, last + MARGIN_MS)?;
    let of_targets = series.into_iter().map(|series| {
        let labels: Vec<(String, String)> = series.labels.into_iter().collect();
        (key(&labels), series.samples)
    });
    Ok(of_targets.collect())
}

/// What a server made of a page that it was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scrape {
    /// Under this time.
    Stored { time_ms: i64, round: u64 },
    /// It says so itself, by an `up` of 0: it was cut off, or came too late.
    Failed { time_ms: i64 },
    /// An `up` of 0 to which no page belongs: the farm was closed.
    Closed { time_ms: i64 },
}

/// Gives each page the sample of `up` that is nearest to it; both ascend.
fn pair(shown: &[Shown], ups: &[(i64, f64)], tolerance_ms: i64) -> Result<Vec<Scrape>> {
    let mut scrapes = Vec::new();
    let mut ups = ups.iter().copied().peekable();
    for page in shown {
        loop {
            let Some((time_ms, up)) = ups.next() else {
                bail!("the page shown at {} has no sample of `up`", page.at_ms);
            };
            let away_ms = (time_ms - page.at_ms).abs();
            let next_is_nearer = ups
                .peek()
                .is_some_and(|(next_ms, _)| (next_ms - page.at_ms).abs() < away_ms);
            if away_ms <= tolerance_ms && !next_is_nearer {
                scrapes.push(if up == 1.0 {
                    Scrape::Stored {
                        time_ms,
                        round: page.round,
                    }
                } else {
                    Scrape::Failed { time_ms }
                });
                break;
            }
            scrapes.push(without_page(time_ms, up)?);
        }
    }
    for (time_ms, up) in ups {
        scrapes.push(without_page(time_ms, up)?);
    }
    Ok(scrapes)
}

fn without_page(time_ms: i64, up: f64) -> Result<Scrape> {
    ensure!(up == 0.0, "`up` is {up} at {time_ms}, when no page was shown");
    Ok(Scrape::Closed { time_ms })
}

/// Writes down the scrapes of one target, in order.
struct PageWriter<'a> {
    ledger: &'a Ledger,
    target: &'a FarmTarget,
    /// Series of the last scrape.
    shown: HashSet<SeriesRef>,
}

impl PageWriter<'_> {
    /// The page of a round, with the labels that a scraper adds, or none. Series that were there at the scrape before and
    /// are no more get a stale marker, which some servers show as NaN and others not at all.
    fn write(&mut self, time_ms: i64, round: Option<u64>) -> Result<()> {
        let page = match round {
            None => ScrapedPage::default(),
            Some(round) => {
                ScrapedPage::parse(&self.target.page_of(round)?).context("read a page of the farm")?
            }
        };
        let mut shown = HashSet::with_capacity(page.samples.len());
        let mut rows = Rows::default();
        for sample in page.samples {
            let labels = sample
                .labels
                .into_iter()
                .chain(self.target.labels.iter().cloned());
            let series = self.ledger.series(&SeriesLabels::new(labels))?;
            rows.push(series, time_ms, SampleValue::float(sample.value));
            shown.insert(series);
        }
        if !rows.is_empty() {
            let request = self.ledger.begin(Content::Rows(&rows), None)?;
            self.ledger.settle(request, &Fate::Acked)?;
        }
        rows.clear();
        for series in self.shown.difference(&shown) {
            rows.push(*series, time_ms, SampleValue::Float(STALE_NAN_BITS));
        }
        if !rows.is_empty() {
            let request = self.ledger.begin(Content::Rows(&rows), None)?;
            self.ledger.settle(request, &Fate::Unknown)?;
        }
        self.shown = shown;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOWN: [Shown; 2] = [
        Shown {
            at_ms: 1_005,
            round: 0,
        },
        Shown {
            at_ms: 6_004,
            round: 1,
        },
    ];

    #[track_caller]
    fn check(ups: &[(i64, f64)], expected: Result<&[Scrape], &str>) {
        let paired = pair(&SHOWN, ups, 2_500).map_err(|error| error.to_string());
        match (paired, expected) {
            (Ok(found), Ok(scrapes)) => assert_eq!(found, scrapes),
            (Err(found), Err(text)) => assert!(found.contains(text), "{found}"),
            (paired, expected) => panic!("{paired:?} in place of {expected:?}"),
        }
    }

    #[test]
    fn pages_and_samples_of_up_belong_together() {
        let first = Scrape::Stored {
            time_ms: 1_000,
            round: 0,
        };
        let second = Scrape::Stored {
            time_ms: 6_000,
            round: 1,
        };
        check(&[(1_000, 1.0), (6_000, 1.0)], Ok(&[first, second]));
        let closed = |time_ms| Scrape::Closed { time_ms };
        check(
            &[(-4_000, 0.0), (1_000, 1.0), (6_000, 1.0), (11_000, 0.0)],
            Ok(&[closed(-4_000), first, second, closed(11_000)]),
        );
        let failed = Scrape::Failed { time_ms: 6_000 };
        check(&[(1_000, 1.0), (6_000, 0.0)], Ok(&[first, failed]));
        check(&[(1_000, 1.0)], Err("the page shown at 6004 has no"));
        check(&[(6_000, 1.0)], Err("`up` is 1 at 6000"));
        check(
            &[(1_000, 1.0), (6_000, 1.0), (11_000, 1.0)],
            Err("`up` is 1 at 11000"),
        );
        check(
            &[(-4_000, 1.0), (1_000, 1.0), (6_000, 1.0)],
            Err("`up` is 1 at -4000"),
        );
    }
}
