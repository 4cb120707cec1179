use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use vigie_differential::{
    Answer, DifferentialReport, FoundDifference, Generator, Options, Query, Queryable, RunSpec, Schema,
    Tolerance, run,
};
use vigie_loadtest::progress::Progress;
use vigie_loadtest::run::{Plan, PlanOptions, Target, feed};
use vigie_loadtest::scenario;
use vigie_systems::{Api, StartOptions, System, SystemKind};
use vigie_workload::Millis;

use super::output::{print, work_dir};
use super::run::parse_duration;

/// Asks two servers the same random PromQL over their live series and prints every difference in its smallest form.
///
/// Servers are given by name, started and filled with the same data, or by URL, if they hold the same data already.
/// Exit status 1 if anything differs.
#[derive(Debug, Args)]
pub(super) struct Diff {
    /// The server that is taken to be right: prometheus, or a URL.
    #[arg(long, default_value = "prometheus", value_name = "NAME|URL")]
    a: String,

    /// The server that is checked.
    #[arg(long, default_value = "vigie", value_name = "NAME|URL")]
    b: String,

    /// What is written into servers given by name.
    #[arg(long, default_value = "smoke", value_name = "SCENARIO")]
    scenario: String,

    /// May be given several times.
    #[arg(long, default_values_t = [1], value_name = "N")]
    seed: Vec<u64>,

    /// Queries of each seed.
    #[arg(long, default_value_t = 1000, value_name = "N")]
    queries: u64,

    /// How far back the queries reach from the end of the data, for servers given by URL.
    #[arg(long, default_value = "3h", value_name = "DURATION", value_parser = parse_duration)]
    window: Millis,

    /// The end of the data in milliseconds since the epoch, for servers given by URL; default now.
    #[arg(long, value_name = "MS")]
    end_ms: Option<i64>,

    /// Numbers that differ by at most this share of the greater one are equal.
    #[arg(long, default_value_t = 1e-12, value_name = "SHARE")]
    tolerance: f64,

    /// How many differences are reduced to their smallest form.
    #[arg(long, default_value_t = 50, value_name = "N")]
    max_differences: usize,

    /// Compare warnings and infos too.
    #[arg(long)]
    annotations: bool,

    /// Also ask for these, which have to be enabled in both; may be given several times.
    #[arg(long, value_enum, value_delimiter = ',', value_name = "FEATURE")]
    with: Vec<Feature>,

    /// Print the queries of the first seed and ask none of them.
    #[arg(long)]
    print: bool,

    /// Write the whole report here as JSON.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// PromQL beyond the stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Feature {
    /// Experimental functions and aggregations.
    ExperimentalFunctions,
    /// Functions and operators of native histograms.
    NativeHistograms,
    /// Arithmetic in ranges and offsets.
    DurationExpressions,
    /// `fill`, `fill_left`, `fill_right`.
    Fill,
    /// `anchored` and `smoothed`.
    ExtendedRanges,
}

/// One of the two, running.
struct Side {
    name: String,
    api: Api,
    /// Keeps it running.
    system: Option<Arc<System>>,
}

impl Queryable for Side {
    fn name(&self) -> &str {
        &self.name
    }

    fn ask(&self, query: &Query) -> Result<Answer> {
        let fields = query.fields();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, &**value)).collect();
        let answer = self.api.post_form(query.path(), &fields)?;
        Answer::parse(answer.status, &answer.body)
    }
}

