use std::fmt::Write as _;

use crate::units::{Unit, count, digits, thousands};
use crate::{Answers, Figure, Outcome, RunResult, SystemRun, Verdict};

/// Systems beside each other: a row for each quantity, a column for each system, medians over rounds.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparisonTable {
    pub columns: Vec<String>,
    /// The column that ratios are to, if it is among them.
    pub reference: Option<usize>,
    pub rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// With its unit.
    pub name: String,
    pub better: Better,
    /// One for each column.
    pub cells: Vec<Cell>,
}

/// Which way is favourable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    Lower,
    Higher,
    Neither,
}

/// What one system has in one row. Never blank: where there is no number, `text` says why.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cell {
    /// The number or its reason.
    pub text: String,
    /// The median over the rounds that gave a number.
    pub median: Option<f64>,
    /// The range over several rounds, as text, if they differ.
    pub range: Option<String>,
    /// The median by that of the reference column.
    pub ratio: Option<f64>,
    /// What limits the number: rounds that failed, answers that differ.
    pub note: Option<String>,
}

/// How a row's numbers are written.
#[derive(Clone, Copy)]
struct Kind {
    better: Better,
    format: fn(f64) -> String,
}

const LOWER: Kind = Kind {
    better: Better::Lower,
    format: digits,
};
const HIGHER: Kind = Kind {
    better: Better::Higher,
    format: digits,
};
const LOWER_TIME: Kind = Kind {
    better: Better::Lower,
    format: |value| Unit::Seconds.format(value),
};
const LOWER_COUNT: Kind = Kind {
    better: Better::Lower,
    format: |value| thousands(value.round() as i64),
};
const NEUTRAL: Kind = Kind {
    better: Better::Neither,
    format: digits,
};

impl ComparisonTable {
    /// Ratios are to the system named `reference`; without it there are none.
    pub fn new(result: &RunResult, reference: Option<&str>) -> Self {
        let names = result.system_names();
        let mut builder = Builder {
            columns: names
                .iter()
                .map(|name| result.systems.iter().filter(|run| run.system == *name).collect())
                .collect(),
            reference: reference.and_then(|reference| names.iter().position(|name| *name == reference)),
            rows: Vec::new(),
        };
        builder.writing();
        builder.resources();
        builder.queries();
        builder.proof();
        Self {
            columns: names.into_iter().map(str::to_owned).collect(),
            reference: builder.reference,
            rows: builder.rows,
        }
    }

    /// A Markdown table; aligned as plain text too, for terminals.
    pub fn to_markdown(&self) -> String {
        let mut lines = vec![vec!["".to_owned()]];
        lines[0].extend(self.columns.iter().map(|column| escape_cell(column)));
        for row in &self.rows {
            let arrow = match row.better {
                Better::Lower => " ↓",
                Better::Higher => " ↑",
                Better::Neither => "",
            };
            let mut line = vec![format!("{}{arrow}", escape_cell(&row.name))];
            line.extend(row.cells.iter().map(|cell| escape_cell(&cell.to_string())));
            lines.push(line);
        }
        let widths: Vec<usize> = (0..=self.columns.len())
            .map(|column| {
                lines
                    .iter()
                    .map(|line| line[column].chars().count())
                    .max()
                    .unwrap_or(0)
                    .max(3)
            })
            .collect();
        let mut text = String::new();
        for (index, line) in lines.iter().enumerate() {
            for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
                let padding = " ".repeat(width - cell.chars().count());
                // Writing to a string cannot fail.
                let _ = if column == 0 {
                    write!(text, "| {cell}{padding} ")
                } else {
                    write!(text, "| {padding}{cell} ")
                };
            }
            text.push_str("|\n");
            if index == 0 {
                for (column, width) in widths.iter().enumerate() {
                    let dashes = "-".repeat(width + 1);
                    let _ = if column == 0 {
                        write!(text, "|{dashes}-")
                    } else {
                        write!(text, "|{dashes}:")
                    };
                }
                text.push_str("|\n");
            }
        }
        text
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.text)?;
        if let Some(ratio) = self.ratio {
            write!(f, " (×{})", digits(ratio))?;
        }
        if let Some(range) = &self.range {
            write!(f, " [{range}]")?;
        }
        if let Some(note) = &self.note {
            write!(f, "; {note}")?;
        }
        Ok(())
    }
}

/// A vertical line would end the cell, a line feed the row.
pub(crate) fn escape_cell(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('|', "\\|")
        .replace(['\n', '\r'], " ")
}

struct Builder<'a> {
    /// The rounds of each system.
    columns: Vec<Vec<&'a SystemRun>>,
    reference: Option<usize>,
    rows: Vec<Row>,
}

