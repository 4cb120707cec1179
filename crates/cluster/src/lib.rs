//! Where shards are and how to reach them: the shard map, the directory of ingesters, and the
//! clients that stand behind the service traits for roles in other processes.
//!
//! The crate must not know what a role does with a call, nor anything of HTTP.

mod directory;
mod placement;
mod remote;

pub use directory::{Directory, DirectoryError};
pub use placement::Placement;
pub use remote::{InvalidAddress, RemoteDistributor, RemoteIngester};
