//! What an operator may have the ingester of this process do.

use async_trait::async_trait;

/// Housekeeping that goes on by itself, done now.
#[async_trait]
pub trait IngesterBackend: Send + Sync {
    /// Moves everything acknowledged by now from the log to the store, so that the log can go. With
    /// `compacts`, chunks are then joined into as few as can be, those of the newest hours too. One call is
    /// worked on at a time; an error says what failed.
    async fn flush(&self, compacts: bool) -> Result<(), String>;
}
