//! What the process has to say to the people who watch it.

/// A message that concerns the whole process, such as a failed reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    pub text: String,
    /// When it began to be true, or was last confirmed.
    pub date_ms: i64,
    /// False in the one message that says that it is over.
    pub active: bool,
}
