//! Moving a shard's state between replicas.

mod installer;
mod source;

pub(super) use installer::INSTALL_PREFIX;
pub use installer::SnapshotInstaller;
pub use source::ShardSnapshot;
