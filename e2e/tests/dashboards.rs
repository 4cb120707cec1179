//! A real Prometheus scrapes real exporters and sends everything on, while the system under test scrapes the same
//! exporters itself. Whatever dashboards ask, both must answer alike.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use vigie_e2e::{
    Api, Layout, MariaDb, Peer, QueryData, StartOptions, System, SystemKind, Target, TargetOptions,
    differences, free_port, mysqld_exporter, node_exporter, now_ms, progress, vigie_binary, wait_until_sent,
};

const QUERIES: &str = include_str!("../queries/dashboards.promql");
const TOLERANCE: f64 = 1e-9;
const RECORDED: Duration = Duration::from_secs(80);
/// The time range of the dashboards; the recording is longer by the longest range and offset in the queries.
const SHOWN_MS: i64 = 40_000;
const STEP_MS: i64 = 2_000;
const SCRAPE_INTERVAL: &str = "2s";

#[test]
fn one_process_answers_as_the_sender() {
    check(Layout::AllInOne);
}

#[test]
fn separate_roles_answer_as_the_sender() {
    check(Layout::Roles);
}

#[track_caller]
fn check(layout: Layout) {
    if let Err(error) = dashboards(layout) {
        panic!("{error:?}");
    }
}

fn dashboards(layout: Layout) -> Result<()> {
    let dir = tempfile::tempdir().context("make a folder")?;
    let dir = dir.path();
    let database = MariaDb::start(dir)?;
    let mysql = mysqld_exporter(dir, &database)?;
    let node = node_exporter(dir)?;

    let mut options = TargetOptions::new(layout, &vigie_binary()?, dir);
    options.config = scrape_config(&[("node-direct", &node), ("mysql-direct", &mysql)]);
    let mut target = Target::start(&options)?;
    let sender = start_sender(
        dir,
        &target.write_url(),
        remote_write_message(layout),
        &[("node", &node), ("mysql", &mysql)],
    )?;
    progress(format!("recording for {RECORDED:?}"));
    record(&database)?;

    let sender_api = Api::new(sender.base_url())?;
    let end_ms = now_ms()? / STEP_MS * STEP_MS;
    wait_until_sent(
        &sender_api,
        end_ms + 2 * STEP_MS,
        &["samples_failed_total", "samples_dropped_total"],
    )?;
    target.check_running()?;
    let api = target.api()?;
    let result = compare_all(&sender_api, &api, end_ms).and_then(|()| check_direct(&api, end_ms));
    result.with_context(|| format!("{layout:?}; logs:\n{}", target.log_tails()))
}

/// Gives the database something to count until the recording is long enough.
fn record(database: &MariaDb) -> Result<()> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let load = scope.spawn(|| -> Result<()> {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                number += 1;
                database.execute(&format!(
                    "INSERT INTO shop.orders (total) VALUES ({number}.25), ({number}.5);\
                     SELECT SUM(total) FROM shop.orders; UPDATE shop.orders SET total = total + 1 WHERE id % 7 = 0;"
                ))?;
                std::thread::sleep(Duration::from_millis(200));
            }
            Ok(())
        });
        // The time that passes is what is recorded.
        std::thread::sleep(RECORDED);
        stop.store(true, Ordering::Relaxed);
        load.join().map_err(|_| anyhow!("the database load panicked"))?
    })
}

fn compare_all(sender: &Api, target: &Api, end_ms: i64) -> Result<()> {
    let mut wrong = Vec::new();
    let mut empty = Vec::new();
    let queries = queries()?;
    for (kind, query) in &queries {
        let expected = ask(sender, kind, query, end_ms).context("ask the sender")?;
        if expected.series.is_empty() && !query.contains("< 0") {
            empty.push(query.clone());
        }
        match ask(target, kind, query, end_ms) {
            Ok(actual) => {
                let found = differences(&expected, &actual, TOLERANCE);
                if !found.is_empty() {
                    wrong.push(format!("{kind} {query}\n    {}", found.join("\n    ")));
                }
            }
            Err(error) => wrong.push(format!("{kind} {query}\n    {error:#}")),
        }
    }
    progress(format!(
        "{} of {} queries answered as the sender does",
        queries.len() - wrong.len(),
        queries.len()
    ));
    ensure!(
        empty.is_empty(),
        "these queries show nothing, so they test nothing:\n  {}",
        empty.join("\n  ")
    );
    ensure!(
        wrong.is_empty(),
        "{} queries differ:\n  {}",
        wrong.len(),
        wrong.join("\n  ")
    );
    Ok(())
}

