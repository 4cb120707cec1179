//! The scripts in `scripts/`: what every function and operator gives.

mod script;

use std::path::Path;

#[test]
fn scripts_pass() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    let mut failed = false;
    for path in paths {
        let report = script::run_file(&path);
        assert!(report.evaluations > 0, "{} evaluates nothing", path.display());
        for failure in &report.failures {
            failed = true;
            let (line, query, reason) = (failure.line, &failure.query, &failure.reason);
            println!("{}:{line}: {query}\n    {reason}", path.display());
        }
    }
    assert!(!failed, "see above");
}
