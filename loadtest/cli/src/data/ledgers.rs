use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use vigie_ledger::Ledger;

/// One ledger per tenant, because tenants are read back one by one.
#[derive(Debug)]
pub struct Ledgers {
    /// `None` for a workload without tenants.
    open: BTreeMap<Option<Arc<str>>, Arc<Ledger>>,
}

/// A closed ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerFile {
    pub tenant: Option<Arc<str>>,
    pub path: PathBuf,
}

impl Ledgers {
    /// Journals in `dir`, for these tenants or for none.
    pub fn create(dir: &Path, tenants: &[Arc<str>], description: &str) -> Result<Self> {
        let mut open = BTreeMap::new();
        if tenants.is_empty() {
            open.insert(None, Arc::new(Ledger::create(&dir.join("ledger"), description)?));
        }
        for tenant in tenants {
            let path = dir.join(format!("ledger-{tenant}"));
            let description = format!("{description}, tenant {tenant}");
            open.insert(
                Some(Arc::clone(tenant)),
                Arc::new(Ledger::create(&path, &description)?),
            );
        }
        Ok(Self { open })
    }

    pub(super) fn of(&self, tenant: Option<&Arc<str>>) -> Result<Arc<Ledger>> {
        let found = self.open.get(&tenant.cloned());
        found
            .cloned()
            .with_context(|| format!("find the ledger of tenant {tenant:?}"))
    }

    /// Ends all journals; nobody may hold a source any more.
    pub fn close(self) -> Result<Vec<LedgerFile>> {
        let mut files = Vec::new();
        for (tenant, ledger) in self.open {
            let path = ledger.path().to_owned();
            // A ledger that is still held somewhere stays open, which a verification understands.
            if let Some(ledger) = Arc::into_inner(ledger) {
                ledger.close().context("close a ledger")?;
            }
            files.push(LedgerFile { tenant, path });
        }
        Ok(files)
    }
}
