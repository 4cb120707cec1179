use std::time::Duration;

use vigie_e2e::{Api, Behaviour, FakeTarget, wait_until};

use crate::server::Server;

const MIB: u64 = 1 << 20;
const DEADLINE: Duration = Duration::from_secs(90);
const FLOOD_SERIES: u32 = 1_000_000;

/// A job of one target, with more options in YAML flow style if needed.
fn job(name: &str, target: &FakeTarget, options: &str) -> String {
    let address = target.address();
    format!("  - {{job_name: {name}, static_configs: [{{targets: ['{address}']}}]{options}}}\n")
}

fn config(jobs: &[String]) -> String {
    format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 900ms}}\nscrape_configs:\n{}",
        jobs.concat()
    )
}

fn newest(api: &Api, query: &str) -> Option<f64> {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis() as i64;
    api.instant(query, now).unwrap().only_value().ok()
}

/// Starts a server that scrapes `bad` and a target that is fine; the bad one must be shown as down with `last_error`
/// among its errors and leave no series, the fine one must go on, and memory must stay bounded.
#[track_caller]
fn check(behaviour: Behaviour, options: &str, last_error: &str) {
    let (bad, fine) = (
        FakeTarget::start(behaviour).unwrap(),
        FakeTarget::start(Behaviour::IsFine).unwrap(),
    );
    let mut server = Server::start_with(&config(&[job("bad", &bad, options), job("fine", &fine, "")]));
    let before = server.peak_resident_bytes();
    wait_until("the bad target to be down", DEADLINE, || {
        Ok(newest(&server.api, "up{job=\"bad\"}") == Some(0.0))
    })
    .unwrap();
    let scrapes = bad.scrapes();
    wait_until("one more scrape of it", DEADLINE, || Ok(bad.scrapes() > scrapes)).unwrap();
    wait_until("the error to be shown", DEADLINE, || {
        Ok(server
            .target
            .scrape_api()?
            .get("/api/v1/targets")?
            .body
            .contains(last_error))
    })
    .unwrap();
    assert_eq!(newest(&server.api, "up{job=\"fine\"}"), Some(1.0));
    assert_eq!(newest(&server.api, "fine"), Some(1.0));
    assert_eq!(
        newest(&server.api, "count({job=\"bad\", __name__!~\"up|scrape_.*\"})"),
        None
    );
    server.check_goes_on("a bad scrape target");
    let grown = server.peak_resident_bytes().saturating_sub(before);
    assert!(grown < 256 * MIB, "the server grew by {} MiB", grown / MIB);
}

#[test]
fn target_that_hangs() {
    check(Behaviour::Hangs, "", "context deadline exceeded");
}

#[test]
fn target_that_sends_garbage() {
    check(Behaviour::SendsGarbage, "", "\"health\":\"down\"");
}

#[test]
fn target_with_a_million_series_over_the_sample_limit() {
    check(
        Behaviour::ManySeries(FLOOD_SERIES),
        ", sample_limit: 10000, scrape_interval: 10s, scrape_timeout: 10s",
        "sample limit exceeded",
    );
}

#[test]
fn target_with_a_million_series_over_the_body_limit() {
    check(
        Behaviour::ManySeries(FLOOD_SERIES),
        ", body_size_limit: 1MB",
        "body size limit exceeded",
    );
}

#[test]
fn target_whose_answer_never_ends() {
    check(
        Behaviour::NeverEnds,
        ", body_size_limit: 10MB",
        "body size limit exceeded",
    );
}

/// Without a limit a million series are no bad input: they are stored, or the scrape fails for its time.
#[test]
fn target_with_a_million_series_and_no_limit() {
    let flood = FakeTarget::start(Behaviour::ManySeries(FLOOD_SERIES)).unwrap();
    let fine = FakeTarget::start(Behaviour::IsFine).unwrap();
    let slow = ", scrape_interval: 60s, scrape_timeout: 60s";
    let mut server = Server::start_with(&config(&[job("flood", &flood, slow), job("fine", &fine, "")]));
    let minutes = Duration::from_secs(180);
    wait_until("the million to be scraped", minutes, || {
        Ok(newest(&server.api, "up{job=\"flood\"}").is_some())
    })
    .unwrap();
    if newest(&server.api, "up{job=\"flood\"}") == Some(1.0) {
        assert_eq!(newest(&server.api, "count(flood)"), Some(f64::from(FLOOD_SERIES)));
    }
    assert_eq!(newest(&server.api, "up{job=\"fine\"}"), Some(1.0));
    server.check_goes_on("a million series in one scrape");
    let peak = server.peak_resident_bytes();
    assert!(peak < 6 * 1024 * MIB, "the server grew to {} MiB", peak / MIB);
}
