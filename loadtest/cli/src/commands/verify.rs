use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use vigie_loadtest::progress::Progress;
use vigie_loadtest::run::{Replay, read_back};
use vigie_systems::Api;

use super::output::print;

/// Proves from a ledger that all that was acknowledged is readable, once, with its bits, and that nothing else is there.
///
/// The ledger of a run is in its result folder, beside the file that says what the requests were. Also the ledger of a
/// run that was killed can be verified: what it has no answer for may be there or not.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// A file called `ledger`, or `ledger-TENANT`, of a result folder.
    #[arg(value_name = "LEDGER")]
    ledger: PathBuf,

    /// The server, for example http://127.0.0.1:9090.
    #[arg(long, value_name = "URL")]
    url: String,

    /// The tenant; default the one in the ledger's name.
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
}

impl Verify {
    pub(super) fn run(self) -> Result<ExitCode> {
        let progress = Progress::new();
        let (workload, is_scraped) = Replay::read(self.ledger.parent().unwrap_or(Path::new(".")))?;
        let name = self.ledger.file_name().context("find the name of the ledger")?;
        let name = name.to_string_lossy().into_owned();
        let tenant = self
            .tenant
            .or_else(|| Some(name.strip_prefix("ledger-")?.to_owned()));
        let api = Api::new(self.url.trim_end_matches('/'))?;
        let api = tenant.map_or_else(|| api.clone(), |tenant| api.for_tenant(&tenant));
        let verdict = read_back(&self.ledger, workload, is_scraped, api, "reading back", &progress)?;
        print(verdict.to_string());
        Ok(if verdict.is_clean() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(1)
        })
    }
}