/// What the system has scraped itself: the same series at its own moments, so names are compared and not values.
fn check_direct(target: &Api, end_ms: i64) -> Result<()> {
    for (sent, direct) in [("node", "node-direct"), ("mysql", "mysql-direct")] {
        // A machine busy with other things may let a scrape run into its timeout.
        let up = ask(
            target,
            "instant",
            &format!("avg_over_time(up{{job={direct:?}}}[30s])"),
            end_ms,
        )?
        .only_value()?;
        ensure!(up >= 0.5, "{direct} was up in {up} of its scrapes");
        let names = |job: &str| -> Result<QueryData> {
            let query = format!(
                "count by (__name__) (last_over_time({{job={job:?}, __name__!~\"scrape_.*|up\"}}[30s]))"
            );
            ask(target, "instant", &query, end_ms)
        };
        let found = differences(&names(sent)?, &names(direct)?, TOLERANCE);
        ensure!(
            found.is_empty(),
            "{direct} has other series than {sent}:\n  {}",
            found.join("\n  ")
        );
    }
    progress("both exporters scraped directly as well, with the same series");
    Ok(())
}

fn ask(api: &Api, kind: &str, query: &str, end_ms: i64) -> Result<QueryData> {
    match kind {
        "instant" => api.instant(query, end_ms),
        "range" => api.range(query, end_ms - SHOWN_MS, end_ms, STEP_MS),
        _ => bail!("{kind} is neither instant nor range"),
    }
}

/// Lines of `instant QUERY` or `range QUERY`; `#` starts a comment.
fn queries() -> Result<Vec<(String, String)>> {
    let lines = QUERIES
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let parse = |line: &str| {
        let (kind, query) = line
            .split_once(' ')
            .with_context(|| format!("split {line:?} into kind and query"))?;
        Ok((kind.to_owned(), query.to_owned()))
    };
    lines.map(parse).collect()
}

/// One layout is written to in each version of the protocol.
fn remote_write_message(layout: Layout) -> &'static str {
    match layout {
        Layout::AllInOne | Layout::Prometheus => "prometheus.WriteRequest",
        Layout::Roles => "io.prometheus.write.v2.Request",
    }
}

fn start_sender(dir: &Path, write_url: &str, message: &str, jobs: &[(&str, &Peer)]) -> Result<System> {
    let port = free_port()?;
    let config = format!(
        "{}\
         \x20 - job_name: prometheus\n\
         \x20   static_configs: [{{targets: ['127.0.0.1:{port}'], labels: {{instance: sender}}}}]\n\
         remote_write:\n\
         \x20 - url: {write_url}\n\
         \x20   protobuf_message: {message}\n\
         \x20   queue_config: {{max_shards: 1, capacity: 20000, batch_send_deadline: 500ms}}\n",
        scrape_config(jobs)
    );
    let dir = dir.join("sender");
    std::fs::create_dir(&dir).context("make a folder")?;
    let options = StartOptions {
        scrape_config: config,
        port: Some(port),
        ..StartOptions::new(dir)
    };
    System::start(SystemKind::Prometheus, &options)
}

fn scrape_config(jobs: &[(&str, &Peer)]) -> String {
    let mut config = format!(
        "global: {{scrape_interval: {SCRAPE_INTERVAL}, scrape_timeout: {SCRAPE_INTERVAL}}}\nscrape_configs:\n"
    );
    for (job, peer) in jobs {
        let target = peer.address();
        config += &format!(
            "  - job_name: {job}\n    static_configs: [{{targets: ['{target}'], labels: {{instance: host-1}}}}]\n"
        );
    }
    config
}
