//! Reads and runs a script.

use std::collections::HashMap;

use vigie_model::Labels;
use vigie_promql::{
    Answer, EvalError, Expr, MemorySource, ParseOptions, Plan, QueryContext, QueryParams, QueryValue,
    evaluate, parse_with,
};

use super::check::{Expected, Pattern};
use super::classic;
use super::load::{self, Item};
use super::pin::pinned;

/// How a script went.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// `eval` blocks.
    pub evaluations: usize,
    pub failures: Vec<Failure>,
}

#[derive(Debug)]
pub(crate) struct Failure {
    /// From 1.
    pub line: usize,
    pub query: String,
    pub reason: String,
}

#[derive(Debug, Clone, Copy)]
enum When {
    Instant(i64),
    Range(i64, i64, i64),
}

struct Script<'a> {
    lines: Vec<(usize, &'a str)>,
    memory: MemorySource,
    delayed_name_removal: bool,
    report: Report,
}

pub(crate) fn run(text: &str) -> Report {
    let lines = text
        .lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line.trim()))
        .map(|(at, line)| (at, if line.starts_with('#') { "" } else { line }))
        .collect();
    let mut script = Script {
        lines,
        memory: MemorySource::default(),
        delayed_name_removal: true,
        report: Report::default(),
    };
    let mut at = 0;
    while at < script.lines.len() {
        at = script.command(at);
    }
    script.report
}

impl Script<'_> {
    /// Runs the block that begins at a line and returns where the next begins.
    fn command(&mut self, at: usize) -> usize {
        let (number, line) = self.lines[at];
        let end = (at + 1..self.lines.len())
            .find(|at| self.lines[*at].1.is_empty())
            .unwrap_or(self.lines.len());
        let word = line.split_whitespace().next().unwrap_or_default();
        match word {
            "" => at + 1,
            "clear" => {
                self.memory.clear();
                at + 1
            }
            "delayed_name_removal" => {
                self.delayed_name_removal = line.ends_with("on");
                at + 1
            }
            "load" | "load_with_nhcb" => {
                let step_ms = load::time_ms(line.split_whitespace().nth(1).unwrap_or("1m"));
                let mut series: Vec<(Labels, Vec<Item>)> = Vec::new();
                let mut starts: HashMap<Labels, Vec<Option<i64>>> = HashMap::new();
                for (_, line) in &self.lines[at + 1..end] {
                    match load::starts_line(line) {
                        Some((labels, offsets)) => drop(starts.insert(labels, offsets)),
                        None => series.extend(load::series_line(line)),
                    }
                }
                if word == "load_with_nhcb" {
                    series.extend(classic::native_series(&series));
                }
                for (labels, items) in series {
                    let starts = starts.remove(&labels).unwrap_or_default();
                    load::load(&mut self.memory, &labels, &items, &starts, step_ms);
                }
                end
            }
            _ if word.starts_with("eval") => {
                self.report.evaluations += 1;
                let block: Vec<&str> = self.lines[at + 1..end].iter().map(|(_, line)| *line).collect();
                let (when, query) = when(&line[word.len()..]);
                let outcome = expectations(word, &block, when)
                    .and_then(|expected| self.evaluate(query, when, &expected));
                if let Err(reason) = outcome {
                    self.report.failures.push(Failure {
                        line: number,
                        query: query.to_owned(),
                        reason,
                    });
                }
                end
            }
            _ => panic!("line {number}: unknown command {line:?}"),
        }
    }

    fn evaluate(&self, query: &str, when: When, expected: &Expected) -> Result<(), String> {
        let expr = match parse_with(query, &ParseOptions::all()) {
            Ok(expr) => expr,
            Err(error) => return check_failure(expected, &error.to_string()),
        };
        let (params, grid) = match when {
            When::Instant(time_ms) => (QueryParams::instant(query, time_ms), None),
            When::Range(start, end, step) => (
                QueryParams::range(query, start, end, step),
                Some((start, end, step)),
            ),
        };
        self.once(&expr, &params, grid, expected)?;
        let When::Instant(time_ms) = when else {
            return Ok(());
        };
        self.as_range(query, &expr, time_ms, expected)?;
        let elsewhere = if time_ms == 0 {
            [-1_000, 0, 1_000, 0, 0]
        } else {
            [-10 * time_ms, 0, time_ms / 5, time_ms, 10 * time_ms]
        };
        if let Some(expr) = pinned(&expr, time_ms) {
            for time_ms in elsewhere {
                self.once(&expr, &QueryParams::instant(query, time_ms), None, expected)
                    .map_err(|reason| format!("pinned, at {time_ms}: {reason}"))?;
                self.as_range(query, &expr, time_ms, expected)
                    .map_err(|reason| format!("pinned, at {time_ms}: {reason}"))?;
            }
        }
        Ok(())
    }

    fn once(
        &self,
        expr: &Expr,
        params: &QueryParams,
        grid: Option<(i64, i64, i64)>,
        expected: &Expected,
    ) -> Result<(), String> {
        match self.answer(expr, params) {
            Err(error) => check_failure(expected, &error.to_string()),
            Ok(_) if expected.fail.is_some() => Err("succeeded, expected to fail".to_owned()),
            Ok(answer) => {
                expected.check_annotations(&answer.annotations)?;
                expected.check_value(&answer.value, grid)
            }
        }
    }

    /// The middle step of a range query is the same as the instant query.
    fn as_range(&self, query: &str, expr: &Expr, time_ms: i64, expected: &Expected) -> Result<(), String> {
        let depends = ["start()", "end()", "range()", "step()"];
        let is_series = expected.string.is_none() && expected.range.is_none();
        if expected.fail.is_some() || !is_series || depends.iter().any(|text| query.contains(text)) {
            return Ok(());
        }
        let params = QueryParams::range(query, time_ms - 60_000, time_ms + 60_000, 60_000);
        let answer = self
            .answer(expr, &params)
            .map_err(|error| format!("as range query at {time_ms}: {error}"))?;
        if expected.ordered {
            return Ok(());
        }
        let QueryValue::Matrix(mut rows) = answer.value else {
            return Err("a range query gives no range vector".to_owned());
        };
        for row in &mut rows {
            let at = row.timestamps_ms.iter().position(|at_ms| *at_ms == time_ms);
            row.values = at.map(|at| row.values[at]).into_iter().collect();
            row.timestamps_ms = at.map(|_| time_ms).into_iter().collect();
            row.histograms.retain(|(at_ms, _)| *at_ms == time_ms);
        }
        rows.retain(|row| !row.values.is_empty() || !row.histograms.is_empty());
        expected
            .check_value(&QueryValue::Matrix(rows), Some((time_ms, time_ms, 1)))
            .map_err(|reason| format!("as range query: {reason}"))
    }

    fn answer(&self, expr: &Expr, params: &QueryParams) -> Result<vigie_promql::Answer, EvalError> {
        let params = QueryParams {
            delayed_name_removal: self.delayed_name_removal,
            use_start_timestamps: true,
            ..params.clone()
        };
        let plan = Plan::new(expr, &params)?;
        // Every query of every script on three threads too: nothing may differ, not even an error.
        let answer = evaluate(&plan, &self.memory, &QueryContext::unlimited());
        let threads = QueryContext {
            threads: 3,
            ..QueryContext::unlimited()
        };
        let parallel = evaluate(&plan, &self.memory, &threads);
        let value = |answer: &Result<Answer, EvalError>| match answer {
            Ok(answer) => format!("{:?} {:?}", answer.value, answer.annotations),
            Err(error) => error.to_string(),
        };
        assert_eq!(value(&answer), value(&parallel), "on three threads");
        answer
    }
}

