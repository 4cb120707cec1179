//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use vigie_promql::ParseOptions;

/// Queries and rules: check, format, test, ask.
#[derive(Debug, Parser)]
#[command(name = "vigie promql", version)]
pub(crate) struct Cli {
    /// Feature flags of Prometheus, separated by commas: promql-experimental-functions,
    /// promql-extended-range-selectors, promql-binop-fill-modifiers, promql-delayed-name-removal.
    #[arg(
        long = "enable-feature",
        value_delimiter = ',',
        global = true,
        value_name = "FEATURES"
    )]
    features: Vec<String>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|given| given == feature)
    }

    pub(crate) fn parse_options(&self) -> ParseOptions {
        ParseOptions {
            experimental_functions: self.has("promql-experimental-functions"),
            extended_range_selectors: self.has("promql-extended-range-selectors"),
            fill_modifiers: self.has("promql-binop-fill-modifiers"),
        }
    }

    pub(crate) fn delayed_name_removal(&self) -> bool {
        self.has("promql-delayed-name-removal")
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check if rule files are valid.
    Check(CheckCommand),
    /// Print a query in its pretty form.
    Format { query: String },
    /// Unit testing.
    Test {
        /// Write the results as JUnit's XML to this file as well.
        #[arg(long, global = true, value_name = "FILE")]
        junit: Option<PathBuf>,
        #[command(subcommand)]
        command: TestCommand,
    },
    /// Ask a server.
    Query {
        /// Output format of the query.
        #[arg(short = 'o', long, global = true, value_enum, default_value = "promql")]
        format: Format,
        #[command(subcommand)]
        command: QueryCommand,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CheckCommand {
    /// Linting checks to apply: all, duplicate-rules, none.
    #[arg(long, default_value = "duplicate-rules", value_delimiter = ',')]
    pub(crate) lint: Vec<String>,
    /// Make lint errors exit with exit code 3.
    #[arg(long)]
    pub(crate) lint_fatal: bool,
    /// Pass over fields that Prometheus does not know.
    #[arg(long)]
    pub(crate) ignore_unknown_fields: bool,
    /// Rule files; standard input if there are none.
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TestCommand {
    /// Unit tests for rules.
    Rules(TestRulesCommand),
}

#[derive(Debug, Args)]
pub(crate) struct TestRulesCommand {
    /// Only run groups of tests whose names match one of these.
    #[arg(long, value_name = "REGEX")]
    pub(crate) run: Vec<String>,
    /// Say when tests start, and what was stored at their end.
    #[arg(long)]
    pub(crate) debug: bool,
    /// Print what differs between expected and received alerts, in colours.
    #[arg(long)]
    pub(crate) diff: bool,
    /// Pass over fields of rule files that Prometheus does not know.
    #[arg(long)]
    pub(crate) ignore_unknown_fields: bool,
    /// Test files.
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Promql,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum QueryCommand {
    /// Run an instant query.
    Instant {
        /// Server to query.
        server: String,
        expr: String,
        /// Evaluation time (RFC3339 or Unix timestamp); now.
        #[arg(long, allow_hyphen_values = true)]
        time: Option<String>,
        /// Extra headers to send, as NAME=VALUE.
        #[arg(long)]
        header: Vec<String>,
    },
    /// Run a range query.
    Range {
        /// Server to query.
        server: String,
        expr: String,
        /// Extra headers to send, as NAME=VALUE.
        #[arg(long)]
        header: Vec<String>,
        /// Start (RFC3339 or Unix timestamp); five minutes before the end.
        #[arg(long, allow_hyphen_values = true)]
        start: Option<String>,
        /// End (RFC3339 or Unix timestamp); now.
        #[arg(long, allow_hyphen_values = true)]
        end: Option<String>,
        /// Step; a 250th of the range.
        #[arg(long)]
        step: Option<String>,
    },
    /// Find series.
    Series {
        /// Server to query.
        server: String,
        /// Series selector; may be given several times.
        #[arg(long = "match", required = true)]
        matches: Vec<String>,
        #[command(flatten)]
        span: SpanArguments,
    },
    /// Find the values of a label.
    Labels {
        /// Server to query.
        server: String,
        name: String,
        /// Series selector; may be given several times.
        #[arg(long = "match")]
        matches: Vec<String>,
        #[command(flatten)]
        span: SpanArguments,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SpanArguments {
    /// Start (RFC3339 or Unix timestamp).
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) start: Option<String>,
    /// End (RFC3339 or Unix timestamp).
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) end: Option<String>,
}
