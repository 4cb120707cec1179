//! Asks two servers the same random queries and prints every difference in its smallest form.
//!
//!     cargo run --release -p vigie-differential --example against -- \
//!         --a http://127.0.0.1:9090 --b http://127.0.0.1:9091 --seed 1 --seed 2 --queries 1000
//!
//! Both must hold the same data between `--start` and `--end`, for example from the example `feed`.
//! The exit status is 1 when something differed.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use vigie_differential::{
    Answer, DifferentialReport, Generator, Options, Query, Queryable, RunSpec, Schema, Tolerance, run,
};
use vigie_e2e::{Api, percent_encode};

#[derive(Debug, Parser)]
struct Arguments {
    /// The server whose live series the queries are written over, the reference.
    #[arg(long)]
    a: String,
    #[arg(long)]
    b: String,
    /// May be given several times.
    #[arg(long, default_values_t = [1])]
    seed: Vec<u64>,
    /// Per seed.
    #[arg(long, default_value_t = 1000)]
    queries: u64,
    /// Unix seconds of the oldest data; three hours before the end if not given.
    #[arg(long)]
    start: Option<f64>,
    /// Unix seconds of the newest data; now if not given.
    #[arg(long)]
    end: Option<f64>,
    #[arg(long, default_value_t = 1e-12)]
    tolerance: f64,
    /// Compares warnings and infos too.
    #[arg(long)]
    annotations: bool,
    /// Experimental functions; both servers need the feature enabled.
    #[arg(long)]
    experimental: bool,
    #[arg(long)]
    native_histograms: bool,
    #[arg(long)]
    duration_expressions: bool,
    #[arg(long)]
    fill: bool,
    #[arg(long)]
    extended_ranges: bool,
    /// How many differences are reduced and printed.
    #[arg(long, default_value_t = 100)]
    max_differences: usize,
    /// Where the report is written as JSON.
    #[arg(long)]
    report: Option<PathBuf>,
    /// Prints the queries of the first seed instead of asking them of `--b`.
    #[arg(long)]
    print: bool,
}

struct Http {
    api: Api,
}

impl Queryable for Http {
    fn name(&self) -> &str {
        self.api.base()
    }

    fn ask(&self, query: &Query) -> Result<Answer> {
        let fields = query.fields();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, &**value)).collect();
        let answer = self.api.post_form(query.path(), &fields)?;
        Answer::parse(answer.status, &answer.body)
    }
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let (a, b) = (
        Http {
            api: Api::new(&arguments.a)?,
        },
        Http {
            api: Api::new(&arguments.b)?,
        },
    );
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
    let end = arguments.end.unwrap_or(now);
    let start = arguments.start.unwrap_or(end - 10_800.0);
    let (schema, other) = (schema(&a, start, end)?, schema(&b, start, end)?);
    let count = |schema: &Schema| -> usize { schema.metrics.iter().map(|metric| metric.series.len()).sum() };
    ensure!(
        count(&schema) == count(&other),
        "the servers hold {} and {} series",
        count(&schema),
        count(&other)
    );
    let mut options = Options::new((start * 1000.0) as i64, (end * 1000.0) as i64);
    options.experimental_functions = arguments.experimental;
    options.native_histograms = arguments.native_histograms;
    options.duration_expressions = arguments.duration_expressions;
    options.fill = arguments.fill;
    options.extended_ranges = arguments.extended_ranges;
    if arguments.print {
        for query in Generator::new(arguments.seed[0], &schema, options).take(arguments.queries as usize) {
            say(&query.to_string());
        }
        return Ok(ExitCode::SUCCESS);
    }
    let spec = RunSpec {
        seeds: arguments.seed,
        queries_per_seed: arguments.queries,
        options,
        tolerance: Tolerance {
            relative: arguments.tolerance,
            annotations: arguments.annotations,
            ..Tolerance::default()
        },
        max_differences: arguments.max_differences,
        minimise_budget: 600,
    };
    let report = run(&spec, &schema, &a, &b, &mut |now| {
        if let Some(found) = now.found {
            say(&format!(
                "seed {} query {}: {}{}\n  {} [{}]\n  a: {}\n  b: {}",
                found.seed,
                found.index,
                if found.ill_conditioned {
                    "ill-conditioned, "
                } else {
                    ""
                },
                found.detail,
                found.minimal_query,
                found.minimal_grid,
                found.first_answer,
                found.second_answer
            ));
        }
        if now.done % 1000 == 0 {
            say(&format!(
                "{} of {} asked, {} differ",
                now.done, now.total, now.different
            ));
        }
    });
    summarise(&report);
    if let Some(path) = &arguments.report {
        std::fs::write(path, serde_json::to_vec_pretty(&report)?).context("write the report")?;
    }
    Ok(if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn schema(system: &Http, start: f64, end: f64) -> Result<Schema> {
    let every = percent_encode(r#"{__name__=~".+"}"#);
    let series = system
        .api
        .get(&format!("/api/v1/series?match[]={every}&start={start}&end={end}"))?;
    let metadata = system.api.get("/api/v1/metadata")?;
    let metadata = (metadata.status == 200).then_some(&*metadata.body);
    Schema::parse(&series.body, metadata)
}

/// A closed pipe is no reason to stop a run whose report goes to a file.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn summarise(report: &DifferentialReport) {
    say(&format!(
        "{} queries, {} valid, {:.1} % of those non-empty, errors {:?}",
        report.queries,
        report.valid,
        100.0 * report.non_empty_share(),
        report.errors
    ));
    for (feature, exercised) in &report.coverage {
        say(&format!(
            "  {feature}: {} queries, {} non-empty",
            exercised.queries, exercised.non_empty
        ));
    }
    for (signature, count) in &report.different_by_signature {
        say(&format!("  {count} differ: {signature}"));
    }
    if let Some(why) = &report.ended_early {
        say(&format!("ended early: {why}"));
    }
    say(&format!(
        "{} queries answered differently, {} of them ill-conditioned",
        report.different, report.ill_conditioned
    ));
}
