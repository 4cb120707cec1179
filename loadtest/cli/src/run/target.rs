use std::sync::Arc;

use anyhow::{Context, Result};
use vigie_systems::{Account, Api, CpuClock, System};

/// The server under test: a process of our own, or one that somebody else runs.
#[derive(Debug, Clone)]
pub enum Target {
    Own(Arc<System>),
    /// Its cost is not known.
    Foreign {
        name: String,
        api: Api,
        write_url: String,
        tenant: Option<String>,
    },
}

impl Target {
    /// `base` answers the query API, and remote write under `/api/v1/write`, unless `write_url` says otherwise.
    pub fn foreign(base: &str, write_url: Option<&str>, tenant: Option<&str>) -> Result<Self> {
        let base = base.trim_end_matches('/');
        let api = Api::new(base)?;
        let api = tenant.map_or_else(|| api.clone(), |tenant| api.for_tenant(tenant));
        Ok(Self::Foreign {
            name: base.to_owned(),
            api,
            write_url: write_url.map_or_else(|| format!("{base}/api/v1/write"), str::to_owned),
            tenant: tenant.map(str::to_owned),
        })
    }

    pub fn name(&self) -> &str {
        match self {
            Self::Own(system) => system.kind().name(),
            Self::Foreign { name, .. } => name,
        }
    }

    pub fn api(&self) -> &Api {
        match self {
            Self::Own(system) => system.api(),
            Self::Foreign { api, .. } => api,
        }
    }

    pub fn write_url(&self) -> String {
        match self {
            Self::Own(system) => system.write_url(),
            Self::Foreign { write_url, .. } => write_url.clone(),
        }
    }

    /// The tenant that a request names where the workload names none.
    pub fn tenant(&self) -> Option<&str> {
        match self {
            Self::Own(system) => system.default_tenant(),
            Self::Foreign { tenant, .. } => tenant.as_deref(),
        }
    }

    pub fn system(&self) -> Option<&Arc<System>> {
        match self {
            Self::Own(system) => Some(system),
            Self::Foreign { .. } => None,
        }
    }

    pub fn account(&self) -> Result<Option<Account>> {
        self.system().map(|system| system.account()).transpose()
    }

    /// Without the disk, whose files are not walked; nothing while it is down.
    pub fn quick_account(&self) -> Option<Account> {
        self.system()?.account_without_disk().ok()
    }

    pub fn cpu_seconds(&self) -> Option<f64> {
        Some(self.quick_account()?.cpu_seconds)
    }

    /// For what takes less time than the account tells apart.
    pub fn cpu_clock(&self) -> Option<CpuClock> {
        self.system()?.pid().map(CpuClock::new)
    }

    /// The process, where one is needed to do something to it.
    pub fn own(&self, what: &str) -> Result<&Arc<System>> {
        self.system()
            .with_context(|| format!("{what} needs a server that the load tester runs itself: use --system"))
    }
}
