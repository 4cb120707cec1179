//! Writes queries at random, by the grammar and over what the schema says can be found.

mod binaries;
mod cost;
mod damage;
mod ranges;
mod scalars;
mod selectors;
mod vectors;
mod wrong;

use crate::expression::{Expression, ValueKind};
use crate::options::Options;
use crate::query::{Body, Grid, Query};
use crate::rng::Rng;
use crate::schema::Schema;

/// An endless iterator of queries. The n-th query follows from the seed, n, the schema and the options
/// alone, so it can be asked for again by itself.
#[derive(Debug, Clone)]
pub struct Generator<'a> {
    seed: u64,
    index: u64,
    schema: &'a Schema,
    options: Options,
}

impl<'a> Generator<'a> {
    pub fn new(seed: u64, schema: &'a Schema, options: Options) -> Self {
        Self {
            seed,
            index: 0,
            schema,
            options,
        }
    }

    /// The query number `index` of the seed.
    pub fn query(&self, index: u64) -> Query {
        let mut rng = Rng::new(self.seed);
        let mut rng = Rng::new(rng.next_u64() ^ index.wrapping_mul(0x9e6c_63d0_876a_9a35));
        Writer {
            rng: rng.fork(),
            schema: self.schema,
            options: &self.options,
        }
        .query()
    }
}

impl Iterator for Generator<'_> {
    type Item = Query;

    fn next(&mut self) -> Option<Query> {
        let query = self.query(self.index);
        self.index += 1;
        Some(query)
    }
}

/// Writes one query.
struct Writer<'a> {
    rng: Rng,
    schema: &'a Schema,
    options: &'a Options,
}

/// A vector-valued expression and the names of the labels that its series may have.
struct Vector {
    expression: Expression,
    labels: Vec<String>,
}

/// How often a query that is too costly is thrown away before a plain one takes its place.
const ATTEMPTS: u32 = 20;

impl Writer<'_> {
    fn query(&mut self) -> Query {
        let kind = self.rng.below(100) as u32;
        if kind < self.options.wrong_percent {
            return self.wrong_query();
        }
        let query = self.affordable_query();
        if kind < self.options.wrong_percent + self.options.damaged_percent {
            let text = damage::damage(&query.text(), &mut self.rng);
            return Query {
                body: Body::Text(text),
                grid: query.grid,
            };
        }
        query
    }

    fn affordable_query(&mut self) -> Query {
        for _ in 0..ATTEMPTS {
            let grid = self.grid();
            let expression = self.outermost(matches!(grid, Grid::Instant { .. }));
            if cost::samples(&expression, self.schema, self.options, grid.steps()) <= self.options.max_samples
            {
                return Query {
                    body: Body::Tree(expression),
                    grid,
                };
            }
        }
        Query {
            body: Body::Tree(self.scalar(1)),
            grid: self.instant_grid(),
        }
    }

    fn outermost(&mut self, instant: bool) -> Expression {
        let depth = self.rng.between(1, i64::from(self.options.max_depth.max(1))) as u32;
        match self.rng.weighted(&[76, 6, 6, 4, 3, 1]) {
            0 => self.vector(depth).expression,
            1 => self.scalar(depth),
            2 => self.choice(depth).expression,
            3 => self.sorted(depth),
            4 if instant => self.range(None, depth).expression,
            5 if instant => self.text(),
            _ => self.instant_selector(None).expression,
        }
    }

    fn grid(&mut self) -> Grid {
        if self.rng.chance(40) {
            self.instant_grid()
        } else {
            self.range_grid()
        }
    }

    fn instant_grid(&mut self) -> Grid {
        Grid::Instant {
            time_ms: self.time_ms(),
        }
    }

    fn range_grid(&mut self) -> Grid {
        let interval = self.options.interval_ms.max(1);
        let step_ms = match self.rng.below(8) {
            0 => self.rng.between(1, 3 * interval),
            1 => interval / 2 + 1,
            2 => 1000 * self.rng.between(1, 90),
            picked => {
                *self
                    .rng
                    .pick(&[interval, 2 * interval, 4 * interval, 20 * interval])
                    * if picked == 3 { 5 } else { 1 }
            }
        };
        let steps = match self.rng.weighted(&[10, 60, 25, 5]) {
            0 => 0,
            1 => self.rng.between(1, 20),
            2 => self.rng.between(20, 80),
            _ => self.rng.between(80, 300),
        };
        let start_ms = self.time_ms();
        Grid::Range {
            start_ms,
            end_ms: start_ms + steps * step_ms + self.rng.between(0, step_ms - 1),
            step_ms,
        }
    }

    /// A time at which there is mostly something to find.
    fn time_ms(&mut self) -> i64 {
        let (start, end) = (self.options.start_ms, self.options.end_ms);
        let time = match self.rng.below(20) {
            0 => return self.rng.between(start - 600_000, start),
            1 => return self.rng.between(end, end + 600_000),
            _ => self.rng.between(start, end),
        };
        match self.rng.below(3) {
            0 => time,
            // On a sample's time, where a boundary's side shows.
            1 => start + (time - start) / self.options.interval_ms.max(1) * self.options.interval_ms.max(1),
            _ => time / 1000 * 1000,
        }
    }

    fn text(&mut self) -> Expression {
        let content = self.rng.word(&[
            "",
            "plain",
            "two words",
            "quote \" and '",
            "back\\slash",
            "tab\tnewline\n",
            "é→😀",
        ]);
        Expression::Text(self.literal(content))
    }
}

impl Vector {
    fn map(self, wrap: impl FnOnce(Expression) -> Expression) -> Self {
        Self {
            expression: wrap(self.expression),
            labels: self.labels,
        }
    }
}

/// What an argument must be wrapped in to stand before a subquery's bracket is the printer's business;
/// this only says what can stand there.
fn can_be_subquery(expression: &Expression) -> bool {
    matches!(expression.kind(), ValueKind::Vector | ValueKind::Scalar)
}
