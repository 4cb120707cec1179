//! Every endpoint, and every way for it to fail, asked of the real Prometheus and of Vigie with the same data. The
//! requests are lines of the files in `e2e/api`: adding one is adding a line.

mod difference;
mod pair;
mod programs;
mod promtool;
mod remote_read;
mod request;

use anyhow::{Context, Result, ensure};
use vigie_e2e::progress;

use crate::pair::Pair;

#[test]
fn endpoints_answer_as_prometheus_does() {
    check(
        &[],
        &[
            include_str!("../../api/query.txt"),
            include_str!("../../api/expressions.txt"),
            include_str!("../../api/series.txt"),
            include_str!("../../api/targets.txt"),
            include_str!("../../api/rules.txt"),
            include_str!("../../api/status.txt"),
            include_str!("../../api/http.txt"),
            include_str!("../../api/grafana.txt"),
            include_str!("../../api/admin_off.txt"),
        ],
    );
}

/// The clients that people use, against both servers or through them.
#[test]
fn clients_get_what_prometheus_gives_them() {
    if let Err(error) = clients() {
        panic!("{error:?}");
    }
}

fn clients() -> Result<()> {
    let dir = tempfile::tempdir().context("make a folder")?;
    let pair = Pair::start(dir.path(), &[])?;
    remote_read::check(&pair, dir.path()).context("remote read")?;
    promtool::check(&pair, dir.path()).context("promtool")?;
    programs::check(&pair, dir.path())
}

#[track_caller]
fn check(flags: &[&str], lists: &[&str]) {
    if let Err(error) = compare_all(flags, lists) {
        panic!("{error:?}");
    }
}

fn compare_all(flags: &[&str], lists: &[&str]) -> Result<()> {
    let dir = tempfile::tempdir().context("make a folder")?;
    let pair = Pair::start(dir.path(), flags)?;
    let mut wrong = Vec::new();
    let mut asked = 0;
    for list in lists {
        for request in request::parse_list(list, pair.times)? {
            let (wanted, got) = pair.ask(&request).with_context(|| request.line.clone())?;
            let found = difference::differences(&request, &wanted, &got);
            match &request.differs {
                None if found.is_empty() => {}
                None => wrong.push(format!("{}\n      {}", request.line, found.join("\n      "))),
                Some(reason) if found.is_empty() => {
                    wrong.push(format!("{} no longer differs ({reason})", request.line));
                }
                Some(_) => {}
            }
            asked += 1;
        }
    }
    progress(format!(
        "{} of {asked} requests are answered alike",
        asked - wrong.len()
    ));
    ensure!(
        wrong.is_empty(),
        "{} of {asked} requests are answered differently:\n  {}\nlogs of Vigie:\n{}",
        wrong.len(),
        wrong.join("\n  "),
        pair.vigie().log_tails()
    );
    Ok(())
}
