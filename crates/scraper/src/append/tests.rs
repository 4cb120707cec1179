use std::path::Path;

use vigie_config::Config;
use vigie_model::is_stale_nan;

use super::*;

const NOW_MS: i64 = 1_700_000_000_000;

/// Two metrics of a classic histogram: four series and a counter.
const BODY: &str = "# TYPE h histogram\n\
    h_bucket{a=\"x\",le=\"1\"} 2 # {id=\"e1\"} 0.5 1.5\n\
    h_bucket{a=\"x\",le=\"+Inf\"} 3 # {id=\"no time\"} 4\n\
    h_count{a=\"x\"} 3\nh_sum{a=\"x\"} 5.5\nh_created{a=\"x\"} 17.5\n\
    # TYPE c counter\n\
    c_total 7 # {id=\"e2\"} 0.25\nc_created 16\n\
    # EOF\n";

struct Scraped {
    rules: SampleRules,
    reading: Reading,
    appender: SeriesAppender,
    metadata: MetadataStore,
}

impl Scraped {
    /// A job with the lines added to it.
    fn new(lines: &str, options: ExpositionOptions) -> Scraped {
        let text = format!("scrape_configs:\n- job_name: j\n  static_configs: [{{targets: [t]}}]\n{lines}\n");
        let config = Config::load_str(&text, Path::new("")).unwrap();
        Scraped {
            rules: SampleRules {
                config: config.scrape_configs[0].clone(),
                target_labels: Labels::from_pairs([("job", "j")]).unwrap(),
            },
            reading: Reading {
                format: Format::OpenMetrics,
                options,
                exemplars: true,
                time_ms: NOW_MS,
            },
            appender: SeriesAppender::new(1),
            metadata: MetadataStore::default(),
        }
    }

    /// A line per sample, histogram and exemplar, in this order; or the error and what was counted.
    fn scrape(&mut self, body: &str) -> String {
        let collected = self
            .appender
            .append(&self.rules, self.reading, body.as_bytes(), &mut self.metadata);
        match collected {
            Ok(collected) => lines(&collected.values),
            Err((error, counts)) => {
                let lines = lines(&self.appender.fail(NOW_MS).0);
                format!(
                    "error {error} ({} scraped, {} added)\n{lines}",
                    counts.scraped, counts.added
                )
            }
        }
    }
}

fn lines(values: &Values) -> String {
    let mut lines = String::new();
    let since = |start: Option<i64>| start.map_or_else(String::new, |start| format!(" since {start}"));
    for sample in &values.samples {
        let value = if is_stale_nan(sample.value) {
            "stale".to_owned()
        } else {
            sample.value.to_string()
        };
        lines += &format!("{} {value}{}\n", sample.labels, since(sample.start_timestamp_ms));
    }
    for histogram in &values.histograms {
        let float = histogram.value.to_float();
        let value = if float.is_stale() {
            "stale".to_owned()
        } else {
            format!(
                "{} in {:?} {:?}",
                float.count, float.custom_values, float.positive_buckets
            )
        };
        lines += &format!(
            "{} {value}{}\n",
            histogram.labels,
            since(histogram.start_timestamp_ms)
        );
    }
    for ScrapedExemplar { series, exemplar } in &values.exemplars {
        let own = if exemplar.has_own_time {
            ""
        } else {
            " (of the scrape)"
        };
        lines += &format!(
            "exemplar of {series}: {} {} @{}{own}\n",
            exemplar.labels, exemplar.value, exemplar.timestamp_ms
        );
    }
    lines
}

#[test]
fn classic_histograms_are_converted_if_asked_for() {
    let options = ExpositionOptions {
        convert_classic: true,
        start_timestamps: true,
        ..ExpositionOptions::default()
    };
    let mut scraped = Scraped::new("", options);
    let histogram = "{__name__=\"h\", a=\"x\", job=\"j\"} 3 in [1.0] [2.0, 1.0] since 17500\n";
    let counter = "{__name__=\"c_total\", job=\"j\"} 7 since 16000\n";
    let exemplars = "exemplar of {__name__=\"h\", a=\"x\", job=\"j\"}: {id=\"e1\"} 0.5 @1500\n\
        exemplar of {__name__=\"c_total\", job=\"j\"}: {id=\"e2\"} 0.25 @1700000000000 (of the scrape)\n";
    assert_eq!(scraped.scrape(BODY), format!("{counter}{histogram}{exemplars}"));
    // The end of a histogram is marked as one.
    assert_eq!(
        scraped.scrape("# TYPE c counter\nc_total 8\n# EOF\n"),
        "{__name__=\"c_total\", job=\"j\"} 8\n{__name__=\"h\", a=\"x\", job=\"j\"} stale\n"
    );
    // Beside it the classic series, if they are to be kept.
    scraped.reading.options.keep_classic = true;
    let lines = scraped.scrape(BODY);
    // Four series, and the exemplars of two.
    assert_eq!(lines.matches("__name__=\"h_").count(), 6, "{lines}");
    assert!(lines.contains(histogram), "{lines}");
}

#[test]
fn without_options_all_lines_are_series() {
    let mut scraped = Scraped::new("", ExpositionOptions::default());
    scraped.reading.exemplars = false;
    assert_eq!(
        scraped.scrape(BODY),
        "{__name__=\"h_bucket\", a=\"x\", job=\"j\", le=\"1.0\"} 2\n\
         {__name__=\"h_bucket\", a=\"x\", job=\"j\", le=\"+Inf\"} 3\n\
         {__name__=\"h_count\", a=\"x\", job=\"j\"} 3\n{__name__=\"h_sum\", a=\"x\", job=\"j\"} 5.5\n\
         {__name__=\"h_created\", a=\"x\", job=\"j\"} 17.5\n\
         {__name__=\"c_total\", job=\"j\"} 7\n{__name__=\"c_created\", job=\"j\"} 16\n"
    );
}

#[test]
fn contradictory_buckets_make_no_histogram() {
    let options = ExpositionOptions {
        convert_classic: true,
        ..ExpositionOptions::default()
    };
    let body = "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"2\"} 1\nh_count 2\n\
        # TYPE g gauge\ng 1\n# EOF\n";
    let mut scraped = Scraped::new("", options);
    assert_eq!(scraped.scrape(body), "{__name__=\"g\", job=\"j\"} 1\n");
}

#[test]
fn limits_hold_for_histograms() {
    let options = ExpositionOptions {
        convert_classic: true,
        ..ExpositionOptions::default()
    };
    for (limit, error) in [
        (
            "native_histogram_bucket_limit: 1",
            "error histogram bucket limit exceeded (4 scraped, 4 added)\n",
        ),
        (
            "sample_limit: 2",
            "error sample limit exceeded (4 scraped, 4 added)\n",
        ),
        (
            "label_limit: 2",
            "error label_limit exceeded (metric: h, number of labels: 3, limit: 2) (1 scraped, 0 added)\n",
        ),
    ] {
        assert_eq!(Scraped::new(&format!("  {limit}"), options).scrape(BODY), error);
    }
    let mut scraped = Scraped::new("  native_histogram_bucket_limit: 2\n  sample_limit: 4", options);
    assert!(!scraped.scrape(BODY).starts_with("error"));
}
