use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

use crate::expression::Expression;

/// One question for the HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    pub body: Body,
    pub grid: Grid,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    Tree(Expression),
    /// Text that need not be PromQL at all.
    Text(String),
}

/// At which times a query is evaluated. Times are milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Grid {
    Instant {
        time_ms: i64,
    },
    /// Not necessarily valid: refused grids are compared like refused queries.
    Range {
        start_ms: i64,
        end_ms: i64,
        step_ms: i64,
    },
}

impl Query {
    pub fn text(&self) -> String {
        match &self.body {
            Body::Tree(expression) => expression.to_string(),
            Body::Text(text) => text.clone(),
        }
    }

    /// `/api/v1/query` or `/api/v1/query_range`.
    pub fn path(&self) -> &'static str {
        match self.grid {
            Grid::Instant { .. } => "/api/v1/query",
            Grid::Range { .. } => "/api/v1/query_range",
        }
    }

    /// The form fields of the request, not yet percent-encoded.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![("query", self.text())];
        match self.grid {
            Grid::Instant { time_ms } => fields.push(("time", seconds(time_ms))),
            Grid::Range {
                start_ms,
                end_ms,
                step_ms,
            } => fields.extend([
                ("start", seconds(start_ms)),
                ("end", seconds(end_ms)),
                ("step", seconds(step_ms)),
            ]),
        }
        fields
    }
}

impl Grid {
    /// How many times the expression is evaluated; 0 for a grid that is refused.
    pub fn steps(&self) -> u64 {
        match *self {
            Self::Instant { .. } => 1,
            Self::Range {
                start_ms,
                end_ms,
                step_ms,
            } if step_ms > 0 && end_ms >= start_ms => ((end_ms - start_ms) / step_ms) as u64 + 1,
            Self::Range { .. } => 0,
        }
    }
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}    [{}]", self.text(), self.grid)
    }
}

impl Display for Grid {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Instant { time_ms } => write!(f, "at {}", seconds(time_ms)),
            Self::Range {
                start_ms,
                end_ms,
                step_ms,
            } => write!(
                f,
                "from {} to {} step {}",
                seconds(start_ms),
                seconds(end_ms),
                seconds(step_ms)
            ),
        }
    }
}

/// Seconds with the milliseconds, if there are any, as three decimals.
pub(crate) fn seconds(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    let (whole, rest) = (ms.unsigned_abs() / 1000, ms.unsigned_abs() % 1000);
    if rest == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{rest:03}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_carry_the_grid() {
        let mut query = Query {
            body: Body::Text("up".to_owned()),
            grid: Grid::Range {
                start_ms: -1500,
                end_ms: 2000,
                step_ms: 1000,
            },
        };
        assert_eq!(query.grid.steps(), 4);
        assert_eq!(query.path(), "/api/v1/query_range");
        let fields = query.fields();
        let values: Vec<&str> = fields.iter().map(|(_, value)| &**value).collect();
        assert_eq!(values, ["up", "-1.500", "2", "1"]);
        query.grid = Grid::Instant { time_ms: 7 };
        assert_eq!(query.fields()[1], ("time", "0.007".to_owned()));
        assert_eq!(query.to_string(), "up    [at 0.007]");
    }
}
