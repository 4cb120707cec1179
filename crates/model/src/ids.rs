//! Identifiers that cross crate borders.

use std::fmt;
use std::sync::Arc;

/// A tenant's name, as sent in `X-Scope-OrgID`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Arc<str>);

/// The name breaks Mimir's rules for tenants.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTenant {
    #[error("tenant ID is empty")]
    Empty,
    #[error("tenant ID is too long: max 150 characters")]
    TooLong,
    #[error("tenant ID '{tenant}' contains unsupported character '{character}'")]
    Character { tenant: String, character: char },
    #[error("tenant ID '{0}' is reserved")]
    Reserved(String),
}

impl TenantId {
    /// Used where no tenant is named.
    pub const ANONYMOUS: &'static str = "anonymous";

    pub fn anonymous() -> TenantId {
        TenantId(TenantId::ANONYMOUS.into())
    }

    pub fn new(name: &str) -> Result<TenantId, InvalidTenant> {
        if name.is_empty() {
            return Err(InvalidTenant::Empty);
        }
        let allowed = |character: char| character.is_ascii_alphanumeric() || "!-_.*'()".contains(character);
        if let Some(character) = name.chars().find(|&character| !allowed(character)) {
            return Err(InvalidTenant::Character {
                tenant: name.to_owned(),
                character,
            });
        }
        if name.len() > 150 {
            return Err(InvalidTenant::TooLong);
        }
        if matches!(name, "." | ".." | "__mimir_cluster") {
            return Err(InvalidTenant::Reserved(name.to_owned()));
        }
        Ok(TenantId(name.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One Raft group and the slots it owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u32);

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A series within its shard: dense, given out in order of creation, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenant_names_follow_mimirs_rules() {
        assert!(TenantId::new("team-a.(prod)'1'!*_").is_ok());
        assert_eq!(TenantId::new(""), Err(InvalidTenant::Empty));
        assert_eq!(TenantId::new(&"x".repeat(151)), Err(InvalidTenant::TooLong));
        assert_eq!(
            TenantId::new("..").unwrap_err().to_string(),
            "tenant ID '..' is reserved"
        );
        assert_eq!(
            TenantId::new("a/b").unwrap_err().to_string(),
            "tenant ID 'a/b' contains unsupported character '/'"
        );
    }
}
