use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Result;
use vigie_report::Figure;
use vigie_systems::Api;

use super::live::Asked;
use super::question::Question;
use super::store::{AnswerStore, Key};
use crate::scenario::When;

/// What asking a quiet server has found.
#[derive(Debug)]
pub struct QuietAnswers {
    pub(super) asked: BTreeMap<usize, Asked>,
    pub(super) answers: AnswerStore,
    /// CPU seconds of the server, by question, over all its runs.
    pub(super) cpu_seconds: BTreeMap<usize, Figure>,
}

/// Asks each question of the quiet kind `runs` times, one after the other. `cpu_seconds` reads the server's account, if
/// it has one.
pub fn ask_quietly(
    questions: &[Question],
    api: &Api,
    time_ms: i64,
    mut cpu_seconds: impl FnMut() -> Option<f64>,
    mut progress: impl FnMut(usize, &str),
) -> Result<QuietAnswers> {
    let mut found = QuietAnswers {
        asked: BTreeMap::new(),
        answers: AnswerStore::new()?,
        cpu_seconds: BTreeMap::new(),
    };
    let quiet = questions
        .iter()
        .enumerate()
        .filter(|(_, question)| question.when == When::After);
    for (done, (number, question)) in quiet.enumerate() {
        progress(done, &question.name);
        let before = cpu_seconds();
        let mut asked = Asked::default();
        for _ in 0..question.runs {
            let started = Instant::now();
            let answer = question.ask(api, time_ms);
            let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            match answer {
                Ok(answer) if answer.status == 200 => {
                    asked.latency.record_us(micros);
                    let key = Key {
                        question: number,
                        time_ms,
                    };
                    if question.check {
                        found.answers.keep(key, &answer)?;
                    }
                }
                Ok(_) if question.may_be_refused => asked.refused += 1,
                Ok(answer) => asked.fail(&format!("{}: {}", answer.status, answer.body.trim())),
                Err(error) => asked.fail(&format!("{error:#}")),
            }
        }
        let spent = before.zip(cpu_seconds()).map(|(before, after)| after - before);
        found.cpu_seconds.insert(number, Figure::from_option(spent));
        if question.check {
            asked.checkable.push(time_ms);
        }
        found.asked.insert(number, asked);
    }
    Ok(found)
}
