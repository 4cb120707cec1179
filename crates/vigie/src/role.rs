//! What a process does in a cluster.

use std::collections::BTreeSet;
use std::str::FromStr;

use anyhow::bail;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Distributor,
    Ingester,
    Querier,
    Scraper,
}

const ALL: [Role; 4] = [Role::Distributor, Role::Ingester, Role::Querier, Role::Scraper];

/// The roles of one process; not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Roles(BTreeSet<Role>);

impl Roles {
    pub(crate) fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    pub(crate) fn is_all(&self) -> bool {
        self.0.len() == ALL.len()
    }
}

impl FromStr for Roles {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Roles> {
        let mut roles = BTreeSet::new();
        for word in text.split(',') {
            match word.trim() {
                "all" => roles.extend(ALL),
                "distributor" => drop(roles.insert(Role::Distributor)),
                "ingester" => drop(roles.insert(Role::Ingester)),
                "querier" => drop(roles.insert(Role::Querier)),
                "scraper" => drop(roles.insert(Role::Scraper)),
                other => {
                    bail!("unknown target {other:?}: use all, distributor, ingester, querier or scraper")
                }
            }
        }
        Ok(Roles(roles))
    }
}
