use std::fmt::Write as _;

use crate::markdown::{all_remarks, answers_line, first_rounds, machine_line, run_name};
use crate::plot::{Line, LinePlot};
use crate::ranges::query_ranges;
use crate::series::{QUANTITIES, Quantity};
use crate::table::verdict_text;
use crate::units::{Unit, count, digits, seconds};
use crate::{Answers, Better, Cell, ComparisonTable, RunResult, SystemRun, Verdict};

/// The report as one HTML file, which loads nothing: for one run, or several systems overlaid. Ratios are to the
/// first system.
pub fn render_html(result: &RunResult) -> String {
    let mut page = Page::default();
    page.header(result);
    page.remarks(result);
    page.table(result);
    page.plots(result);
    page.queries(result);
    page.read_back(result);
    page.systems(result);
    page.section("Machine", |page| {
        page.element("p", &machine_line(&result.machine));
    });
    page.section("Scenario", |page| {
        page.push("<pre>");
        page.text(&result.scenario.text);
        page.push("</pre>\n");
    });
    page.push("</main>\n</body>\n</html>\n");
    page.html
}

/// Text as it may stand between tags and in double-quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // HTML has no form for other control characters.
            c if c.is_control() && c != '\n' && c != '\t' => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[derive(Default)]
struct Page {
    html: String,
}

impl Page {
    fn push(&mut self, html: &str) {
        self.html.push_str(html);
    }

    fn text(&mut self, text: &str) {
        self.html.push_str(&escape(text));
    }

    fn element(&mut self, tag: &str, text: &str) {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(self.html, "<{tag}>{}</{tag}>", escape(text));
    }

    fn section(&mut self, heading: &str, content: impl FnOnce(&mut Self)) {
        self.push("<section>\n");
        self.element("h2", heading);
        content(self);
        self.push("</section>\n");
    }

    /// Rows of plain text; the columns from `numbers` on are numbers.
    fn plain_table(&mut self, head: &[&str], numbers: std::ops::Range<usize>, rows: &[Vec<String>]) {
        self.push("<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr>");
        let class = |column| {
            if numbers.contains(&column) {
                " class=\"number\""
            } else {
                ""
            }
        };
        for (column, name) in head.iter().enumerate() {
            let _ = write!(
                self.html,
                "<th scope=\"col\"{}>{}</th>",
                class(column),
                escape(name)
            );
        }
        self.push("</tr></thead>\n<tbody>\n");
        for row in rows {
            self.push("<tr>");
            for (column, cell) in row.iter().enumerate() {
                let _ = write!(self.html, "<td{}>{}</td>", class(column), escape(cell));
            }
            self.push("</tr>\n");
        }
        self.push("</tbody></table></div>\n");
    }

