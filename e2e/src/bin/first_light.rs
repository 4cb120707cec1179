//! One million series into Vigie, Prometheus and VictoriaMetrics, one after the other with the same bytes: what a
//! sample costs to write, what a series costs to keep, how long a restart takes, and how fast queries are.
//!
//!     first_light [vigie] [prometheus] [victoria-metrics]     (all three by default)
//!
//! `VIGIE_BENCH_SERIES` (1,000,000) and `VIGIE_BENCH_SAMPLES` per series (24) set the size, `VIGIE_BENCH_DIR` the disk.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use vigie_e2e::{
    Account, Api, Corpus, CorpusOptions, QueryData, SettleLimits, StartOptions, System, SystemKind,
    differences, progress, wait_until,
};

const CONNECTIONS: usize = 4;
const QUERY_RUNS: usize = 3;
const RESTART_DEADLINE: Duration = Duration::from_secs(300);
const SETTLE_DEADLINE: Duration = Duration::from_secs(180);

const CONTENDERS: [SystemKind; 3] = [
    SystemKind::Vigie,
    SystemKind::Prometheus,
    SystemKind::VictoriaMetrics,
];

const QUESTIONS: [Question; 6] = [
    Question {
        title: "count of a metric",
        query: "count(node_cpu_seconds_total)",
        range: false,
    },
    Question {
        title: "one host, one metric",
        query: "node_disk_io_now{instance=\"10.0.0.7:9100\"}",
        range: true,
    },
    Question {
        title: "one host, rate by mode",
        query: "sum by (mode) (rate(node_cpu_seconds_total{instance=\"10.0.0.7:9100\"}[1m]))",
        range: true,
    },
    Question {
        title: "all hosts, sum of a gauge",
        query: "sum by (mountpoint) (node_filesystem_size_bytes)",
        range: true,
    },
    Question {
        title: "all hosts, rate by device",
        query: "sum by (device) (rate(node_network_receive_bytes_total[1m]))",
        range: true,
    },
    Question {
        title: "regex over names",
        query: "count by (__name__) ({__name__=~\"node_disk_.*time.*\", instance=~\"10.0.0.1.:9100\"})",
        range: false,
    },
];

struct Question {
    title: &'static str,
    query: &'static str,
    range: bool,
}

/// What was measured of one server.
struct Figures {
    name: &'static str,
    write_cpu_seconds: f64,
    settled_cpu_seconds: f64,
    wall: Duration,
    sender_cpu_seconds: f64,
    shed: u64,
    resident_bytes: u64,
    peak_resident_bytes: u64,
    disk_bytes: u64,
    restart: Duration,
    restarted_resident_bytes: u64,
    /// Per question the fastest run, and whether the answer is that of the reference.
    queries: Vec<(Duration, QueryData)>,
}

