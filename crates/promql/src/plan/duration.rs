//! Computed durations become milliseconds.

use crate::{DurationExpr, DurationOp, EvalError, Span};

/// What `step()` and `range()` mean in durations; both zero for an instant query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DurationScope {
    pub step_ms: i64,
    pub range_ms: i64,
}

impl DurationScope {
    /// A window or a subquery step: more than zero.
    pub(crate) fn positive_ms(self, expr: &DurationExpr, span: Span) -> Result<i64, EvalError> {
        let duration_ms = self.any_ms(expr, span)?;
        if duration_ms <= 0 {
            return Err(invalid(span, "duration must be greater than 0"));
        }
        Ok(duration_ms)
    }

    /// An offset: any sign. Fractions of a millisecond are cut off.
    pub(crate) fn any_ms(self, expr: &DurationExpr, span: Span) -> Result<i64, EvalError> {
        if let DurationExpr::Literal(literal_ms) = expr {
            return Ok(*literal_ms);
        }
        let seconds = self.seconds(expr, span)?;
        if !seconds.is_finite() {
            return Err(invalid(span, "duration is NaN or infinite"));
        }
        // Prometheus keeps nanoseconds in 64 bits.
        if seconds.abs() > i64::MAX as f64 / 1e9 {
            return Err(invalid(span, "duration is out of range"));
        }
        Ok((seconds * 1000.0) as i64)
    }

    fn seconds(self, expr: &DurationExpr, span: Span) -> Result<f64, EvalError> {
        Ok(match expr {
            DurationExpr::Literal(literal_ms) => *literal_ms as f64 / 1000.0,
            DurationExpr::Number(value) => *value,
            DurationExpr::Step => self.step_ms as f64 / 1000.0,
            DurationExpr::Range => self.range_ms as f64 / 1000.0,
            DurationExpr::Negate(inner) => -self.seconds(inner, span)?,
            DurationExpr::Paren(inner) => self.seconds(inner, span)?,
            DurationExpr::MinOf(left, right) => self.seconds(left, span)?.min(self.seconds(right, span)?),
            DurationExpr::MaxOf(left, right) => self.seconds(left, span)?.max(self.seconds(right, span)?),
            DurationExpr::Binary { op, left, right } => {
                let left = self.seconds(left, span)?;
                let right = self.seconds(right, span)?;
                match op {
                    DurationOp::Add => left + right,
                    DurationOp::Sub => left - right,
                    DurationOp::Mul => left * right,
                    DurationOp::Div if right == 0.0 => return Err(invalid(span, "division by zero")),
                    DurationOp::Div => left / right,
                    DurationOp::Mod if right == 0.0 => return Err(invalid(span, "modulo by zero")),
                    DurationOp::Mod => left % right,
                    DurationOp::Pow => left.powf(right),
                }
            }
        })
    }
}

/// Prometheus writes the byte range in front.
fn invalid(span: Span, message: &str) -> EvalError {
    EvalError::Invalid(format!("{}:{}: {message}", span.start, span.end))
}
