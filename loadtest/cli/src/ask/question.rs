use std::time::Duration;

use anyhow::{Result, ensure};
use vigie_systems::{Answer, Api};
use vigie_workload::queries;

use crate::scenario::{FindSpec, QueryGroup, Span, When};

/// How far back a search for series goes that says nothing about it.
const FIND_RANGE_MS: i64 = 3_600_000;

/// One expression or search of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// `group/name`, unique in a scenario.
    pub name: String,
    /// PromQL; a search as [`FindSpec`] shows it.
    pub expr: String,
    pub find: Option<FindSpec>,
    pub span: Option<Span>,
    pub when: When,
    /// Its place in the rounds of its group: which of how many, and how long a round is.
    pub place: u32,
    pub of: u32,
    pub every: Duration,
    /// Which of its group's threads asks it.
    pub lane: (usize, u32),
    pub runs: u32,
    pub check: bool,
    pub may_be_refused: bool,
}

/// All questions of a scenario; their positions are their identities.
pub fn questions(groups: &[QueryGroup]) -> Result<Vec<Question>> {
    let mut all = Vec::new();
    for (index, group) in groups.iter().enumerate() {
        let mut named: Vec<(String, String, Option<FindSpec>)> = Vec::new();
        if let Some(set) = &group.set {
            let known: Vec<&str> = queries::names().collect();
            ensure!(
                known.contains(&set.as_str()),
                "`queries`: {}: there is no set {set:?}; there are {}",
                group.name,
                known.join(", ")
            );
            let of_set = queries::named(set).into_iter();
            named.extend(of_set.map(|query| (query.name.to_owned(), query.expr.to_owned(), None)));
        }
        let expressions = group.expressions.iter().map(|expr| (expr.clone(), None));
        let finds = group
            .finds
            .iter()
            .map(|find| (find.to_string(), Some(find.clone())));
        let own = expressions.chain(finds).zip(1..);
        named.extend(own.map(|((expr, find), number)| (number.to_string(), expr, find)));
        if let Some(count) = group.count {
            named.truncate(count as usize);
        }
        let of = named.len() as u32;
        for (place, (name, expr, find)) in named.into_iter().enumerate() {
            all.push(Question {
                name: format!("{}/{name}", group.name),
                expr,
                find,
                span: group.span,
                when: group.when,
                place: place as u32,
                of,
                every: Duration::from_millis(group.every.0.unsigned_abs()),
                lane: (index, place as u32 % group.concurrency),
                runs: group.runs,
                check: group.check,
                may_be_refused: group.may_be_refused,
            });
        }
    }
    Ok(all)
}

impl Question {
    /// Asks at a time of the data.
    pub fn ask(&self, api: &Api, time_ms: i64) -> Result<Answer> {
        if let Some(find) = &self.find {
            let range_ms = self.span.map_or(FIND_RANGE_MS, |span| span.range.0);
            return find.ask(api, time_ms - range_ms, time_ms);
        }
        match self.span {
            None => api.instant_answer(&self.expr, time_ms),
            Some(span) => api.range_answer(&self.expr, time_ms - span.range.0, time_ms, span.step.0),
        }
    }

    /// When round `round` of the question is due, after the start: a group's questions are spread over its round.
    pub fn due(&self, round: u32) -> Duration {
        self.every * round + self.every * self.place / self.of.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_spread_over_the_round() {
        let yaml = "{name: g, expressions: [a, b, c, d], when: live, every: 10s, concurrency: 2}";
        let group: QueryGroup = serde_saphyr::from_str(yaml).unwrap();
        let all = questions(&[group]).unwrap();
        let due: Vec<u128> = all.iter().map(|question| question.due(1).as_millis()).collect();
        assert_eq!(due, [10_000, 12_500, 15_000, 17_500]);
        let lanes: Vec<u32> = all.iter().map(|question| question.lane.1).collect();
        assert_eq!(lanes, [0, 1, 0, 1]);
        assert_eq!(all[2].name, "g/3");
    }
}
