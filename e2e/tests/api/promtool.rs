//! The real promtool, against either server.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use vigie_e2e::{Target, tools_dir, wait_until};

use crate::pair::Pair;

pub(crate) fn check(pair: &Pair, dir: &Path) -> Result<()> {
    let (start, end) = (pair.times.start.to_string(), pair.times.end.to_string());
    let at = format!("--time={end}");
    let (from, to) = (format!("--start={start}"), format!("--end={end}"));
    for args in [
        &["query", "instant", &at, "URL", "requests_total"][..],
        &["query", "instant", &at, "URL", "1 + 1"],
        &[
            "query",
            "instant",
            "--format=json",
            &at,
            "URL",
            "sum by (job) (requests_total)",
        ],
        &[
            "query",
            "range",
            &from,
            &to,
            "--step=60s",
            "URL",
            "requests_total",
        ],
        &[
            "query",
            "range",
            &from,
            &to,
            "--step=60s",
            "--format=json",
            "URL",
            "ended",
        ],
        &[
            "query",
            "series",
            &from,
            &to,
            "--match=requests_total",
            "--match=special",
            "URL",
        ],
        &["query", "labels", &from, &to, "URL", "job"],
        &[
            "query",
            "labels",
            &from,
            &to,
            "--match=requests_total",
            "URL",
            "instance",
        ],
        &["query", "instant", &at, "URL", "sum("],
        &["query", "range", &from, &to, "URL", "requests_total[1m]"],
    ] {
        let wanted = run(pair.prometheus(), args)?;
        let got = run(pair.vigie(), args)?;
        ensure!(wanted == got, "{args:?}: {got:?} instead of {wanted:?}");
    }
    push(pair, dir)
}

/// `push metrics` is a sender of remote write.
fn push(pair: &Pair, dir: &Path) -> Result<()> {
    let page = dir.join("pushed.prom");
    std::fs::write(&page, "# TYPE pushed_total counter\npushed_total{a=\"b\"} 42\n")
        .context("write a page")?;
    let page = page.display().to_string();
    let url = pair.vigie().api()?.base().to_owned();
    let (is_success, output) = run(
        pair.vigie(),
        &["push", "metrics", "--label=from=promtool", &url, &page],
    )?;
    ensure!(is_success, "push metrics: {output:?}");
    wait_until("the pushed sample", std::time::Duration::from_secs(10), || {
        let answer = pair
            .vigie()
            .api()?
            .get("/api/v1/query?query=pushed_total%7Ba%3D%22b%22%2Cfrom%3D%22promtool%22%7D")?;
        Ok(answer.body.contains("\"42\""))
    })?;
    Ok(())
}

/// Whether it succeeded, and its lines, sorted: the order of series means nothing.
fn run(target: &Target, args: &[&str]) -> Result<(bool, Vec<String>)> {
    let base = target.api()?.base().to_owned();
    let args = args
        .iter()
        .map(|&arg| if arg == "URL" { base.as_str() } else { arg });
    let output = Command::new(tools_dir().join("promtool"))
        .args(args)
        .output()
        .context("run promtool")?;
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    // JSON is one line, and its series are told apart by their braces.
    let mut lines: Vec<String> = text
        .replace(&base, "URL")
        .replace("},{\"metric\"", "},\n{\"metric\"")
        .lines()
        .map(|line| line.trim_matches(['[', ']', ',']).to_owned())
        .collect();
    lines.sort();
    Ok((output.status.success(), lines))
}