fn main() -> Result<()> {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = asked
        .iter()
        .find(|name| CONTENDERS.iter().all(|contender| contender.name() != **name))
    {
        bail!("unknown server {unknown:?}: vigie, prometheus and victoria-metrics are known");
    }
    let parent = std::env::var_os("VIGIE_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = tempfile::tempdir_in(parent).context("make a folder")?;
    let corpus = record_corpus(dir.path())?;
    let mut figures = Vec::new();
    for contender in CONTENDERS
        .iter()
        .filter(|kind| asked.is_empty() || asked.iter().any(|name| name == kind.name()))
    {
        figures.push(measure(*contender, &corpus, dir.path())?);
    }
    print_table(&corpus, &figures);
    Ok(())
}

fn record_corpus(dir: &Path) -> Result<Corpus> {
    let number = |name: &str, default: u32| -> Result<u32> {
        let Ok(text) = std::env::var(name) else {
            return Ok(default);
        };
        text.parse().with_context(|| format!("parse {name}={text}"))
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("read the clock")?;
    let options = CorpusOptions {
        series: number("VIGIE_BENCH_SERIES", 1_000_000)?,
        samples_per_series: number("VIGIE_BENCH_SAMPLES", 24)?,
        end_ms: now.as_secs() as i64 * 1000,
        file: dir.join("corpus"),
    };
    let started = Instant::now();
    let corpus = Corpus::record(options)?;
    progress(format!(
        "{} samples of {} series, {} label bytes each, encoded in {:.1?}",
        corpus.samples(),
        corpus.series(),
        corpus.raw_label_bytes / u64::from(corpus.series()),
        started.elapsed()
    ));
    Ok(corpus)
}

fn measure(kind: SystemKind, corpus: &Corpus, dir: &Path) -> Result<Figures> {
    let name = kind.name();
    let dir = dir.join(name);
    std::fs::create_dir(&dir).context("make a folder")?;
    let system = System::start(kind, &StartOptions::new(&dir))?;
    progress(format!("{name}: writing"));
    let before = system.account()?;
    let report = corpus.replay(&system.write_url(), CONNECTIONS)?;
    let written = system.account()?;
    progress(format!(
        "{name}: written in {:.1?}, waiting until it has settled",
        report.wall
    ));
    let api = system.api();
    let everything = u64::from(corpus.series());
    wait_until(format!("{name} to show all series"), RESTART_DEADLINE, || {
        Ok(count_series(api, corpus)? == everything)
    })?;
    let settled = settle(&system)?;

    let mut queries = Vec::new();
    for question in &QUESTIONS {
        let (took, answer) = ask(api, question, corpus)?;
        progress(format!("{name}: {} in {took:.1?}", question.title));
        queries.push((took, answer));
    }

    let expected = queries[0].1.only_value()?;
    system.kill9()?;
    let restarted = system.restart(|api| {
        let answer = api.instant(QUESTIONS[0].query, corpus.end_ms())?;
        Ok(answer.only_value()? == expected)
    })?;
    let restart = restarted.first_correct_answer;
    let after = count_series(api, corpus)?;
    if after != everything {
        progress(format!(
            "{name}: LOST SERIES in kill -9: {after} of {everything} are there"
        ));
    }
    let restarted = settle(&system)?;
    progress(format!("{name}: up again after {restart:.2?}"));
    let data_dir = system.data_dir().to_owned();
    drop(system);
    std::fs::remove_dir_all(&data_dir).context("delete the data of a server")?;
    Ok(Figures {
        name,
        write_cpu_seconds: written.cpu_seconds - before.cpu_seconds,
        settled_cpu_seconds: settled.cpu_seconds - before.cpu_seconds,
        wall: report.wall,
        sender_cpu_seconds: report.sender_cpu_seconds,
        shed: report.shed,
        resident_bytes: settled.resident_bytes,
        peak_resident_bytes: settled.peak_resident_bytes,
        disk_bytes: settled.disk_bytes,
        restart,
        restarted_resident_bytes: restarted.resident_bytes,
        queries,
    })
}

fn count_series(api: &Api, corpus: &Corpus) -> Result<u64> {
    Ok(api
        .instant("count({job=\"node-exporter\"})", corpus.end_ms())?
        .only_value()? as u64)
}

/// Waits until background work has come to rest; a server that never rests is measured as it is.
fn settle(system: &System) -> Result<Account> {
    let limits = SettleLimits {
        deadline: SETTLE_DEADLINE,
        ..SettleLimits::default()
    };
    if !system.rest(&limits)?.at_rest {
        progress(format!(
            "{} has not come to rest in {SETTLE_DEADLINE:?}",
            system.kind()
        ));
    }
    system.account()
}

fn ask(api: &Api, question: &Question, corpus: &Corpus) -> Result<(Duration, QueryData)> {
    let mut fastest = Duration::MAX;
    let mut answer = None;
    for _ in 0..QUERY_RUNS {
        let started = Instant::now();
        let data = if question.range {
            api.range(
                question.query,
                corpus.start_ms() + 60_000,
                corpus.end_ms(),
                15_000,
            )?
        } else {
            api.instant(question.query, corpus.end_ms())?
        };
        fastest = fastest.min(started.elapsed());
        answer = Some(data);
    }
    let answer = answer.context("ask at least once")?;
    if answer.series.is_empty() {
        bail!("no answer to {}", question.query);
    }
    Ok((fastest, answer))
}

#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
fn print_table(corpus: &Corpus, all: &[Figures]) {
    let samples = corpus.samples() as f64;
    let series = f64::from(corpus.series());
    let mib = |bytes: u64| format!("{:.0}", bytes as f64 / f64::from(1 << 20));
    println!(
        "\n{} hosts, {} series, {} samples, {} connections; {} bytes of labels a series\n",
        corpus.hosts(),
        corpus.series(),
        corpus.samples(),
        CONNECTIONS,
        corpus.raw_label_bytes / u64::from(corpus.series())
    );
    let row = |title: &str, cell: &dyn Fn(&Figures) -> String| {
        let cells: Vec<String> = all.iter().map(cell).collect();
        println!("| {title} | {} |", cells.join(" | "));
    };
    row("what", &|f| f.name.to_owned());
    println!("|---|{}", "---:|".repeat(all.len()));
    row("CPU us/sample, until the last answer", &|f| {
        format!("{:.3}", f.write_cpu_seconds * 1e6 / samples)
    });
    row("CPU us/sample, until settled", &|f| {
        format!("{:.3}", f.settled_cpu_seconds * 1e6 / samples)
    });
    row("samples/s, wall", &|f| {
        format!("{:.0}", samples / f.wall.as_secs_f64())
    });
    row("sender's own CPU us/sample", &|f| {
        format!("{:.3}", f.sender_cpu_seconds * 1e6 / samples)
    });
    row("requests shed and sent again", &|f| f.shed.to_string());
    row("resident bytes/series, settled", &|f| {
        format!("{:.0}", f.resident_bytes as f64 / series)
    });
    row("resident bytes/series, peak", &|f| {
        format!("{:.0}", f.peak_resident_bytes as f64 / series)
    });
    row("resident bytes/series, after the restart", &|f| {
        format!("{:.0}", f.restarted_resident_bytes as f64 / series)
    });
    row("resident MiB, settled", &|f| mib(f.resident_bytes));
    row("disk bytes/sample, settled", &|f| {
        format!("{:.2}", f.disk_bytes as f64 / samples)
    });
    row("seconds from kill -9 to the first full answer", &|f| {
        format!("{:.2}", f.restart.as_secs_f64())
    });
    for (number, question) in QUESTIONS.iter().enumerate() {
        row(&format!("ms: {}", question.title), &|f| cell(f, number, all));
    }
    println!(
        "\n(*) another answer than that of prometheus, or of the first server if prometheus did not run\n"
    );
}

/// The time of one question, marked where the answer is not the reference's.
fn cell(figures: &Figures, question: usize, all: &[Figures]) -> String {
    let (took, answer) = &figures.queries[question];
    let reference = all.iter().find(|f| f.name == "prometheus").unwrap_or(&all[0]);
    let same = differences(&reference.queries[question].1, answer, 1e-9).is_empty();
    format!(
        "{:.1}{}",
        took.as_secs_f64() * 1000.0,
        if same { "" } else { " (*)" }
    )
}
