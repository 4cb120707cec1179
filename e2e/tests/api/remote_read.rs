//! A real Prometheus that has nothing itself and reads from Vigie.

use anyhow::{Context, Result, ensure};
use vigie_e2e::{Layout, Target, TargetOptions, vigie_binary};

use crate::difference::differences;
use crate::pair::Pair;
use crate::request::parse_list;

/// What it is asked, and Vigie as well.
const REQUESTS: &str = include_str!("../../api/remote_read.txt");

pub(crate) fn check(pair: &Pair, dir: &std::path::Path) -> Result<()> {
    let dir = dir.join("reader");
    std::fs::create_dir(&dir).context("make a folder")?;
    let mut options = TargetOptions::new(Layout::Prometheus, &vigie_binary()?, &dir);
    options.layout = Layout::Prometheus;
    // The external label is Vigie's, so the reader asks for series that have it, and takes it off again.
    options.config = format!(
        "global: {{external_labels: {{region: north}}}}\nremote_read:\n- {{url: '{}/api/v1/read', read_recent: true}}\n",
        pair.vigie().api()?.base()
    );
    let reader = Target::start(&options)?;
    let mut wrong = Vec::new();
    let requests = parse_list(REQUESTS, pair.times)?;
    for request in &requests {
        let wanted = pair.send(pair.vigie(), request)?;
        ensure!(
            wanted.status == 200 && !wanted.body.contains("\"result\":[]"),
            "{} tests nothing: {}",
            request.line,
            wanted.body
        );
        let found = differences(request, &wanted, &pair.send(&reader, request)?);
        if !found.is_empty() {
            wrong.push(format!("{}\n      {}", request.line, found.join("\n      ")));
        }
    }
    ensure!(
        wrong.is_empty(),
        "{} of {} requests are answered differently by way of remote read:\n  {}\nlogs:\n{}{}",
        wrong.len(),
        requests.len(),
        wrong.join("\n  "),
        pair.vigie().log_tails(),
        reader.log_tails()
    );
    Ok(())
}
