use std::fmt::Write as _;

use crate::series::QUANTITIES;
use crate::sparkline::sparkline;
use crate::table::{escape_cell, verdict_text};
use crate::units::{bytes, count, digits, seconds};
use crate::{Answers, ComparisonTable, Machine, Outcome, RunResult, SystemRun};

const SPARKLINE_WIDTH: usize = 60;

/// The report as Markdown: the table, with ratios to the first system if there are several, time series as lines of
/// text, queries, what was read back, settings, machine and scenario.
pub fn render_markdown(result: &RunResult) -> String {
    let mut page = Page::default();
    page.line(&format!("# {}", inline(&result.title)));
    page.line("");
    page.line(&format!(
        "Scenario {}, seed {}, started {}.",
        inline(&result.scenario.name),
        result.scenario.seed,
        inline(&result.started)
    ));
    page.remarks(result);
    page.heading("Table");
    let names = result.system_names();
    let reference = names.first().filter(|_| names.len() > 1).copied();
    let table = ComparisonTable::new(result, reference);
    page.text.push_str(&table.to_markdown());
    page.line("");
    page.line("↓ lower is better, ↑ higher; × ratio to the first column; medians over rounds, with lowest and highest.");
    page.over_time(result);
    page.queries(result);
    page.read_back(result);
    page.settings(result);
    page.heading("Machine");
    page.line(&inline(&machine_line(&result.machine)));
    page.heading("Scenario");
    page.block(&result.scenario.text);
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn heading(&mut self, heading: &str) {
        // Writing to a string cannot fail.
        let _ = write!(self.text, "\n## {heading}\n\n");
    }

    /// Preformatted, between fences longer than any within.
    fn block(&mut self, text: &str) {
        let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat((longest + 1).max(3));
        self.line(&fence);
        self.line(text.trim_end());
        self.line(&fence);
    }

    fn remarks(&mut self, result: &RunResult) {
        let remarks = all_remarks(result);
        if remarks.is_empty() {
            return;
        }
        self.heading("Remarks");
        for remark in remarks {
            self.line(&format!("- {}", inline(&remark)));
        }
    }

    fn over_time(&mut self, result: &RunResult) {
        if QUANTITIES.iter().all(|quantity| !quantity.is_in(result)) {
            return;
        }
        self.heading("Over time");
        self.line("| | | lowest | highest | over time |");
        self.line("|---|---|---:|---:|---|");
        for quantity in QUANTITIES.iter().filter(|quantity| quantity.is_in(result)) {
            for run in &result.systems {
                let values = quantity.values(run);
                let present = || values.iter().flatten().copied();
                let (Some(lowest), Some(highest)) = (present().reduce(f64::min), present().reduce(f64::max))
                else {
                    continue;
                };
                self.line(&format!(
                    "| {} | {} | {} | {} | `{}` |",
                    quantity.title,
                    escape_cell(&inline(&run_name(result, run))),
                    quantity.unit.format(lowest),
                    quantity.unit.format(highest),
                    sparkline(&values, SPARKLINE_WIDTH)
                ));
            }
        }
    }

    fn queries(&mut self, result: &RunResult) {
        if result.systems.iter().all(|run| run.queries.is_empty()) {
            return;
        }
        self.heading("Queries");
        self.line("| query | system | count | failed | p50 | p99 | p99.9 | answers |");
        self.line("|---|---|---:|---:|---:|---:|---:|---|");
        let mut expressions: Vec<(&str, &str)> = Vec::new();
        for run in &result.systems {
            for query in &run.queries {
                let quantile = |quantile| {
                    query
                        .latency
                        .quantile_us(quantile)
                        .map_or("none".to_owned(), |us| seconds(us as f64 / 1e6))
                };
                self.line(&format!(
                    "| {} | {} | {} | {} | {} | {} | {} | {} |",
                    escape_cell(&inline(&query.name)),
                    escape_cell(&inline(&run_name(result, run))),
                    count(query.latency.count()),
                    count(query.failed),
                    quantile(0.5),
                    quantile(0.99),
                    quantile(0.999),
                    escape_cell(&inline(&answers_line(&query.answers)))
                ));
                if !expressions.iter().any(|(name, _)| *name == query.name) {
                    expressions.push((&query.name, &query.expr));
                }
            }
        }
        self.line("");
        let texts: Vec<String> = expressions
            .iter()
            .map(|(name, expr)| format!("{name}: {expr}"))
            .collect();
        self.block(&texts.join("\n"));
    }

    fn read_back(&mut self, result: &RunResult) {
        if result.systems.iter().all(|run| run.verdict.is_none()) {
            return;
        }
        self.heading("Read back");
        for run in &result.systems {
            self.line(&format!(
                "- {}: {}",
                inline(&run_name(result, run)),
                verdict_text(run.verdict.as_ref())
            ));
        }
        for run in &result.systems {
            if let Some(verdict) = &run.verdict {
                self.line("");
                self.line(&format!("{}:", inline(&run_name(result, run))));
                self.line("");
                self.block(&verdict.to_string());
            }
        }
    }

    fn settings(&mut self, result: &RunResult) {
        self.heading("Systems");
        for run in first_rounds(result) {
            self.line(&format!(
                "**{}** {}; acknowledged means: {}.",
                inline(&run.system),
                inline(&run.version),
                inline(&run.durability)
            ));
            self.line("");
            if !run.settings.is_empty() {
                self.line("| setting | value | reason |");
                self.line("|---|---|---|");
                for setting in &run.settings {
                    self.line(&format!(
                        "| {} | {} | {} |",
                        escape_cell(&inline(&setting.name)),
                        escape_cell(&inline(&setting.value)),
                        escape_cell(&inline(&setting.reason))
                    ));
                }
                self.line("");
            }
        }
    }
}

