//! The configuration: Prometheus's file format (3.14), read strictly, validated, and filled with
//! defaults into types the roles work with.
//!
//! Reading is in two steps: text to a tree that knows its lines, tree to validated values. Types
//! of this crate are not serializable by accident: [`Config::to_yaml`] is the one way out, and
//! secrets do not take it. The crate must not know the roles, and no flag of the command line.

mod alerting;
mod bytes;
mod config;
mod discovery;
mod error;
mod global;
mod http;
mod raw;
mod relabel;
mod remote;
mod scrape;
mod secret;
mod sections;
mod tenants;
pub mod yaml;

pub use alerting::{AlertingConfig, AlertmanagerConfig};
pub use bytes::parse_bytes;
pub use config::{Config, Defaults, SELF_SCRAPE_JOB};
pub use discovery::{DiscoveryConfig, FileDiscovery, TargetGroup, check_target_address};
pub use error::ConfigError;
pub use global::{EscapingScheme, GlobalConfig, ScrapeLimits, ScrapeProtocol};
pub use http::{
    Authorization, BasicAuth, HeaderValues, HttpClientConfig, OAuth2, ProxyConfig, SecretSource, TlsConfig,
    TlsVersion,
};
pub use raw::RawSection;
pub use remote::{MetadataConfig, QueueConfig, RemoteReadConfig, RemoteWriteConfig};
pub use scrape::ScrapeConfig;
pub use secret::Secret;
pub use sections::{
    ExemplarsConfig, OtlpConfig, RetentionConfig, RuntimeConfig, StorageConfig, TracingConfig, TsdbConfig,
};
pub use tenants::{HaTrackerConfig, TenantLimits, TenantsConfig};
