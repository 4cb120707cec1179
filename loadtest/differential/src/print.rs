//! Printing of expressions as PromQL text.

use std::fmt::{self, Display, Formatter, Write as _};

use crate::expression::{
    Aggregate, Binary, Call, Expression, Grouping, Literal, MatchOperator, Matcher, Quote, Selector, Shift,
    Subquery,
};

/// How tightly an operator binds; unary minus binds as multiplication does.
fn binding(operator: &str) -> u8 {
    match operator {
        "or" => 1,
        "and" | "unless" => 2,
        "==" | "!=" | "<" | "<=" | ">" | ">=" | "</" | ">/" => 3,
        "+" | "-" => 4,
        "^" => 6,
        _ => MINUS,
    }
}

const MINUS: u8 = 5;
const ATOM: u8 = 7;

impl Expression {
    fn binding(&self) -> u8 {
        match self {
            Self::Binary(binary) => binding(binary.operator),
            Self::Minus(_) => MINUS,
            Self::Number(text) if text.starts_with(['-', '+']) => MINUS,
            _ => ATOM,
        }
    }
}

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(text) => f.write_str(text),
            Self::Text(literal) => literal.fmt(f),
            Self::Selector(selector) => selector.fmt(f),
            Self::Subquery(subquery) => subquery.fmt(f),
            Self::Minus(inner) => {
                f.write_char('-')?;
                // A sign under a sign would read as a number's sign or bind otherwise.
                operand(inner, inner.binding() <= MINUS, f)
            }
            Self::Parentheses(inner) => write!(f, "({inner})"),
            Self::Binary(binary) => binary.fmt(f),
            Self::Aggregate(aggregate) => aggregate.fmt(f),
            Self::Call(call) => call.fmt(f),
        }
    }
}

fn operand(expression: &Expression, parentheses: bool, f: &mut Formatter<'_>) -> fmt::Result {
    if parentheses {
        write!(f, "({expression})")
    } else {
        expression.fmt(f)
    }
}

impl Display for Binary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let own = binding(self.operator);
        let right_associative = self.operator == "^";
        let (left, right) = (self.left.binding(), self.right.binding());
        operand(&self.left, left < own || (right_associative && left == own), f)?;
        write!(f, " {}", self.operator)?;
        if self.returns_bool {
            f.write_str(" bool")?;
        }
        if let Some(matching) = &self.matching {
            let keyword = if matching.on { "on" } else { "ignoring" };
            write!(f, " {keyword}")?;
            label_list(&matching.labels, f)?;
        }
        if let Some(group) = &self.group {
            let keyword = if group.left { "group_left" } else { "group_right" };
            write!(f, " {keyword}")?;
            label_list(&group.labels, f)?;
        }
        for fill in &self.fills {
            write!(f, " {}({})", fill.keyword, fill.value)?;
        }
        f.write_char(' ')?;
        operand(
            &self.right,
            right < own || (!right_associative && right == own),
            f,
        )
    }
}

impl Display for Aggregate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.operator)?;
        if let (Some(grouping), false) = (&self.grouping, self.grouping_last) {
            write!(f, " {grouping} ")?;
        }
        f.write_char('(')?;
        if let Some(parameter) = &self.parameter {
            write!(f, "{parameter}, ")?;
        }
        write!(f, "{})", self.inner)?;
        match (&self.grouping, self.grouping_last) {
            (Some(grouping), true) => write!(f, " {grouping}"),
            _ => Ok(()),
        }
    }
}

impl Display for Grouping {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(if self.without { "without" } else { "by" })?;
        label_list(&self.labels, f)
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.function)?;
        for (index, argument) in self.arguments.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            argument.fmt(f)?;
        }
        f.write_char(')')
    }
}

impl Display for Subquery {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        operand(&self.inner, self.inner.binding() < ATOM, f)?;
        let step = self.step.as_deref().unwrap_or("");
        write!(f, "[{}:{step}]{}", self.range, self.shift)
    }
}

impl Display for Selector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut inside: Vec<String> = self.matchers.iter().map(Matcher::to_string).collect();
        if let Some(name) = &self.name {
            if is_plain_metric_name(name) {
                f.write_str(name)?;
            } else {
                inside.insert(0, Literal::new(name).to_string());
            }
        }
        let has_plain_name = self.name.as_deref().is_some_and(is_plain_metric_name);
        if !inside.is_empty() || !has_plain_name {
            write!(f, "{{{}}}", inside.join(","))?;
        }
        if let Some(range) = &self.range {
            write!(f, "[{range}]")?;
        }
        if let Some(extension) = self.extension {
            write!(f, " {extension}")?;
        }
        self.shift.fmt(f)
    }
}

impl Display for Shift {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let at = self.at.as_ref().map(|at| format!(" @ {at}"));
        let offset = self.offset.as_ref().map(|offset| format!(" offset {offset}"));
        let in_order = if self.at_first { [at, offset] } else { [offset, at] };
        in_order.iter().flatten().try_for_each(|part| f.write_str(part))
    }
}