impl<'a> Builder<'a> {
    fn writing(&mut self) {
        self.texts("acknowledged means", |run| run.durability.clone());
        self.numbers("CPU µs/sample, until the last answer", LOWER, |run| {
            run.totals
                .cpu_seconds
                .per(run.totals.samples_acked)
                .map(|s| s * 1e6)
        });
        self.numbers("CPU µs/sample, until settled", LOWER, |run| {
            run.totals
                .cpu_seconds_settled
                .per(run.totals.samples_acked)
                .map(|s| s * 1e6)
        });
        self.numbers("samples/s", HIGHER, |run| {
            let seconds = run.totals.elapsed_seconds;
            Figure::from_option((seconds > 0.0).then(|| run.totals.samples_acked as f64 / seconds))
        });
        for (name, quantile) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
            self.numbers(&format!("acknowledgement, {name}"), LOWER_TIME, |run| {
                Figure::from_option(run.ack_latency.quantile_us(quantile).map(|us| us as f64 / 1e6))
            });
        }
        self.numbers("requests refused, failed or missed", LOWER_COUNT, |run| {
            let totals = &run.totals;
            Figure::Value((totals.requests_refused + totals.requests_failed + totals.requests_missed) as f64)
        });
        self.numbers("bytes sent/sample", NEUTRAL, |run| {
            Figure::Value(run.totals.bytes_sent as f64).per(run.totals.samples_sent)
        });
    }

    fn resources(&mut self) {
        self.numbers("resident bytes/series, settled", LOWER, |run| {
            run.totals.resident_bytes_settled.per(run.totals.active_series)
        });
        self.numbers("resident bytes/series, peak", LOWER, |run| {
            run.totals.resident_bytes_peak.per(run.totals.active_series)
        });
        self.numbers("disk bytes/sample, after compaction", LOWER, |run| {
            run.totals.disk_bytes_settled.per(run.totals.samples_acked)
        });
        self.numbers("restart, to the first full answer", LOWER_TIME, |run| {
            run.restart_seconds.clone()
        });
        self.numbers("resident bytes/series, after the restart", LOWER, |run| {
            run.totals
                .resident_bytes_after_restart
                .per(run.totals.active_series)
        });
    }

    fn queries(&mut self) {
        let mut names: Vec<&str> = Vec::new();
        for query in self.columns.iter().flatten().flat_map(|run| &run.queries) {
            if !names.contains(&query.name.as_str()) {
                names.push(&query.name);
            }
        }
        if names.is_empty() {
            return;
        }
        self.numbers("queries: CPU/query", LOWER_TIME, |run| {
            run.query_cpu_seconds
                .per(run.queries.iter().map(|query| query.latency.count()).sum())
        });
        for (label, quantile) in [("p50", 0.5), ("p99", 0.99)] {
            for name in &names {
                self.numbers(&format!("query {name}, {label}"), LOWER_TIME, |run| {
                    let query = run.queries.iter().find(|query| query.name == *name);
                    query.map_or(Figure::NotMeasured, |query| {
                        match query.latency.quantile_us(quantile) {
                            Some(us) => Figure::Value(us as f64 / 1e6),
                            None if query.failed > 0 => {
                                Figure::Failed(format!("{} times", count(query.failed)))
                            }
                            None => Figure::NotMeasured,
                        }
                    })
                });
                self.note_answers(name);
            }
        }
    }

    fn proof(&mut self) {
        self.texts("query answers", answers_text);
        self.texts("read back", |run| verdict_text(run.verdict.as_ref()));
        self.numbers("load tester's CPU µs/sample", NEUTRAL, |run| {
            run.generator
                .cpu_seconds
                .per(run.totals.samples_sent)
                .map(|s| s * 1e6)
        });
        self.numbers("load tester's CPU, share of the system's", NEUTRAL, |run| match (
            run.generator.cpu_seconds.value(),
            run.totals.cpu_seconds.value(),
        ) {
            (Some(own), Some(system)) if system > 0.0 => Figure::Value(own / system),
            _ => Figure::NotMeasured,
        });
    }

    fn numbers(&mut self, name: &str, kind: Kind, figure: impl Fn(&SystemRun) -> Figure) {
        let mut cells: Vec<Cell> = self
            .columns
            .iter()
            .map(|rounds| number_cell(rounds, kind.format, &figure))
            .collect();
        let base = self
            .reference
            .and_then(|reference| cells[reference].median)
            .filter(|base| *base != 0.0);
        for cell in &mut cells {
            cell.ratio = cell.median.zip(base).map(|(median, base)| median / base);
        }
        if let Some(reference) = self.reference {
            cells[reference].ratio = None;
        }
        let is_asked = |run: &&SystemRun| !matches!(figure(run), Figure::NotMeasured);
        // A row nobody was asked for says nothing.
        if self.columns.iter().flatten().any(is_asked) {
            self.rows.push(Row {
                name: name.to_owned(),
                better: kind.better,
                cells,
            });
        }
    }

    fn texts(&mut self, name: &str, text: impl Fn(&SystemRun) -> String) {
        let cells = self
            .columns
            .iter()
            .map(|rounds| {
                let mut texts: Vec<String> = Vec::new();
                for run in rounds {
                    let own = match &run.outcome {
                        Outcome::NotSupported => "not supported".to_owned(),
                        Outcome::Failed(_) | Outcome::Finished => text(run),
                    };
                    if !texts.contains(&own) {
                        texts.push(own);
                    }
                }
                Cell {
                    text: texts.join("; "),
                    ..Cell::default()
                }
            })
            .collect();
        self.rows.push(Row {
            name: name.to_owned(),
            better: Better::Neither,
            cells,
        });
    }

    /// Says in the newest row where a query's answers were wrong or missing, since a wrong answer may well be fast.
    fn note_answers(&mut self, name: &str) {
        let Some(row) = self.rows.last_mut() else {
            return;
        };
        for (cell, rounds) in row.cells.iter_mut().zip(&self.columns) {
            let queries = || {
                rounds
                    .iter()
                    .flat_map(|run| &run.queries)
                    .filter(|query| query.name == name)
            };
            let failed: u64 = queries().map(|query| query.failed).sum();
            let differs = queries().any(|query| matches!(query.answers, Answers::Differ { .. }));
            let mut notes: Vec<String> = cell.note.take().into_iter().collect();
            if differs {
                notes.push("other answer".to_owned());
            }
            if failed > 0 && cell.median.is_some() {
                notes.push(format!("{} failed", count(failed)));
            }
            cell.note = (!notes.is_empty()).then(|| notes.join("; "));
        }
    }
}

