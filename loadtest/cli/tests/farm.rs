//! A farm of targets as a scraper sees it, and recordings of its targets.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking")]

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use vigie_loadtest::farm::Farm;
use vigie_loadtest::progress::Progress;
use vigie_loadtest::recording::{RecordOptions, mean_interval_ms, open, record, save};
use vigie_systems::Api;
use vigie_workload::{ScrapedPage, Workload, WorkloadSpec};

fn farm(yaml: &str) -> (Farm, Api) {
    let workload = Workload::new(&WorkloadSpec::from_yaml(yaml).unwrap(), 1).unwrap();
    let farm = Farm::start(&workload, ([127, 0, 0, 1], 0).into(), true).unwrap();
    let api = Api::new(&format!("http://{}", farm.address())).unwrap();
    (farm, api)
}

const THREE_HOSTS: &str = "shapes: [node_exporter: {hosts: 3, series_per_host: 120}]\ninterval: 100ms";

#[test]
fn targets_show_what_the_farm_says_they_showed() {
    let (farm, api) = farm(THREE_HOSTS);
    assert_eq!(api.get("/targets/0/metrics").unwrap().status, 503);
    farm.pages().set_open(true);
    for _ in 0..3 {
        let answer = api.get("/targets/1/metrics").unwrap();
        assert_eq!(answer.status, 200);
        let target = &farm.pages().targets()[1];
        let shown = *target.shown().last().unwrap();
        assert_eq!(answer.body, target.page_of(shown.round).unwrap());
    }
    assert_eq!(api.get("/targets/3/metrics").unwrap().status, 404);
    farm.pages().set_open(false);
    assert_eq!(api.get("/targets/1/metrics").unwrap().status, 503);
    let shown: Vec<usize> = farm
        .pages()
        .targets()
        .iter()
        .map(|target| target.shown().len())
        .collect();
    assert_eq!(shown, [0, 3, 0]);
}

#[test]
fn scrapers_find_every_target_under_its_own_path() {
    let (farm, api) = farm(THREE_HOSTS);
    let groups: serde_json::Value = serde_json::from_str(&api.get("/sd").unwrap().body).unwrap();
    let groups = groups.as_array().unwrap();
    assert_eq!(groups.len(), 3);
    for (group, target) in groups.iter().zip(farm.pages().targets()) {
        assert_eq!(group["targets"][0], farm.address().to_string());
        let path = group["labels"]["__metrics_path__"].as_str().unwrap();
        assert_eq!(api.get(path).unwrap().status, 503);
        for (name, value) in &target.labels {
            assert_eq!(group["labels"][name], value.as_str());
        }
    }
}

#[test]
fn a_recording_holds_what_was_shown_and_goes_on() {
    let (farm, _) = farm(THREE_HOSTS);
    farm.pages().set_open(true);
    let exporter = format!("node=http://{}/targets/2/metrics", farm.address());
    let options = RecordOptions {
        exporters: vec![exporter.parse().unwrap()],
        interval: Duration::from_millis(100),
        scrapes: 12,
    };
    let progress = Progress::new();
    let recordings = record(&options, &AtomicBool::new(false), &progress).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("host.recording");
    save(&recordings[0], &file, &progress).unwrap();
    let recording = open(&file).unwrap();
    assert_eq!(recording, recordings[0]);

    let target = &farm.pages().targets()[2];
    for (scrape, shown) in target.shown().iter().enumerate() {
        let page = ScrapedPage::parse(&target.page_of(shown.round).unwrap()).unwrap();
        assert_eq!(page.samples.len(), recording.series.len());
        for sample in &page.samples {
            let is_same = |labels: &[(String, String)]| {
                sample.labels.iter().all(|label| labels.contains(label))
                    && labels.len() == sample.labels.len() + 2
            };
            let series = recording.series.iter().find(|one| is_same(&one.labels)).unwrap();
            assert_eq!(series.at(scrape), Some(sample.value));
        }
    }

    let interval_ms = mean_interval_ms(&recording).unwrap();
    let yaml = format!(
        "shapes: [recording: {{file: '{}', hosts: 2}}]\ninterval: {interval_ms}ms",
        file.display()
    );
    let workload = Workload::new(&WorkloadSpec::from_yaml(&yaml).unwrap(), 1).unwrap();
    let series: Vec<usize> = workload.expositions().map(|host| host.series()).collect();
    assert_eq!(series, [recording.series.len(); 2]);
}

#[test]
fn an_exporter_that_is_not_there_is_an_error() {
    let (farm, _) = farm(THREE_HOSTS);
    let options = RecordOptions {
        exporters: vec![
            format!("http://{}/targets/0/metrics", farm.address())
                .parse()
                .unwrap(),
        ],
        interval: Duration::from_millis(100),
        scrapes: 12,
    };
    let error = record(&options, &AtomicBool::new(false), &Progress::new()).unwrap_err();
    assert!(error.to_string().contains("answers 503"), "{error:#}");
}