/// Text that must not turn into markup.
fn inline(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '*' | '_' | '`' | '[' | ']' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '\n' | '\r' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Those of the whole, of each system, what failed, and what each verdict is limited by.
pub(crate) fn all_remarks(result: &RunResult) -> Vec<String> {
    let mut remarks = result.remarks.clone();
    for run in &result.systems {
        let name = run_name(result, run);
        match &run.outcome {
            Outcome::Finished => {}
            Outcome::NotSupported => remarks.push(format!("{name}: the scenario is not supported")),
            Outcome::Failed(why) => remarks.push(format!("{name}: failed: {why}")),
        }
        remarks.extend(run.remarks.iter().map(|remark| format!("{name}: {remark}")));
        if let Some(verdict) = &run.verdict {
            remarks.extend(
                verdict
                    .remarks
                    .iter()
                    .map(|remark| format!("{name}, read back: {remark}")),
            );
        }
    }
    remarks
}

/// The system, with its round if any system ran in several.
pub(crate) fn run_name(result: &RunResult, run: &SystemRun) -> String {
    if result.systems.iter().any(|run| run.round > 1) {
        format!("{}, round {}", run.system, run.round)
    } else {
        run.system.clone()
    }
}

/// One run of each system, for what does not change between rounds.
pub(crate) fn first_rounds(result: &RunResult) -> Vec<&SystemRun> {
    result
        .system_names()
        .into_iter()
        .filter_map(|name| result.systems.iter().find(|run| run.system == name))
        .collect()
}

pub(crate) fn answers_line(answers: &Answers) -> String {
    match answers {
        Answers::NotChecked => "not checked".to_owned(),
        Answers::Equal { to, checked } => format!("{} equal {to}", count(*checked)),
        Answers::Differ {
            to,
            checked,
            differing,
            examples,
        } => format!(
            "{} of {} differ from {to}: {}",
            count(*differing),
            count(*checked),
            examples.join("; ")
        ),
    }
}

pub(crate) fn machine_line(machine: &Machine) -> String {
    let [one, five, fifteen] = machine.load_before;
    format!(
        "{}, {} cores, {} memory, kernel {}, disk: {}; load before: {}, {}, {}.",
        machine.cpu_model,
        machine.cores,
        bytes(machine.memory_bytes as f64),
        machine.kernel,
        machine.disk,
        digits(one),
        digits(five),
        digits(fifteen)
    )
}