    fn header(&mut self, result: &RunResult) {
        self.push("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        self.push("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        self.push("<meta name=\"color-scheme\" content=\"light dark\">\n");
        self.element("title", &result.title);
        self.push("<style>\n");
        self.push(include_str!("style.css"));
        self.push("</style>\n</head>\n<body>\n<main>\n<header>\n");
        self.element("h1", &result.title);
        let line = format!(
            "Scenario {}, seed {}, started {}",
            result.scenario.name, result.scenario.seed, result.started
        );
        self.element("p", &line);
        self.push("</header>\n");
    }

    fn remarks(&mut self, result: &RunResult) {
        let remarks = all_remarks(result);
        if remarks.is_empty() {
            return;
        }
        self.section("Remarks", |page| {
            page.push("<ul>\n");
            for remark in &remarks {
                page.element("li", remark);
            }
            page.push("</ul>\n");
        });
    }

    fn table(&mut self, result: &RunResult) {
        let names = result.system_names();
        let reference = names.first().filter(|_| names.len() > 1).copied();
        let table = ComparisonTable::new(result, reference);
        let heading = if names.len() > 1 { "Comparison" } else { "Figures" };
        self.section(heading, |page| {
            page.push(
                "<div class=\"scroll\" tabindex=\"0\"><table class=\"comparison\">\n<thead><tr><td></td>",
            );
            for column in &table.columns {
                let _ = write!(page.html, "<th scope=\"col\">{}</th>", escape(column));
            }
            page.push("</tr></thead>\n<tbody>\n");
            for row in &table.rows {
                let (arrow, meaning) = match row.better {
                    Better::Lower => (" ↓", "lower is better"),
                    Better::Higher => (" ↑", "higher is better"),
                    Better::Neither => ("", ""),
                };
                let _ = write!(page.html, "<tr><th scope=\"row\">{}", escape(&row.name));
                if !arrow.is_empty() {
                    let _ = write!(
                        page.html,
                        "<span class=\"arrow\" title=\"{meaning}\">{arrow}</span>"
                    );
                }
                page.push("</th>");
                for cell in &row.cells {
                    page.cell(cell);
                }
                page.push("</tr>\n");
            }
            page.push("</tbody></table></div>\n");
            page.push("<p class=\"small\">↓ lower is better, ↑ higher is better.");
            if let Some(reference) = reference {
                page.push(" × is the ratio to ");
                page.text(reference);
                page.push(".");
            }
            page.push(" Medians over rounds; in brackets the lowest and the highest round.</p>\n");
        });
    }

    fn cell(&mut self, cell: &Cell) {
        let class = if cell.median.is_some() {
            "number"
        } else if cell.text.starts_with("failed") || cell.text.starts_with("FAULTY") {
            "bad"
        } else {
            "words"
        };
        let _ = write!(self.html, "<td class=\"{class}\">{}", escape(&cell.text));
        if let Some(ratio) = cell.ratio {
            let _ = write!(
                self.html,
                " <span class=\"ratio\">×{}</span>",
                escape(&digits(ratio))
            );
        }
        if let Some(range) = &cell.range {
            let _ = write!(self.html, "<br><span class=\"range\">[{}]</span>", escape(range));
        }
        if let Some(note) = &cell.note {
            let _ = write!(self.html, "<br><span class=\"note\">{}</span>", escape(note));
        }
        self.push("</td>");
    }

    fn plots(&mut self, result: &RunResult) {
        let present: Vec<&Quantity> = QUANTITIES
            .iter()
            .filter(|quantity| quantity.is_in(result))
            .collect();
        let ranges = query_ranges(result);
        if present.is_empty() && ranges.is_empty() {
            return;
        }
        let mut events = Vec::new();
        for run in &result.systems {
            for event in &run.events {
                events.push((
                    event.at_seconds,
                    format!("{}: {}", run_name(result, run), event.what),
                ));
            }
        }
        self.section("Over time", |page| {
            page.push("<div class=\"plots\">\n");
            for (index, quantity) in present.iter().enumerate() {
                let plot = LinePlot {
                    id: format!("plot{index}"),
                    title: quantity.title.to_owned(),
                    unit: quantity.unit,
                    is_logarithmic: quantity.is_logarithmic,
                    lines: lines_of(result, quantity),
                    events: &events,
                };
                page.push(&plot.to_html());
            }
            page.push(&ranges);
            page.push("</div>\n");
            if !events.is_empty() {
                page.push("<p class=\"small\">Dashed vertical lines: ");
                let texts: Vec<String> = events
                    .iter()
                    .map(|(at, what)| format!("{what} at {}", seconds(*at)))
                    .collect();
                page.text(&texts.join("; "));
                page.push(".</p>\n");
            }
        });
    }

    fn queries(&mut self, result: &RunResult) {
        if result.systems.iter().all(|run| run.queries.is_empty()) {
            return;
        }
        self.section("Queries", |page| {
            let mut rows = Vec::new();
            for run in &result.systems {
                for query in &run.queries {
                    let quantile = |quantile| {
                        let us = query.latency.quantile_us(quantile);
                        us.map_or("none".to_owned(), |us| seconds(us as f64 / 1e6))
                    };
                    let cpu = query.cpu_seconds.per(query.latency.count());
                    rows.push(vec![
                        query.name.clone(),
                        run_name(result, run),
                        count(query.latency.count()),
                        count(query.failed),
                        quantile(0.5),
                        quantile(0.99),
                        quantile(0.999),
                        cpu.reason()
                            .unwrap_or_else(|| Unit::Seconds.format(cpu.value().unwrap_or(0.0))),
                        answers_line(&query.answers),
                    ]);
                }
            }
            // Systems side by side for each query, queries in the order in which they first came.
            let mut order: Vec<String> = Vec::new();
            for row in &rows {
                if !order.contains(&row[0]) {
                    order.push(row[0].clone());
                }
            }
            rows.sort_by_key(|row| order.iter().position(|name| *name == row[0]));
            let head = [
                "query", "system", "count", "failed", "p50", "p99", "p99.9", "CPU each", "answers",
            ];
            page.plain_table(&head, 2..8, &rows);
            page.push("<details><summary>Expressions</summary>\n<dl>\n");
            for name in order {
                let mut queries = result.systems.iter().flat_map(|run| &run.queries);
                if let Some(query) = queries.find(|query| query.name == name) {
                    page.element("dt", &query.name);
                    let _ = writeln!(page.html, "<dd><code>{}</code></dd>", escape(&query.expr));
                }
            }
            page.push("</dl></details>\n");
            page.differences(result);
        });
    }

    fn differences(&mut self, result: &RunResult) {
        for run in &result.systems {
            for query in &run.queries {
                if let Answers::Differ { to, examples, .. } = &query.answers
                    && !examples.is_empty()
                {
                    let heading = format!("{}, {}: differs from {to}", run_name(result, run), query.name);
                    self.element("h3", &heading);
                    self.push("<pre>");
                    self.text(&examples.join("\n"));
                    self.push("</pre>\n");
                }
            }
        }
    }

    fn read_back(&mut self, result: &RunResult) {
        if result.systems.iter().all(|run| run.verdict.is_none()) {
            return;
        }
        self.section("Read back", |page| {
            for run in &result.systems {
                let is_clean = run.verdict.as_ref().is_some_and(Verdict::is_clean);
                let class = if is_clean || run.verdict.is_none() {
                    ""
                } else {
                    " class=\"bad\""
                };
                let line = format!(
                    "{}: {}",
                    run_name(result, run),
                    verdict_text(run.verdict.as_ref())
                );
                let _ = writeln!(page.html, "<h3{class}>{}</h3>", escape(&line));
                if let Some(verdict) = &run.verdict {
                    page.push("<pre>");
                    page.text(&verdict.to_string());
                    page.push("</pre>\n");
                }
            }
        });
    }

    fn systems(&mut self, result: &RunResult) {
        self.section("Systems and their settings", |page| {
            for run in first_rounds(result) {
                page.element("h3", &format!("{} {}", run.system, run.version));
                page.element("p", &format!("Acknowledged means: {}.", run.durability));
                if run.settings.is_empty() {
                    page.element("p", "All settings are the system's defaults.");
                    continue;
                }
                let rows: Vec<Vec<String>> = run
                    .settings
                    .iter()
                    .map(|setting| {
                        vec![
                            setting.name.clone(),
                            setting.value.clone(),
                            setting.reason.clone(),
                        ]
                    })
                    .collect();
                page.plain_table(&["setting", "value", "reason"], 0..0, &rows);
            }
        });
    }
}

/// A line for each run; those of one system share their style.
fn lines_of(result: &RunResult, quantity: &Quantity) -> Vec<Line> {
    let names = result.system_names();
    let line = |run: &SystemRun| {
        let style = names.iter().position(|name| *name == run.system).unwrap_or(0);
        let first = result.systems.iter().find(|first| first.system == run.system);
        Line {
            label: run_name(result, run),
            style,
            is_first: first.is_some_and(|first| first.round == run.round),
            points: run
                .intervals
                .iter()
                .map(|interval| (interval.end_seconds, (quantity.value)(interval)))
                .collect(),
        }
    };
    result.systems.iter().map(line).collect()
}
