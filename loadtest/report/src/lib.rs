//! The results of load tests: what is kept as JSON, and how it is shown.
//!
//! A [`RunResult`] holds everything a run or a comparison found, with what a stranger needs to judge it: the machine,
//! the scenario, every system's settings and durability, and what is unfavourable. [`ComparisonTable`] puts systems
//! beside each other, [`render_markdown`] and [`render_html`] make the reports; the latter is one file that needs no
//! network and draws its plots itself.
//!
//! The crate must not know how load is made, how systems are driven, files or the network: values in, texts out.

mod error;
mod figure;
mod html;
mod latency;
mod markdown;
mod plot;
mod ranges;
mod result;
mod series;
mod sparkline;
mod table;
mod units;

pub use error::ReportError;
pub use figure::Figure;
pub use html::render_html;
pub use latency::LatencyHistogram;
pub use markdown::render_markdown;
pub use result::{
    Answers, Event, Generator, Interval, Machine, Outcome, QueryResult, RunResult, SCHEMA_VERSION, Scenario,
    Setting, SystemRun, Totals,
};
pub use table::{Better, Cell, ComparisonTable, Row};
pub use vigie_ledger::Verdict;
