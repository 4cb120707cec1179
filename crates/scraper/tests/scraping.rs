//! The scraper against real sockets: a target whose answers the test chooses, and a sink that
//! remembers. Scrapes are asked for one by one; intervals are long enough never to interfere.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail by panicking")]

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response};
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use vigie_config::Config;
use vigie_model::is_stale_nan;
use vigie_scraper::{
    Handle, Health, Options, SampleSink, ScrapeBatch, Service, SinkError, TargetStatus, WriteSummary,
};

/// What the target answers.
#[derive(Clone)]
enum Answer {
    Text(String),
    OpenMetrics(String),
    /// Compressed, whatever was asked for.
    Gzip(Vec<u8>),
    Untyped(Vec<u8>),
    Status(u16),
    Redirect,
    /// Headers, then nothing.
    Stall,
    /// Nothing at all.
    Hang,
}

struct Target {
    address: String,
    answer: Arc<Mutex<Answer>>,
    /// Of the last request.
    headers: Arc<Mutex<HeaderMap>>,
}

type TargetState = (Arc<Mutex<Answer>>, Arc<Mutex<HeaderMap>>);

async fn respond(State((answer, headers)): State<TargetState>, request: Request) -> Response<Body> {
    let is_redirected = request.uri().path() == "/elsewhere";
    *headers.lock() = request.headers().clone();
    let answer = answer.lock().clone();
    let typed = |kind: &str, body: Body| {
        Response::builder()
            .header("content-type", kind)
            .body(body)
            .unwrap()
    };
    match answer {
        Answer::Text(text) => typed("text/plain; version=0.0.4", text.into()),
        Answer::OpenMetrics(text) => typed("application/openmetrics-text; version=1.0.0", text.into()),
        Answer::Gzip(bytes) => {
            let mut response = typed("text/plain", bytes.into());
            response
                .headers_mut()
                .insert("content-encoding", "gzip".parse().unwrap());
            response
        }
        Answer::Untyped(bytes) => Response::new(bytes.into()),
        Answer::Status(code) => Response::builder().status(code).body(Body::empty()).unwrap(),
        Answer::Redirect if is_redirected => typed("text/plain", "moved 1\n".into()),
        Answer::Redirect => Response::builder()
            .status(302)
            .header("location", "/elsewhere")
            .body(Body::empty())
            .unwrap(),
        Answer::Stall => typed(
            "text/plain",
            Body::from_stream(tokio_stream::pending::<Result<Vec<u8>, std::io::Error>>()),
        ),
        Answer::Hang => std::future::pending().await,
    }
}

