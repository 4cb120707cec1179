//! Where results go.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use vigie_loadtest::compare::failures;
use vigie_loadtest::progress::Progress;
use vigie_report::{ComparisonTable, RunResult, render_html, render_markdown};
use vigie_systems::SystemKind;

use super::older;

/// The report's row of long texts.
const DURABILITY_ROW: &str = "acknowledged means";

/// A line of output, not of progress.
#[expect(clippy::print_stdout, reason = "results are what this program is for")]
pub(super) fn print(text: impl AsRef<str>) {
    println!("{}", text.as_ref());
}

/// The folder of a result: the one asked for, or a new one under `loadtest-results`. What an older run has left in the
/// one asked for is moved to `older/TIME` in it, or deleted; other files stay where they are.
pub(super) fn result_dir(asked: Option<&Path>, scenario: &str, overwrite: bool) -> Result<PathBuf> {
    let dir = match asked {
        Some(dir) => dir.to_owned(),
        None => {
            let now = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string();
            PathBuf::from("loadtest-results").join(format!("{scenario}-{now}"))
        }
    };
    std::fs::create_dir_all(&dir).with_context(|| format!("make the folder {}", dir.display()))?;
    older::clear(&dir, overwrite)?;
    Ok(dir)
}

/// Writes `result.json`, `report.html` and `report.md`, prints the table, and says whether all was right.
pub(super) fn deliver(result: &RunResult, dir: &Path, progress: &Progress) -> Result<ExitCode> {
    let write = |name: &str, text: String| -> Result<()> {
        let path = dir.join(name);
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))
    };
    write("result.json", result.to_json()?)?;
    write("report.html", render_html(result))?;
    write("report.md", render_markdown(result))?;
    print(short_table(result).to_markdown());
    for name in result.system_names() {
        let durability = result.systems.iter().find(|run| run.system == name);
        print(format!(
            "{name}: {}",
            durability.map_or("", |run| &run.durability)
        ));
    }
    for remark in &result.remarks {
        print(format!("- {remark}"));
    }
    progress.say(format!(
        "result.json, report.html and report.md are in {}",
        dir.display()
    ));
    let failures = failures(result);
    for failure in &failures {
        progress.say(format!("WRONG: {failure}"));
    }
    Ok(if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// The comparison without long texts, which would make every column wide, and without the rows of single queries, if
/// those are many; all are in the report.
fn short_table(result: &RunResult) -> ComparisonTable {
    const MANY: usize = 12;
    let mut table = ComparisonTable::new(result, Some("vigie"));
    let is_of_query = |row: &vigie_report::Row| row.name.starts_with("query ") && row.name != "query answers";
    if table.rows.iter().filter(|row| is_of_query(row)).count() > MANY {
        table.rows.retain(|row| !is_of_query(row));
    }
    table.rows.retain(|row| row.name != DURABILITY_ROW);
    table
}

/// True once the user has asked to stop; a second time ends the process at once.
pub(super) fn stop_on_interrupt(progress: &Progress) -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let (shared, progress) = (Arc::clone(&stop), progress.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("build a runtime for signals")?;
    std::thread::Builder::new()
        .name("lt-signal".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                while interrupted().await.is_ok() {
                    if shared.swap(true, Ordering::Relaxed) {
                        std::process::exit(130);
                    }
                    progress.say("stopping in order; once more to stop at once");
                }
            });
        })
        .context("start the thread for signals")?;
    Ok(stop)
}

/// Ctrl-C, or SIGTERM, which `peers stop` sends.
async fn interrupted() -> std::io::Result<()> {
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        done = tokio::signal::ctrl_c() => done,
        _ = terminated.recv() => Ok(()),
    }
}

/// Whether the program of a server is there.
pub(super) fn is_built(kind: SystemKind) -> bool {
    if kind.is_vigie() {
        vigie_systems::vigie_binary().is_ok()
    } else {
        vigie_systems::tools_dir().join(kind.name()).is_file()
    }
}

/// A folder for data that is deleted at the end, on the disk asked for.
pub(super) fn work_dir(asked: Option<&Path>) -> Result<tempfile::TempDir> {
    let parent = asked.map_or_else(std::env::temp_dir, Path::to_owned);
    std::fs::create_dir_all(&parent).with_context(|| format!("make the folder {}", parent.display()))?;
    tempfile::Builder::new()
        .prefix("loadtest-")
        .tempdir_in(&parent)
        .with_context(|| format!("make a folder in {}", parent.display()))
}
