use std::fmt::Write as _;

use crate::RunResult;
use crate::html::escape;
use crate::plot::{STYLES, logarithmic_ticks};
use crate::units::{Unit, seconds};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 270.0;
const RIGHT: f64 = 20.0;
const BAR: f64 = 14.0;
const GAP: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 30.0;
const MAX_QUERIES: usize = 40;
const MAX_LABEL: usize = 34;

/// Per query and system, a bar from its median to its 99th percentile, on a logarithmic axis, where a bar from zero
/// would mean nothing. Empty without queries.
pub(crate) fn query_ranges(result: &RunResult) -> String {
    let systems = result.system_names();
    let mut queries: Vec<Query<'_>> = Vec::new();
    for run in &result.systems {
        let system = systems.iter().position(|name| *name == run.system).unwrap_or(0);
        for query in &run.queries {
            let (Some(p50), Some(p99)) = (query.latency.quantile_us(0.5), query.latency.quantile_us(0.99))
            else {
                continue;
            };
            let index = queries
                .iter()
                .position(|known| known.name == query.name)
                .unwrap_or_else(|| {
                    queries.push(Query {
                        name: &query.name,
                        bars: Vec::new(),
                    });
                    queries.len() - 1
                });
            queries[index].bars.push(Bar {
                system,
                p50: p50 as f64 / 1e6,
                p99: p99 as f64 / 1e6,
            });
        }
    }
    if queries.is_empty() {
        return String::new();
    }
    let all = queries.len();
    queries.sort_by(|a, b| b.slowest().total_cmp(&a.slowest()));
    queries.truncate(MAX_QUERIES);
    for query in &mut queries {
        // Rounds of a system stay together.
        query.bars.sort_by_key(|bar| bar.system);
    }
    draw(&systems, &queries, all)
}

struct Query<'a> {
    name: &'a str,
    bars: Vec<Bar>,
}

struct Bar {
    system: usize,
    p50: f64,
    p99: f64,
}

impl Query<'_> {
    fn slowest(&self) -> f64 {
        self.bars.iter().map(|bar| bar.p99).fold(0.0, f64::max)
    }

    fn height(&self) -> f64 {
        self.bars.len() as f64 * BAR + GAP
    }
}

fn draw(systems: &[&str], queries: &[Query<'_>], all: usize) -> String {
    let height = TOP + BOTTOM + queries.iter().map(Query::height).sum::<f64>();
    let bars = || queries.iter().flat_map(|query| &query.bars);
    let lowest = bars().map(|bar| bar.p50).fold(f64::INFINITY, f64::min);
    let highest = bars().map(|bar| bar.p99).fold(0.0, f64::max);
    let ticks = logarithmic_ticks(lowest, highest);
    let (from, to) = (ticks[0], ticks[ticks.len() - 1]);
    let place = |value: f64| LEFT + (value / from).ln() / (to / from).ln() * (WIDTH - LEFT - RIGHT);
    let shown = if queries.len() < all {
        format!(" (the {} slowest of {all})", queries.len())
    } else {
        String::new()
    };
    let mut html = format!(
        "<figure class=\"wide\"><h3>Query latency, p50 to p99{shown}</h3>\n<svg viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\" aria-labelledby=\"queries-title queries-desc\"><title id=\"queries-title\">Query latency, p50 to \
         p99, per query and system</title><desc id=\"queries-desc\">The table of queries has the same \
         numbers.</desc>"
    );
    // Writing to a string cannot fail, here and below.
    for tick in &ticks {
        let x = place(*tick);
        let _ = write!(
            html,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"/><text class=\"tick\" x=\"{x:.1}\" \
             y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            height - BOTTOM,
            height - 10.0,
            escape(&Unit::Seconds.format_tick(*tick))
        );
    }
    let mut y = TOP + GAP / 2.0;
    for query in queries {
        let middle = y + (query.height() - GAP) / 2.0 + 4.0;
        let _ = write!(
            html,
            "<text class=\"label\" x=\"{:.1}\" y=\"{middle:.1}\" text-anchor=\"end\">{}<title>{}</title></text>",
            LEFT - 12.0,
            escape(&shortened(query.name)),
            escape(query.name)
        );
        for bar in &query.bars {
            let (start, end) = (place(bar.p50), place(bar.p99));
            let style = bar.system % STYLES;
            let text = format!(
                "{}: p50 {}, p99 {}",
                systems[bar.system],
                seconds(bar.p50),
                seconds(bar.p99)
            );
            let _ = write!(
                html,
                "<g><title>{}</title><rect class=\"bar s{style}\" x=\"{start:.1}\" y=\"{:.1}\" width=\"{:.1}\" \
                 height=\"{:.1}\" rx=\"2\"/><circle class=\"dot s{style}\" cx=\"{start:.1}\" cy=\"{:.1}\" r=\"4.5\"/></g>",
                escape(&text),
                y + 3.0,
                (end - start).max(1.0),
                BAR - 6.0,
                y + BAR / 2.0
            );
            y += BAR;
        }
        y += GAP;
    }
    html.push_str("</svg><figcaption><ul class=\"legend\">");
    for (index, system) in systems.iter().enumerate() {
        if bars().all(|bar| bar.system != index) {
            continue;
        }
        let style = index % STYLES;
        let _ = write!(
            html,
            "<li><svg class=\"key\" viewBox=\"0 0 28 10\" aria-hidden=\"true\"><rect class=\"bar s{style}\" x=\"5\" y=\"1.5\" \
             width=\"22\" height=\"7\" rx=\"2\"/><circle class=\"dot s{style}\" cx=\"5\" cy=\"5\" r=\"4.5\"/></svg>{}</li>",
            escape(system)
        );
    }
    html.push_str("</ul>The dot is the median, the bar ends at the 99th percentile.</figcaption></figure>\n");
    html
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= MAX_LABEL {
        return name.to_owned();
    }
    name.chars().take(MAX_LABEL - 1).chain(['…']).collect()
}
