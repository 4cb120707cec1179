use anyhow::Result;

use crate::answer::Answer;
use crate::query::Query;

/// A system that answers queries. Calls block.
pub trait Queryable {
    /// How reports name the system.
    fn name(&self) -> &str;

    /// Errors that the system itself answers are answers; this fails when there was none that can be
    /// read, which counts as a difference. Implementations bound the time they wait.
    fn ask(&self, query: &Query) -> Result<Answer>;
}