impl Display for Matcher {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        label_name(&self.label, f)?;
        f.write_str(match self.operator {
            MatchOperator::Equal => "=",
            MatchOperator::NotEqual => "!=",
            MatchOperator::Matches => "=~",
            MatchOperator::NotMatches => "!~",
        })?;
        self.value.fmt(f)
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let quote = match self.quote {
            // A carriage return would be dropped from a raw literal.
            Quote::Raw if !self.content.contains(['`', '\r']) => return write!(f, "`{}`", self.content),
            Quote::Single => '\'',
            Quote::Double | Quote::Raw => '"',
        };
        f.write_char(quote)?;
        for c in self.content.chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if c == quote => write!(f, "\\{c}")?,
                c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        f.write_char(quote)
    }
}

fn label_list(labels: &[String], f: &mut Formatter<'_>) -> fmt::Result {
    f.write_str(" (")?;
    for (index, label) in labels.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        label_name(label, f)?;
    }
    f.write_char(')')
}

fn label_name(name: &str, f: &mut Formatter<'_>) -> fmt::Result {
    if is_identifier(name, false) {
        f.write_str(name)
    } else {
        Literal::new(name).fmt(f)
    }
}

/// Words that the grammar does not take as a metric's name.
fn is_plain_metric_name(name: &str) -> bool {
    const RESERVED: &[&str] = &[
        "bool",
        "on",
        "ignoring",
        "group_left",
        "group_right",
        "inf",
        "nan",
        "atan2",
    ];
    is_identifier(name, true) && !RESERVED.contains(&name.to_ascii_lowercase().as_str())
}

fn is_identifier(name: &str, colons: bool) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
    name.chars().all(allowed) && name.starts_with(|c: char| !c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::{Fill, Group, Matching};

    fn check(expression: &Expression, expected: &str) {
        assert_eq!(expression.to_string(), expected);
    }

    fn name(name: &str) -> Expression {
        Expression::Selector(Selector {
            name: Some(name.to_owned()),
            ..Selector::default()
        })
    }

    #[test]
    fn parentheses_keep_the_structure_and_no_more() {
        let binary = Expression::binary;
        let minus = |inner| Expression::Minus(Box::new(inner));
        check(
            &binary(binary(name("a"), "+", name("b")), "*", name("c")),
            "(a + b) * c",
        );
        check(
            &binary(name("a"), "+", binary(name("b"), "*", name("c"))),
            "a + b * c",
        );
        check(
            &binary(name("a"), "-", binary(name("b"), "-", name("c"))),
            "a - (b - c)",
        );
        check(
            &binary(binary(name("a"), "-", name("b")), "-", name("c")),
            "a - b - c",
        );
        check(
            &binary(name("a"), "^", binary(name("b"), "^", name("c"))),
            "a ^ b ^ c",
        );
        check(
            &binary(binary(name("a"), "^", name("b")), "^", name("c")),
            "(a ^ b) ^ c",
        );
        check(&minus(binary(name("a"), "^", name("b"))), "-a ^ b");
        check(&binary(minus(name("a")), "^", name("b")), "(-a) ^ b");
        check(&minus(binary(name("a"), "*", name("b"))), "-(a * b)");
        check(&binary(name("a"), "^", Expression::number("-1")), "a ^ (-1)");
    }

    #[test]
    fn everything_is_printed_where_it_belongs() {
        let labels = vec!["job".to_owned(), "my.label".to_owned()];
        let mut binary = Binary {
            operator: "==",
            returns_bool: true,
            matching: Some(Matching {
                on: true,
                labels: labels.clone(),
            }),
            group: Some(Group {
                left: true,
                labels: vec![],
            }),
            fills: vec![Fill {
                keyword: "fill_left",
                value: "-1".to_owned(),
            }],
            left: name("my.name"),
            right: name("on"),
        };
        check(
            &Expression::Binary(Box::new(binary.clone())),
            r#"{"my.name"} == bool on (job, "my.label") group_left () fill_left(-1) {"on"}"#,
        );
        binary.left = Expression::Selector(Selector {
            name: Some("a:b".to_owned()),
            matchers: vec![Matcher {
                label: "x".to_owned(),
                operator: MatchOperator::NotMatches,
                value: Literal {
                    content: "a'\\d\n".to_owned(),
                    quote: Quote::Single,
                },
            }],
            range: Some("5m".to_owned()),
            extension: Some("anchored"),
            shift: Shift {
                offset: Some("-1m".to_owned()),
                at: Some("end()".to_owned()),
                at_first: true,
            },
        });
        check(
            &binary.left,
            r"a:b{x!~'a\'\\d\n'}[5m] anchored @ end() offset -1m",
        );
        let grouping = Some(Grouping {
            without: true,
            labels,
        });
        let mut aggregate = Aggregate {
            operator: "topk",
            parameter: Some(Expression::number("1h")),
            inner: name("a"),
            grouping,
            grouping_last: false,
        };
        check(
            &Expression::Aggregate(Box::new(aggregate.clone())),
            r#"topk without (job, "my.label") (1h, a)"#,
        );
        aggregate.grouping_last = true;
        let subquery = Subquery {
            inner: Expression::Minus(Box::new(Expression::Aggregate(Box::new(aggregate)))),
            range: "1h".to_owned(),
            step: None,
            shift: Shift::default(),
        };
        check(
            &Expression::call("rate", vec![Expression::Subquery(Box::new(subquery))]),
            r#"rate((-topk(1h, a) without (job, "my.label"))[1h:])"#,
        );
    }
}