fn number_cell(
    rounds: &[&SystemRun],
    format: fn(f64) -> String,
    figure: &impl Fn(&SystemRun) -> Figure,
) -> Cell {
    let mut values = Vec::new();
    let mut reasons: Vec<String> = Vec::new();
    for run in rounds {
        let figure = match &run.outcome {
            Outcome::Finished => figure(run),
            Outcome::NotSupported => Figure::NotSupported,
            Outcome::Failed(why) => Figure::Failed(why.clone()),
        };
        values.extend(figure.value().filter(|value| value.is_finite()));
        reasons.extend(figure.reason());
    }
    values.sort_unstable_by(f64::total_cmp);
    let missing = reasons.len();
    reasons.dedup();
    let Some((lowest, highest)) = values.first().copied().zip(values.last().copied()) else {
        return Cell {
            text: if reasons.is_empty() {
                "not measured".to_owned()
            } else {
                reasons.join("; ")
            },
            ..Cell::default()
        };
    };
    let middle = values.len() / 2;
    let median = if values.len().is_multiple_of(2) {
        f64::midpoint(values[middle - 1], values[middle])
    } else {
        values[middle]
    };
    Cell {
        text: format(median),
        median: Some(median),
        range: (lowest < highest).then(|| format!("{} – {}", format(lowest), format(highest))),
        ratio: None,
        note: (missing > 0).then(|| format!("{missing} of {} rounds {}", rounds.len(), reasons.join(", "))),
    }
}

fn answers_text(run: &SystemRun) -> String {
    let (mut checked, mut equal, mut unchecked) = (0, 0, 0);
    for query in &run.queries {
        match &query.answers {
            Answers::NotChecked => unchecked += 1,
            Answers::Equal { .. } => {
                checked += 1;
                equal += 1;
            }
            Answers::Differ { .. } => checked += 1,
        }
    }
    match (checked, unchecked) {
        (0, _) => "not checked".to_owned(),
        (_, 0) => format!("{equal} of {checked} queries equal"),
        _ => format!("{equal} of {checked} queries equal, {unchecked} not checked"),
    }
}

/// A verdict in a line.
pub(crate) fn verdict_text(verdict: Option<&Verdict>) -> String {
    let Some(verdict) = verdict else {
        return "not read back".to_owned();
    };
    let samples = count(verdict.samples_expected);
    if !verdict.is_clean() {
        let faults: Vec<String> = verdict
            .faults
            .iter()
            .map(|(fault, number)| format!("{} {}", count(*number), fault.words()))
            .collect();
        return format!("FAULTY: {} (of {samples} samples)", faults.join(", "));
    }
    if verdict.samples_expected == 0 && verdict.pairs_proven == 0 {
        return "nothing to read back".to_owned();
    }
    let nan = match verdict.samples_only_nan {
        0 => String::new(),
        number => format!(", {} only as NaN", count(number)),
    };
    format!("all {samples} samples, exactly once{nan}")
}