fn check_failure(expected: &Expected, message: &str) -> Result<(), String> {
    match &expected.fail {
        None => Err(format!("failed: {message}")),
        Some(patterns) => match patterns.iter().find(|pattern| !pattern.matches(message)) {
            Some(pattern) => Err(format!("failed with {message:?}, expected {pattern:?}")),
            None => Ok(()),
        },
    }
}

/// `instant at T EXPR` or `range from T to T step D EXPR`.
fn when(text: &str) -> (When, &str) {
    let mut rest = text.trim_start();
    let mut word = || {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after.trim_start();
        word
    };
    let when = if word() == "instant" {
        word();
        When::Instant(load::time_ms(word()))
    } else {
        word();
        let start = load::time_ms(word());
        word();
        let end = load::time_ms(word());
        word();
        When::Range(start, end, load::time_ms(word()))
    };
    (when, rest)
}

fn expectations(word: &str, block: &[&str], when: When) -> Result<Expected, String> {
    let mut expected = Expected::default();
    match word {
        "eval_fail" => expected.fail = Some(Vec::new()),
        "eval_warn" => expected.warn.push(Pattern::Anything),
        "eval_info" => expected.info.push(Pattern::Anything),
        "eval_ordered" => expected.ordered = true,
        _ => {}
    }
    for line in block {
        if let Some(message) = line.strip_prefix("expected_fail_message") {
            let pattern = Pattern::Text(message.trim().to_owned());
            expected.fail.get_or_insert_default().push(pattern);
        } else if let Some(regex) = line.strip_prefix("expected_fail_regexp") {
            let pattern = Pattern::parse(&format!("regex:{regex}"));
            expected.fail.get_or_insert_default().push(pattern);
        } else if let Some(statement) = line
            .strip_prefix("expect")
            .filter(|rest| rest.starts_with(char::is_whitespace))
        {
            expect(statement.trim(), &mut expected)?;
        } else if let Ok(scalar) = line.parse::<f64>() {
            expected.scalar = Some(scalar);
        } else {
            let series = load::series_line(line).ok_or_else(|| format!("not a series: {line}"))?;
            if matches!(when, When::Instant(_)) && expected.range.is_none() && series.1.len() != 1 {
                return Err(format!("not one value: {line}"));
            }
            expected.series.push(series);
        }
    }
    Ok(expected)
}

fn expect(statement: &str, expected: &mut Expected) -> Result<(), String> {
    let (word, rest) = statement
        .split_once(char::is_whitespace)
        .unwrap_or((statement, ""));
    match word {
        "fail" => expected.fail.get_or_insert_default().push(Pattern::parse(rest)),
        "warn" => expected.warn.push(Pattern::parse(rest)),
        "info" => expected.info.push(Pattern::parse(rest)),
        "no_warn" => expected.no_warn = true,
        "no_info" => expected.no_info = true,
        "ordered" => expected.ordered = true,
        "string" => {
            let expr = parse_with(rest.trim(), &ParseOptions::all()).map_err(|error| error.to_string())?;
            let vigie_promql::ExprKind::String(text) = expr.kind else {
                return Err(format!("not a string: {rest}"));
            };
            expected.string = Some(text);
        }
        "range" => {
            let words: Vec<&str> = rest.split_whitespace().collect();
            let &["vector", "from", start, "to", end, "step", step] = words.as_slice() else {
                return Err(format!("not a range: {rest}"));
            };
            expected.range = Some((load::time_ms(start), load::time_ms(end), load::time_ms(step)));
        }
        _ => return Err(format!("unknown expectation {statement:?}")),
    }
    Ok(())
}
