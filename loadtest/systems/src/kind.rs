use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A server this crate can drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SystemKind {
    /// Vigie as it comes: every acknowledged sample was fsynced.
    Vigie,
    /// Vigie with `--storage.durability=relaxed`: an acknowledged sample is with the operating system, as with
    /// Prometheus and Mimir.
    VigieRelaxed,
    Prometheus,
    VictoriaMetrics,
    /// Every component of Mimir in one process, blocks in a folder.
    Mimir,
}

/// A name that no [`SystemKind`] has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown system {0:?}: vigie, vigie-relaxed, prometheus, victoria-metrics and mimir are known")]
pub struct UnknownSystem(pub String);

impl SystemKind {
    pub const ALL: [Self; 5] = [
        Self::Vigie,
        Self::VigieRelaxed,
        Self::Prometheus,
        Self::VictoriaMetrics,
        Self::Mimir,
    ];

    /// The name on command lines, in scenario files and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vigie => "vigie",
            Self::VigieRelaxed => "vigie-relaxed",
            Self::Prometheus => "prometheus",
            Self::VictoriaMetrics => "victoria-metrics",
            Self::Mimir => "mimir",
        }
    }

    pub fn is_vigie(self) -> bool {
        matches!(self, Self::Vigie | Self::VigieRelaxed)
    }

    /// Whether the tenant of a request is told apart by [`Self::TENANT_HEADER`].
    pub fn has_tenants(self) -> bool {
        self.is_vigie() || self == Self::Mimir
    }

    /// Whether it scrapes targets by itself.
    pub fn scrapes(self) -> bool {
        self != Self::Mimir
    }

    /// Names the tenant, where [`Self::has_tenants`].
    pub const TENANT_HEADER: &'static str = "X-Scope-OrgID";
}

impl fmt::Display for SystemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for SystemKind {
    type Err = UnknownSystem;

    fn from_str(name: &str) -> Result<Self, UnknownSystem> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| UnknownSystem(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for kind in SystemKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("\"{}\"", kind.name()));
        }
        let unknown = "thanos".parse::<SystemKind>().unwrap_err().to_string();
        assert!(unknown.contains("\"thanos\"") && unknown.contains("victoria-metrics"));
    }
}
