use crate::duration::parse_ms;
use crate::expression::Expression;
use crate::options::Options;
use crate::schema::Schema;

/// The default resolution of subqueries, `global.evaluation_interval`'s default.
const SUBQUERY_STEP_MS: i64 = 60_000;

/// How many samples the evaluation touches at most, matchers not counted.
pub(super) fn samples(expression: &Expression, schema: &Schema, options: &Options, steps: u64) -> u64 {
    let own = match expression {
        Expression::Selector(selector) => {
            let series: usize = schema
                .metrics
                .iter()
                .filter(|metric| selector.name.as_ref().is_none_or(|name| *name == metric.name))
                .map(|metric| metric.series.len())
                .sum();
            let range_ms = selector.range.as_deref().map_or(0, length_ms);
            let per_step = (range_ms / options.interval_ms.max(1)).max(1) as u64;
            (series as u64).saturating_mul(per_step).saturating_mul(steps)
        }
        Expression::Subquery(subquery) => {
            let step_ms = subquery.step.as_deref().map_or(SUBQUERY_STEP_MS, length_ms);
            let inner_steps = (length_ms(&subquery.range) / step_ms.max(1)).max(1) as u64;
            let inner_steps = inner_steps.saturating_mul(steps);
            return samples(&subquery.inner, schema, options, inner_steps);
        }
        _ => steps,
    };
    let below: u64 = expression
        .children()
        .into_iter()
        .map(|child| samples(child, schema, options, steps))
        .fold(0, u64::saturating_add);
    own.saturating_add(below)
}

/// Duration expressions are written in sizes of minutes.
fn length_ms(text: &str) -> i64 {
    parse_ms(text).unwrap_or(SUBQUERY_STEP_MS).abs()
}