impl Target {
    async fn start(answer: Answer) -> Target {
        let answer = Arc::new(Mutex::new(answer));
        let headers = Arc::new(Mutex::new(HeaderMap::new()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = Router::new()
            .fallback(respond)
            .with_state((answer.clone(), headers.clone()));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Target {
            address,
            answer,
            headers,
        }
    }

    async fn text(text: &str) -> Target {
        Target::start(Answer::Text(text.to_owned())).await
    }

    fn set(&self, answer: Answer) {
        *self.answer.lock() = answer;
    }

    fn header(&self, name: &str) -> String {
        let headers = self.headers.lock();
        headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default()
    }
}

#[derive(Default)]
struct Recorder {
    batches: Mutex<Vec<ScrapeBatch>>,
    /// Errors to answer with before writes succeed again.
    errors: Mutex<Vec<SinkError>>,
}

#[async_trait]
impl SampleSink for Recorder {
    async fn write(&self, batch: &ScrapeBatch) -> Result<WriteSummary, SinkError> {
        if let Some(error) = self.errors.lock().pop() {
            return Err(error);
        }
        self.batches.lock().push(batch.clone());
        Ok(WriteSummary::default())
    }
}

impl Recorder {
    /// Everything written since the last call, one line per sample, sorted. The `instance` label,
    /// durations and, unless explicit, times are left out.
    fn lines(&self) -> Vec<String> {
        let batches = std::mem::take(&mut *self.batches.lock());
        let mut lines: Vec<String> = batches
            .iter()
            .flat_map(|batch| batch.samples.iter().map(move |sample| (batch, sample)))
            .filter(|(_, sample)| sample.labels.metric_name() != "scrape_duration_seconds")
            .map(|(batch, sample)| {
                let labels = sample
                    .labels
                    .filter(|name| name != "instance" && name != "__name__");
                let value = if is_stale_nan(sample.value) {
                    "stale".to_owned()
                } else {
                    sample.value.to_string()
                };
                let time = if sample.timestamp_ms < 1_000_000_000_000 {
                    format!(" @{}", sample.timestamp_ms)
                } else {
                    String::new()
                };
                let refusing = if batch.reject_out_of_order { " (late)" } else { "" };
                format!("{}{labels} {value}{time}{refusing}", sample.labels.metric_name())
            })
            .collect();
        lines.sort();
        lines
    }
}

struct Scraper {
    handle: Handle,
    sink: Arc<Recorder>,
    shutdown: CancellationToken,
    running: tokio::task::JoinHandle<()>,
    registry: Registry,
}

/// A job named `j` with the lines added to it.
fn job(target: &Target, lines: &str) -> String {
    format!(
        "global: {{scrape_interval: 1h, scrape_timeout: 30s}}\nscrape_configs:\n- job_name: j\n  \
         static_configs: [{{targets: ['{}']}}]\n{lines}\n",
        target.address
    )
}

impl Scraper {
    async fn start(config: &str) -> Scraper {
        Scraper::with_options(config, Options::default()).await
    }

    async fn with_options(config: &str, options: Options) -> Scraper {
        let sink = Arc::new(Recorder::default());
        let mut registry = Registry::default();
        let shutdown = CancellationToken::new();
        let (service, handle) = Service::new(options, sink.clone(), &mut registry, shutdown.clone());
        let scraper = Scraper {
            handle,
            sink,
            shutdown,
            running: tokio::spawn(service.run()),
            registry,
        };
        scraper.apply(config).await;
        scraper
    }

    async fn apply(&self, config: &str) {
        let config = Config::load_str(config, Path::new("")).unwrap();
        self.handle.apply_config(&config.scrape_configs).await.unwrap();
    }

    /// Scrapes all targets once and returns what was written.
    async fn scrape(&self) -> Vec<String> {
        self.handle.run_once().await;
        self.sink.lines()
    }

    /// The same without the synthetic series.
    async fn samples(&self) -> Vec<String> {
        let mut lines = self.scrape().await;
        lines.retain(|line| !line.starts_with("up{") && !line.starts_with("scrape_"));
        lines
    }

    fn target(&self) -> TargetStatus {
        self.handle.targets().remove(0)
    }

    fn metric(&self, name: &str) -> u64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")))
            .unwrap_or_else(|| panic!("no {name} in {text}"));
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.running.await.unwrap();
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_target_yields_samples_metadata_and_a_report() {
    let target = Target::text("# HELP a About a.\n# TYPE a counter\na{x=\"y\"} 1\nb 2\n").await;
    let scraper = Scraper::start(&job(&target, "  basic_auth: {username: u, password: p}")).await;
    assert_eq!(scraper.target().health, Health::Unknown);
    let batch_lines = scraper.scrape().await;
    assert_eq!(
        batch_lines,
        [
            r#"a{job="j", x="y"} 1"#,
            r#"b{job="j"} 2"#,
            r#"scrape_samples_post_metric_relabeling{job="j"} 2"#,
            r#"scrape_samples_scraped{job="j"} 2"#,
            r#"scrape_series_added{job="j"} 2"#,
            r#"up{job="j"} 1"#,
        ]
    );
    // Known series are neither new nor is their metadata sent again.
    let again = scraper.scrape().await;
    assert!(
        again.contains(&r#"scrape_series_added{job="j"} 0"#.to_owned()),
        "{again:?}"
    );
    let status = scraper.target();
    assert_eq!(
        (status.health, status.last_error.as_str(), status.series),
        (Health::Up, "", 2)
    );
    assert!(status.last_scrape_ms.is_some());
    assert_eq!(status.scrape_url, format!("http://{}/metrics", target.address));
    assert_eq!(
        status.global_url,
        status.scrape_url.replace("127.0.0.1", "localhost")
    );
    assert_eq!(status.discovered_labels.get("__scrape_interval__"), Some("1h"));
    let (_, metadata) = scraper.handle.metadata().remove(0);
    assert_eq!(
        (metadata[0].family.as_str(), metadata[0].metadata.help.as_str()),
        ("a", "About a.")
    );
    assert_eq!(target.header("x-prometheus-scrape-timeout-seconds"), "30");
    assert_eq!(target.header("accept-encoding"), "gzip");
    assert_eq!(target.header("authorization"), "Basic dTpw");
    assert!(target.header("accept").ends_with("*/*;q=0.2"));
    scraper.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn series_that_end_are_marked_stale() {
    let target = Target::text("a 1\nb 1\nc 1 1000\n").await;
    let scraper = Scraper::start(&job(&target, "")).await;
    assert_eq!(
        scraper.samples().await,
        ["a{job=\"j\"} 1", "b{job=\"j\"} 1", "c{job=\"j\"} 1 @1000"]
    );
    // A series with its own timestamps does not end by absence.
    target.set(Answer::Text("a 2\n".into()));
    assert_eq!(scraper.samples().await, ["a{job=\"j\"} 2", "b{job=\"j\"} stale"]);
    target.set(Answer::Status(500));
    let lines = scraper.scrape().await;
    assert!(lines.contains(&"a{job=\"j\"} stale".to_owned()), "{lines:?}");
    assert!(lines.contains(&"up{job=\"j\"} 0".to_owned()), "{lines:?}");
    assert_eq!(
        scraper.target().last_error,
        "server returned HTTP status 500 Internal Server Error"
    );
    assert!(scraper.samples().await.is_empty());
    target.set(Answer::Text("a 3\n".into()));
    assert_eq!(scraper.samples().await, ["a{job=\"j\"} 3"]);
    scraper.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_and_times_are_honored_or_not() {
    let body = "a{job=\"theirs\",exported_job=\"x\"} 1 1000\n";
    for (lines, expected) in [
        (
            "",
            r#"a{exported_exported_job="theirs", exported_job="x", job="j"} 1 @1000"#,
        ),
        (
            "  honor_labels: true",
            r#"a{exported_job="x", job="theirs"} 1 @1000"#,
        ),
        (
            "  honor_timestamps: false",
            r#"a{exported_exported_job="theirs", exported_job="x", job="j"} 1"#,
        ),
        (
            "  metric_relabel_configs:\n  - {source_labels: [__name__], target_label: __name__, replacement: z_$1}\n  - {regex: 'exported.*', action: labeldrop}",
            r#"z_a{job="j"} 1 @1000"#,
        ),
    ] {
        let target = Target::text(body).await;
        let scraper = Scraper::start(&job(&target, lines)).await;
        assert_eq!(scraper.samples().await, [expected], "{lines}");
        scraper.stop().await;
    }
    let target = Target::text("keep 1\ndrop{a=\"b\"} 1\ndrop{a=\"c\"} 1\n").await;
    let rule = "  metric_relabel_configs: [{source_labels: [__name__], regex: drop, action: drop}]";
    let scraper = Scraper::start(&job(&target, rule)).await;
    for _ in 0..2 {
        let lines = scraper.scrape().await;
        assert_eq!(lines[0], "keep{job=\"j\"} 1");
        assert!(lines.contains(&"scrape_samples_scraped{job=\"j\"} 3".to_owned()));
        assert!(lines.contains(&"scrape_samples_post_metric_relabeling{job=\"j\"} 1".to_owned()));
    }
    scraper.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_answers_fail_the_scrape_and_say_why() {
    let bomb = gzip(&vec![b'#'; 64 << 20]);
    let mut truncated = gzip(b"a 1\n");
    truncated.truncate(12);
    let long = "x".repeat(30);
    let target = Target::text("a 1\n").await;
    for (answer, lines, expected) in [
        (Answer::Text("a 1\n{{{ 7".into()), "", "line 2 (byte 4)"),
        (Answer::Text("a{b=\"\u{0}\"} x\n".into()), "", "line 1 (byte 0)"),
        (
            Answer::Untyped(b"a 1\n".to_vec()),
            "",
            "non-compliant scrape target sending blank Content-Type",
        ),
        (
            Answer::OpenMetrics("a 1\n".into()),
            "",
            "data does not end with # EOF",
        ),
        (
            Answer::Gzip(b"no gzip at all".to_vec()),
            "",
            "read compressed body",
        ),
        (Answer::Gzip(truncated), "", "read compressed body"),
        (
            Answer::Gzip(bomb.clone()),
            "  body_size_limit: 1MB",
            "body size limit exceeded",
        ),
        (
            Answer::Text("a 1\n".repeat(300)),
            "  body_size_limit: 1KB",
            "body size limit exceeded",
        ),
        (
            Answer::Text("a 1\nb 1\nc 1\n".into()),
            "  sample_limit: 2",
            "sample limit exceeded",
        ),
        (
            Answer::Text("a{b=\"c\"} 1\n".into()),
            "  label_limit: 3",
            "label_limit exceeded (metric: a, number of labels: 4, limit: 3)",
        ),
        (
            Answer::Text(format!("a{{{long}=\"c\"}} 1\n")),
            "  label_name_length_limit: 20",
            "label_name_length_limit exceeded",
        ),
        (
            Answer::Text(format!("a{{b=\"{long}\"}} 1\n")),
            "  label_value_length_limit: 25",
            "label_value_length_limit exceeded",
        ),
        (
            Answer::Text("{\"a.b\"} 1\n".into()),
            "  metric_name_validation_scheme: legacy",
            "invalid metric name or label names",
        ),
        (
            Answer::Text("a 1\n".into()),
            "  metric_relabel_configs: [{target_label: __name__, replacement: ''}]",
            "missing metric name",
        ),
        (
            Answer::Redirect,
            "  follow_redirects: false",
            "server returned HTTP status 302 Found",
        ),
        (
            Answer::Stall,
            "  scrape_timeout: 100ms",
            "context deadline exceeded",
        ),
        (
            Answer::Hang,
            "  scrape_timeout: 100ms",
            "context deadline exceeded",
        ),
        (
            Answer::Text("a 1\n".into()),
            "  basic_auth: {username: u, password_file: /nonexistent}",
            "unable to read file",
        ),
    ] {
        target.set(answer);
        let scraper = Scraper::start(&job(&target, lines)).await;
        let written = scraper.scrape().await;
        assert!(
            written.contains(&"up{job=\"j\"} 0".to_owned()),
            "{expected}: {written:?}"
        );
        assert!(
            written
                .iter()
                .all(|line| line.starts_with("up{") || line.starts_with("scrape_")),
            "{written:?}"
        );
        let status = scraper.target();
        assert!(
            status.last_error.contains(expected),
            "{expected}: {}",
            status.last_error
        );
        assert_eq!(status.health, Health::Down);
        scraper.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unusual_answers_still_succeed() {
    let target = Target::text("").await;
    for (answer, lines, expected) in [
        (Answer::Gzip(gzip(b"a 1\n")), "", Some("a{job=\"j\"} 1")),
        (
            Answer::OpenMetrics("a 1\n# EOF\n".into()),
            "",
            Some("a{job=\"j\"} 1"),
        ),
        (
            Answer::Untyped(b"a 1\n".to_vec()),
            "  fallback_scrape_protocol: PrometheusText0.0.4",
            Some("a{job=\"j\"} 1"),
        ),
        (Answer::Redirect, "", Some("moved{job=\"j\"} 1")),
        (Answer::Text(String::new()), "", None),
        // The later of two is a duplicate, and what lies far ahead is out of bounds.
        (Answer::Text("a 1\na 2\n".into()), "", Some("a{job=\"j\"} 1")),
        (Answer::Text("a 1 99999999999999\n".into()), "", None),
        // A NaN of a target is no staleness marker.
        (Answer::Text("a NaN\n".into()), "", Some("a{job=\"j\"} NaN")),
    ] {
        target.set(answer);
        let scraper = Scraper::start(&job(&target, lines)).await;
        assert_eq!(
            scraper.samples().await,
            Vec::from_iter(expected),
            "{}",
            scraper.target().last_error
        );
        assert_eq!(scraper.target().health, Health::Up);
        scraper.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_are_counted_and_reported() {
    let target = Target::text("a 1\nb 1\nc 1\n").await;
    let scraper = Scraper::start(&job(&target, "  sample_limit: 2\n  extra_scrape_metrics: true")).await;
    let lines = scraper.scrape().await;
    for expected in [
        "scrape_samples_scraped{job=\"j\"} 3",
        "scrape_samples_post_metric_relabeling{job=\"j\"} 3",
        "scrape_sample_limit{job=\"j\"} 2",
        "scrape_timeout_seconds{job=\"j\"} 30",
        "scrape_body_size_bytes{job=\"j\"} 12",
    ] {
        assert!(lines.contains(&expected.to_owned()), "{expected}: {lines:?}");
    }
    assert_eq!(
        scraper.metric("prometheus_target_scrapes_exceeded_sample_limit_total"),
        1
    );
    target.set(Answer::Text("a 1\nb 1\n".into()));
    assert_eq!(scraper.samples().await.len(), 2);
    // More targets than allowed fail all of them without a request.
    scraper
        .apply(&format!(
            "scrape_configs: [{{job_name: j, target_limit: 1, scrape_interval: 1h, static_configs: [{{targets: ['{}', 'x:1']}}]}}]",
            target.address
        ))
        .await;
    let lines = scraper.scrape().await;
    assert_eq!(
        lines.iter().filter(|line| *line == "up{job=\"j\"} 0").count(),
        2,
        "{lines:?}"
    );
    assert_eq!(
        scraper.target().last_error,
        "target_limit exceeded (number of targets: 2, limit: 1)"
    );
    scraper.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_million_series_pass() {
    let mut body = String::with_capacity(64 << 20);
    for n in 0..1_000_000 {
        body.push_str(&format!("requests_total{{path=\"/p{n}\",code=\"200\"}} {n}\n"));
    }
    let target = Target::start(Answer::Text(body)).await;
    let scraper = Scraper::start(&job(&target, "")).await;
    for round in ["first", "second"] {
        let start = std::time::Instant::now();
        scraper.handle.run_once().await;
        eprintln!("{round} scrape of 1 M series: {:?}", start.elapsed());
        let batch = scraper.sink.batches.lock().pop().unwrap();
        assert_eq!(batch.samples.len(), 1_000_005);
        assert_eq!(
            scraper.target().series,
            1_000_000,
            "{}",
            scraper.target().last_error
        );
    }
    scraper.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_targets_are_followed() {
    let first = Target::text("a 1\n").await;
    let second = Target::text("b 1\n").await;
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| std::fs::write(dir.path().join(name), text).unwrap();
    let group = |target: &Target| {
        format!(
            "[{{\"targets\": [\"{}\"], \"labels\": {{\"env\": \"x\"}}}}]",
            target.address
        )
    };
    write("one.json", group(&first));
    let config = format!(
        "scrape_configs: [{{job_name: j, scrape_interval: 1h, file_sd_configs: [{{files: ['{}/*.json']}}]}}]",
        dir.path().display()
    );
    let scraper = Scraper::start(&config).await;
    assert_eq!(scraper.samples().await, ["a{env=\"x\", job=\"j\"} 1"]);
    let status = scraper.target();
    assert!(
        status
            .discovered_labels
            .get("__meta_filepath")
            .unwrap()
            .ends_with("one.json")
    );

    write("two.json", group(&second));
    scraper.handle.refresh_discovery().await;
    assert_eq!(
        scraper.samples().await,
        ["a{env=\"x\", job=\"j\"} 1", "b{env=\"x\", job=\"j\"} 1"]
    );

    // A file that turned bad keeps its last good targets.
    write("two.json", "[{\"targets\": ".into());
    scraper.handle.refresh_discovery().await;
    assert_eq!(scraper.handle.targets().len(), 2);
    assert_eq!(scraper.metric("prometheus_sd_file_read_errors_total"), 1);

    std::fs::remove_file(dir.path().join("two.json")).unwrap();
    scraper.handle.refresh_discovery().await;
    assert_eq!(scraper.handle.targets().len(), 1);
    scraper.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_disturbs_only_what_changed() {
    let target = Target::text("a 1\nb 1\n").await;
    let scraper = Scraper::start(&job(&target, "")).await;
    scraper.scrape().await;
    let before = scraper.target().last_scrape_ms;
    // Same target, other rules: the loop goes on, and what is now stored otherwise is marked.
    scraper
        .apply(&job(
            &target,
            "  metric_relabel_configs: [{source_labels: [__name__], regex: b, action: drop}]",
        ))
        .await;
    assert_eq!(scraper.target().last_scrape_ms, before);
    assert_eq!(scraper.samples().await, ["a{job=\"j\"} 1", "b{job=\"j\"} stale"]);
    // A mistake leaves everything as it was.
    let wrong = Config::load_str(
        &job(&target, "  tls_config: {ca_file: /nonexistent}"),
        Path::new(""),
    )
    .unwrap();
    let error = scraper
        .handle
        .apply_config(&wrong.scrape_configs)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("/nonexistent"), "{error}");
    assert_eq!(scraper.samples().await, ["a{job=\"j\"} 1"]);
    scraper.apply("").await;
    assert!(scraper.handle.scrape_pools().is_empty());
    scraper.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_targets_are_remembered_within_bounds() {
    let config = "scrape_configs: [{job_name: j, keep_dropped_targets: 2, static_configs: [{targets: [a, b, c]}], relabel_configs: [{action: drop}]}]";
    let scraper = Scraper::start(config).await;
    let pool = scraper.handle.pools().remove(0);
    assert_eq!(
        (pool.active.len(), pool.dropped.len(), pool.dropped_count),
        (0, 2, 3)
    );
    assert_eq!(pool.dropped[0].discovered_labels.get("__address__"), Some("a"));
    scraper.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_are_repeated_only_if_that_can_help() {
    let target = Target::text("a 1\n").await;
    let scraper = Scraper::start(&job(&target, "")).await;
    let error = |retryable| SinkError {
        retryable,
        message: "no leader".into(),
    };
    scraper.sink.errors.lock().push(error(true));
    assert_eq!(scraper.samples().await, ["a{job=\"j\"} 1"]);
    target.set(Answer::Text("# TYPE a counter\na 1\n".into()));
    scraper.sink.errors.lock().push(error(false));
    assert!(scraper.samples().await.is_empty());
    // What a lost write held besides samples comes with the next one.
    scraper.handle.run_once().await;
    assert_eq!(scraper.sink.batches.lock()[0].metadata[0].0, "a");
    assert_eq!(scraper.metric("vigie_target_scrapes_write_failed_total"), 1);
    scraper.stop().await;
}

/// The one test on a schedule: a removed target's series end after two more intervals.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_target_is_marked_after_a_while() {
    let target = Target::text("a 1\n").await;
    let config = |labels: &str| {
        format!(
            "scrape_configs: [{{job_name: j, scrape_interval: 200ms, scrape_timeout: 200ms, static_configs: [{{targets: ['{}']{labels}}}]}}]",
            target.address
        )
    };
    let scraper = Scraper::start(&config("")).await;
    scraper.scrape().await;
    scraper.apply("scrape_configs: [{job_name: j}]").await;
    let late = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            tokio::task::yield_now().await;
            let late: HashMap<String, usize> = scraper
                .sink
                .batches
                .lock()
                .iter()
                .filter(|batch| batch.reject_out_of_order)
                .fold(HashMap::new(), |mut names, batch| {
                    for sample in &batch.samples {
                        assert!(is_stale_nan(sample.value));
                        *names.entry(sample.labels.metric_name().to_owned()).or_default() += 1;
                    }
                    names
                });
            if !late.is_empty() {
                return late;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    assert_eq!(late.len(), 6, "{late:?}");
    assert_eq!(late["a"], 1);
    scraper.stop().await;
}
