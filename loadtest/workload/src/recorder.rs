//! Collects scrapes into a recording.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::recording::{ABSENT, MAX_VALUES, RecordedSeries, Recording, RecordingError};
use crate::scraped::{ScrapedPage, ScrapedSample};
use crate::series::Family;

/// By ascending name.
type Labels = Vec<(String, String)>;

/// Takes the pages of one target in the order of time.
#[derive(Debug)]
pub struct Recorder {
    source: String,
    target: BTreeMap<String, String>,
    times_ms: Vec<i64>,
    series: BTreeMap<Labels, (Arc<Family>, Vec<u64>)>,
    max_values: usize,
}

impl Recorder {
    /// `source` says to people what is recorded; `target` are the labels a scraper adds: `job` and `instance`.
    /// A recording
    /// has at most `max_values` values, gaps included, and never more than 2^27.
    pub fn new(source: &str, target: BTreeMap<String, String>, max_values: usize) -> Self {
        Self {
            source: source.to_owned(),
            target,
            times_ms: Vec::new(),
            series: BTreeMap::new(),
            max_values: max_values.min(MAX_VALUES as usize),
        }
    }

    /// Adds a scrape. An error leaves the recorder as it was. Times of the page itself are not looked at.
    pub fn add(&mut self, time_ms: i64, page: &ScrapedPage) -> Result<(), RecordingError> {
        if self.times_ms.last().is_some_and(|last| *last >= time_ms) {
            return Err(RecordingError::Unusable(
                "a scrape is not newer than the one before it".into(),
            ));
        }
        let labels: Vec<_> = page.samples.iter().map(|sample| self.labels_of(sample)).collect();
        let new = labels
            .iter()
            .filter(|one| !self.series.contains_key(*one))
            .count();
        let scrapes = self.times_ms.len();
        if (self.series.len() + new) * (scrapes + 1) > self.max_values {
            return Err(RecordingError::Unusable(format!(
                "it would have more than {} values; record for a shorter time",
                self.max_values
            )));
        }
        self.times_ms.push(time_ms);
        for (sample, labels) in page.samples.iter().zip(labels) {
            let (family, bits) = self
                .series
                .entry(labels)
                .or_insert_with(|| (Arc::clone(&sample.family), Vec::new()));
            // Of a series that comes twice on a page the first value counts.
            if bits.len() > scrapes {
                continue;
            }
            // All series of a page share its family, so that the file names it once.
            if **family == *sample.family {
                *family = Arc::clone(&sample.family);
            }
            bits.resize(scrapes, ABSENT);
            bits.push(sample.value.to_bits());
        }
        Ok(())
    }

    /// Those of the page and of the target. One that both have is renamed on the page, as scrapers do.
    fn labels_of(&self, sample: &ScrapedSample) -> Labels {
        let mut labels = sample.labels.clone();
        for (name, value) in &self.target {
            if let Some((known, _)) = labels.iter_mut().find(|(known, _)| known == name) {
                *known = format!("exported_{name}");
            }
            labels.push((name.clone(), value.clone()));
        }
        labels.sort_unstable();
        labels
    }

    /// Scrapes so far.
    pub fn scrapes(&self) -> usize {
        self.times_ms.len()
    }

    /// Series so far.
    pub fn series(&self) -> usize {
        self.series.len()
    }

    pub fn finish(self) -> Recording {
        let scrapes = self.times_ms.len();
        let series = self.series.into_iter().map(|(labels, (family, mut bits))| {
            bits.resize(scrapes, ABSENT);
            RecordedSeries { labels, family, bits }
        });
        Recording {
            source: self.source,
            times_ms: self.times_ms,
            series: series.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_that_come_and_go_have_gaps() {
        let target = BTreeMap::from([
            ("instance".to_owned(), "host:9100".to_owned()),
            ("job".to_owned(), "node".to_owned()),
        ]);
        let mut recorder = Recorder::new("test", target, 8);
        for (time_ms, page) in [
            (1, "a 1\nb{job=\"own\"} 1"),
            (2, "b{job=\"own\"} 2\nb{job=\"own\"} 3"),
            (3, "a NaN"),
        ] {
            recorder.add(time_ms, &ScrapedPage::parse(page).unwrap()).unwrap();
        }
        let empty = ScrapedPage::default();
        assert!(
            recorder
                .add(3, &empty)
                .unwrap_err()
                .to_string()
                .contains("not newer")
        );
        let two = ScrapedPage::parse("a 1\nc 1").unwrap();
        assert!(
            recorder
                .add(4, &two)
                .unwrap_err()
                .to_string()
                .contains("more than 8")
        );
        assert_eq!((recorder.scrapes(), recorder.series()), (3, 2));
        let recording = recorder.finish();
        assert_eq!(recording.times_ms, [1, 2, 3]);
        let find = |name: &str| {
            let named = ("__name__".to_owned(), name.to_owned());
            recording
                .series
                .iter()
                .find(|s| s.labels.contains(&named))
                .unwrap()
        };
        assert_eq!((find("a").at(0), find("a").at(1)), (Some(1.0), None));
        assert!(find("a").at(2).unwrap().is_nan());
        assert_eq!(
            [0, 1, 2].map(|scrape| find("b").at(scrape)),
            [Some(1.0), Some(2.0), None]
        );
        let labels: Vec<_> = find("b").labels.iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(
            labels,
            ["__name__=b", "exported_job=own", "instance=host:9100", "job=node"]
        );
        assert_eq!(Recording::from_bytes(&recording.to_bytes()).unwrap(), recording);
    }
}
