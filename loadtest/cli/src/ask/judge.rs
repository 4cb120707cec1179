use anyhow::{Context, Result};
use vigie_differential::{Answer, Identity, Tolerance, compare};
use vigie_report::{Answers, QueryResult};
use vigie_systems::Api;

use super::live::LiveAnswers;
use super::question::Question;
use super::quiet::QuietAnswers;
use super::store::{AnswerStore, Key};

/// Numbers that differ by at most this share of the greater one are equal: sums over many series depend on their order.
const RELATIVE_TOLERANCE: f64 = 1e-9;
/// Or by at most this share of the greatest number in the right answer: what is left of two numbers that cancel each
/// other has only the digits that rounding put there.
const ABSOLUTE_TOLERANCE: f64 = 1e-12;
/// Live answers are compared with what the oracle says when it is quiet, so each costs a query; of more than this,
/// an even selection is compared.
const MAX_LIVE_CHECKED: usize = 1000;
const MAX_EXAMPLES: usize = 3;

/// Right answers: those of a system that is trusted, asked when all data were in.
#[derive(Debug)]
pub struct Oracle {
    /// Whose answers these are.
    pub name: String,
    answers: AnswerStore,
}

impl Oracle {
    /// Takes the quiet answers of a system and asks it again what was asked live.
    pub fn consult(
        name: &str,
        questions: &[Question],
        api: &Api,
        live: Option<&LiveAnswers>,
        quiet: &QuietAnswers,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<Self> {
        let mut answers = AnswerStore::new()?;
        for key in quiet.answers.keys() {
            if let Some(answer) = quiet.answers.get(key)? {
                answers.keep(key, &answer)?;
            }
        }
        let keys = live.map_or_else(Vec::new, |live| selection(&live.answers.keys()));
        for (done, key) in keys.iter().enumerate() {
            progress(done, keys.len());
            let answer = questions[key.question]
                .ask(api, key.time_ms)
                .with_context(|| format!("ask {name} again: {}", questions[key.question].expr))?;
            answers.keep(*key, &answer)?;
        }
        Ok(Self {
            name: name.to_owned(),
            answers,
        })
    }
}

fn selection(keys: &[Key]) -> Vec<Key> {
    let step = keys.len().div_ceil(MAX_LIVE_CHECKED).max(1);
    keys.iter().copied().step_by(step).collect()
}

/// One result per question, answers compared with the oracle's where it knows the same question at the same time.
pub fn judge(
    questions: &[Question],
    live: Option<&LiveAnswers>,
    quiet: Option<&QuietAnswers>,
    oracle: Option<&Oracle>,
) -> Result<Vec<QueryResult>> {
    let mut results = Vec::new();
    for (number, question) in questions.iter().enumerate() {
        let mut result = QueryResult {
            name: question.name.clone(),
            expr: question.expr.clone(),
            ..QueryResult::default()
        };
        let mut tally = Tally::default();
        let asked_live = live.and_then(|live| Some((live.asked.get(&number)?, &live.answers)));
        let asked_quietly = quiet.and_then(|quiet| Some((quiet.asked.get(&number)?, &quiet.answers)));
        for (asked, answers) in asked_live.into_iter().chain(asked_quietly) {
            result.latency.merge(&asked.latency);
            result.failed += asked.failed;
            tally.examples.extend(asked.texts.iter().cloned());
            if let Some(oracle) = oracle {
                for time_ms in &asked.checkable {
                    let key = Key {
                        question: number,
                        time_ms: *time_ms,
                    };
                    tally.compare(question, key, answers, &oracle.answers)?;
                }
            }
        }
        if let Some(cpu_seconds) = quiet.and_then(|quiet| quiet.cpu_seconds.get(&number)) {
            result.cpu_seconds = cpu_seconds.clone();
        }
        result.answers = tally.verdict(oracle);
        results.push(result);
    }
    Ok(results)
}

#[derive(Default)]
struct Tally {
    checked: u64,
    differing: u64,
    examples: Vec<String>,
}

impl Tally {
    fn compare(
        &mut self,
        question: &Question,
        key: Key,
        answers: &AnswerStore,
        right: &AnswerStore,
    ) -> Result<()> {
        let (Some(given), Some(right)) = (answers.get(key)?, right.get(key)?) else {
            return Ok(());
        };
        self.checked += 1;
        let difference = match &question.find {
            Some(find) => find.difference(&right, &given),
            None => query_difference(question, &right, &given),
        };
        // What cannot be read is no right answer.
        if let Some(detail) = difference.unwrap_or_else(|error| Some(format!("{error:#}"))) {
            self.differing += 1;
            self.examples.push(format!("at {}: {detail}", key.time_ms));
        }
        Ok(())
    }

    fn verdict(mut self, oracle: Option<&Oracle>) -> Answers {
        let to = oracle.map_or_else(String::new, |oracle| oracle.name.clone());
        self.examples.truncate(MAX_EXAMPLES);
        if self.checked == 0 {
            Answers::NotChecked
        } else if self.differing == 0 {
            Answers::Equal {
                to,
                checked: self.checked,
            }
        } else {
            Answers::Differ {
                to,
                checked: self.checked,
                differing: self.differing,
                examples: self.examples,
            }
        }
    }
}

fn query_difference(
    question: &Question,
    right: &vigie_systems::Answer,
    given: &vigie_systems::Answer,
) -> Result<Option<String>> {
    let right = Answer::parse(right.status, &right.body)?;
    let given = Answer::parse(given.status, &given.body)?;
    let tolerance = tolerance(&question.expr, &right);
    Ok(compare(&right, &given, &tolerance).map(|difference| difference.detail))
}

fn tolerance(expr: &str, right: &Answer) -> Tolerance {
    let may_choose = ["topk", "bottomk", "limitk", "limit_ratio"]
        .iter()
        .any(|name| expr.contains(name));
    Tolerance {
        relative: RELATIVE_TOLERANCE,
        absolute: ABSOLUTE_TOLERANCE * right.greatest(),
        identity: if may_choose {
            Identity::Values
        } else {
            Identity::Labels
        },
        ..Tolerance::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differs(values: [&str; 2], right: [&str; 2]) -> bool {
        let answer = |[one, two]: [&str; 2]| {
            let body = format!(
                r#"{{"status":"success","data":{{"resultType":"vector","result":[
                    {{"metric":{{"n":"1"}},"value":[1,"{one}"]}},{{"metric":{{"n":"2"}},"value":[1,"{two}"]}}]}}}}"#
            );
            Answer::parse(200, &body).unwrap()
        };
        let (given, right) = (answer(values), answer(right));
        compare(&right, &given, &tolerance("a - b", &right)).is_some()
    }

    #[test]
    fn what_is_left_of_cancelled_numbers_is_no_difference() {
        assert!(!differs(["0.5", "-1.1102230246251565e-16"], ["0.5", "0"]));
        assert!(!differs(["0.5", "0.25000000001"], ["0.5", "0.25"]));
        assert!(differs(["0.5", "1e-9"], ["0.5", "0"]));
        assert!(differs(["1e-20", "2e-20"], ["1e-20", "3e-20"]));
        assert!(differs(["+Inf", "2"], ["+Inf", "3"]));
    }
}