impl Diff {
    pub(super) fn run(self) -> Result<ExitCode> {
        let progress = Progress::new();
        let dir = work_dir(None)?;
        let is_url = |text: &str| text.starts_with("http://") || text.starts_with("https://");
        ensure!(
            is_url(&self.a) == is_url(&self.b),
            "give both servers by name or both by URL: they must hold the same data"
        );
        let (a, b, start_ms, end_ms) = if is_url(&self.a) {
            let side = |url: &str| -> Result<Side> {
                Ok(Side {
                    name: url.to_owned(),
                    api: Api::new(url.trim_end_matches('/'))?,
                    system: None,
                })
            };
            let end_ms = self.end_ms.map_or_else(now_ms, Ok)?;
            (side(&self.a)?, side(&self.b)?, end_ms - self.window.0, end_ms)
        } else {
            let (scenario, text) = scenario::load(&self.scenario)?;
            let options = PlanOptions {
                seed: self.seed.first().copied().unwrap_or(1),
                scale: None,
                size: None,
                start_ms: None,
                live: false,
            };
            let plan = Plan::new(scenario, text, &options, &dir.path().join("requests"), &progress)?;
            let start = |name: &str| -> Result<Side> {
                let kind: SystemKind = name.parse()?;
                vigie_systems::build(kind, |line| progress.say(line))?;
                let dir = dir.path().join(name);
                std::fs::create_dir_all(&dir).context("make a folder")?;
                let options = StartOptions {
                    out_of_order_ms: plan.scenario.out_of_order_window.0.unsigned_abs(),
                    ..StartOptions::new(&dir)
                };
                let system = Arc::new(System::start(kind, &options)?);
                feed(&plan, &Target::Own(Arc::clone(&system)), &dir, &progress)?;
                Ok(Side {
                    name: name.to_owned(),
                    api: system.api().clone(),
                    system: Some(system),
                })
            };
            let end_ms = plan.end_ms().context("the scenario has no end: set `rounds`")?;
            (start(&self.a)?, start(&self.b)?, plan.data().start_ms, end_ms)
        };
        if self.print {
            let schema = schema(&a, start_ms, end_ms)?;
            let seed = self.seed.first().copied().unwrap_or(1);
            let queries = Generator::new(seed, &schema, self.options(start_ms, end_ms));
            let count = usize::try_from(self.queries).context("count the queries")?;
            queries.take(count).for_each(|query| print(query.to_string()));
            return Ok(ExitCode::SUCCESS);
        }
        let report = self.compare(&a, &b, start_ms, end_ms, &progress)?;
        for system in [a.system, b.system].into_iter().flatten() {
            system.stop()?;
        }
        if let Some(path) = &self.out {
            std::fs::write(path, serde_json::to_vec_pretty(&report)?)
                .with_context(|| format!("write {}", path.display()))?;
        }
        summarise(&report);
        Ok(if report.is_clean() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(1)
        })
    }

    fn options(&self, start_ms: i64, end_ms: i64) -> Options {
        let with = |feature| self.with.contains(&feature);
        Options {
            experimental_functions: with(Feature::ExperimentalFunctions),
            native_histograms: with(Feature::NativeHistograms),
            duration_expressions: with(Feature::DurationExpressions),
            fill: with(Feature::Fill),
            extended_ranges: with(Feature::ExtendedRanges),
            ..Options::new(start_ms, end_ms)
        }
    }

    fn compare(
        &self,
        a: &Side,
        b: &Side,
        start_ms: i64,
        end_ms: i64,
        progress: &Progress,
    ) -> Result<DifferentialReport> {
        let (schema, other) = (schema(a, start_ms, end_ms)?, schema(b, start_ms, end_ms)?);
        let count =
            |schema: &Schema| -> usize { schema.metrics.iter().map(|metric| metric.series.len()).sum() };
        ensure!(
            count(&schema) == count(&other) && count(&schema) > 0,
            "{} holds {} series and {} holds {}; they must hold the same",
            a.name,
            count(&schema),
            b.name,
            count(&other)
        );
        let spec = RunSpec {
            seeds: self.seed.clone(),
            queries_per_seed: self.queries,
            options: self.options(start_ms, end_ms),
            tolerance: Tolerance {
                relative: self.tolerance,
                annotations: self.annotations,
                ..Tolerance::default()
            },
            max_differences: self.max_differences,
            minimise_budget: 600,
        };
        let total = self.queries.saturating_mul(self.seed.len() as u64);
        let stage = progress.stage(format!("asking {} and {}", a.name, b.name), total);
        Ok(run(&spec, &schema, a, b, &mut |now| {
            if let Some(found) = now.found {
                progress.say(describe(found));
            }
            stage.set(now.done, format!("{} differ", now.different));
        }))
    }
}

fn now_ms() -> Result<i64> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("read the clock")?;
    Ok(now.as_millis() as i64)
}

fn schema(side: &Side, start_ms: i64, end_ms: i64) -> Result<Schema> {
    let (start, end) = (start_ms as f64 / 1000.0, end_ms as f64 / 1000.0);
    let series = side.api.post_form(
        "/api/v1/series",
        &[
            ("match[]", "{__name__=~\".+\"}"),
            ("start", &start.to_string()),
            ("end", &end.to_string()),
        ],
    )?;
    let metadata = side.api.get("/api/v1/metadata")?;
    let metadata = (metadata.status == 200).then_some(&*metadata.body);
    Schema::parse(&series.body, metadata).with_context(|| format!("list the series of {}", side.name))
}

fn describe(found: &FoundDifference) -> String {
    format!(
        "seed {} query {} differs{}: {}\n    {} [{}]\n    a: {}\n    b: {}",
        found.seed,
        found.index,
        if found.ill_conditioned {
            " (ill-conditioned)"
        } else {
            ""
        },
        found.detail,
        found.minimal_query,
        found.minimal_grid,
        found.first_answer,
        found.second_answer
    )
}

fn summarise(report: &DifferentialReport) {
    print(format!(
        "{} queries, of which {} valid, and {:.1} % of those with samples; errors {:?}",
        report.queries,
        report.valid,
        100.0 * report.non_empty_share(),
        report.errors
    ));
    for (feature, exercised) in &report.coverage {
        print(format!(
            "  {feature}: {} queries, {} with samples",
            exercised.queries, exercised.non_empty
        ));
    }
    for (signature, count) in &report.different_by_signature {
        print(format!("  {count} differ: {signature}"));
    }
    if let Some(why) = &report.ended_early {
        print(format!("ended early: {why}"));
    }
    print(format!(
        "{} queries were answered differently, {} of them ill-conditioned",
        report.different, report.ill_conditioned
    ));
}
