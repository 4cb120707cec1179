//! The ingester asked by a reader of its own process, on the reader's thread.

use std::ops::ControlFlow;

use tonic::Status;
use vigie_model::{Matcher, TenantId};
use vigie_proto::{LocalIngester, v1};

use crate::ingester::Ingester;
use crate::read::TimeRange;

/// More series are better streamed: they would lie in memory all at once, and nobody would decode them meanwhile.
const FEW_SERIES: usize = 1024;

impl LocalIngester for Ingester {
    fn select_few(
        &self,
        tenant: &TenantId,
        matchers: &[Matcher],
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Option<Vec<v1::SeriesChunks>>, Status> {
        if !self.shards().all(|shard| shard.replica.leads_alone()) {
            return Ok(None);
        }
        let range = TimeRange { start_ms, end_ms };
        let mut all = Vec::new();
        // What is not yet enough for a message.
        let mut rest = Vec::new();
        for shard in self.shards() {
            let mut take = |mut message| {
                all.append(&mut message);
                match all.len() > FEW_SERIES {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            };
            if shard
                .select(tenant, matchers, range, &mut rest, &mut take)?
                .is_break()
            {
                return Ok(None);
            }
        }
        all.append(&mut rest);
        Ok(Some(all))
    }
}
