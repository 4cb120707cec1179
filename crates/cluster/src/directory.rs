//! Keeps the shard map current.

use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use futures::future::join_all;
use tonic::Request;
use vigie_proto::{IngesterHandle, LocalIngester, v1};

use crate::Placement;

/// The ingesters this process was told of, and the map they agree on.
pub struct Directory {
    members: ArcSwap<Members>,
    current: ArcSwapOption<Placement>,
}

/// Who was told of.
struct Members {
    handles: Vec<IngesterHandle>,
    /// The first of them, if it is the only one and in this process.
    local: Option<Arc<dyn LocalIngester>>,
}

/// There is no usable map. Ask again later: ingesters may be starting.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DirectoryError {
    #[error("no ingester answers: {reason}")]
    Unreachable { reason: String },
    #[error(
        "ingesters disagree on the number of shards: {left} and {right}; start all with the same --cluster.shards"
    )]
    ShardCount { left: u32, right: u32 },
}

impl Directory {
    pub fn new(members: Vec<IngesterHandle>) -> Directory {
        Directory {
            members: ArcSwap::from_pointee(Members {
                handles: members,
                local: None,
            }),
            current: ArcSwapOption::empty(),
        }
    }

    /// Takes other ingesters from now on. The map is asked for anew.
    pub fn set_members(&self, members: Vec<IngesterHandle>) {
        self.replace(Members {
            handles: members,
            local: None,
        });
    }

    /// As [`Directory::set_members`], of the one ingester of this process, which readers may ask directly.
    /// `handle` and `local` are the same.
    pub fn set_local(&self, handle: IngesterHandle, local: Arc<dyn LocalIngester>) {
        self.replace(Members {
            handles: vec![handle],
            local: Some(local),
        });
    }

    fn replace(&self, members: Members) {
        self.members.store(Arc::new(members));
        self.current.store(None);
    }

    /// The newest map, asked for when there is none yet.
    pub async fn placement(&self) -> Result<Arc<Placement>, DirectoryError> {
        match self.current.load_full() {
            Some(placement) => Ok(placement),
            None => self.refresh().await,
        }
    }

    /// Asks every ingester which shards it serves and publishes the outcome. Ingesters that do not
    /// answer are left out; their shards have no owner until they come back.
    pub async fn refresh(&self) -> Result<Arc<Placement>, DirectoryError> {
        let known = self.members.load_full();
        let answers = join_all(
            known
                .handles
                .iter()
                .map(|member| member.describe(Request::new(v1::DescribeRequest {}))),
        )
        .await;
        let mut shard_count = None;
        let mut members = Vec::new();
        let mut serves = Vec::new();
        let mut reason = "none is configured, or it is still starting".to_owned();
        for (member, answer) in known.handles.iter().zip(answers) {
            match answer {
                Ok(answer) => {
                    let answer = answer.into_inner();
                    let left = *shard_count.get_or_insert(answer.shard_count);
                    if left != answer.shard_count {
                        return Err(DirectoryError::ShardCount {
                            left,
                            right: answer.shard_count,
                        });
                    }
                    members.push(Arc::clone(member));
                    serves.push(answer.shards);
                }
                Err(status) => reason = status.message().to_owned(),
            }
        }
        let shard_count = shard_count
            .filter(|&count| count > 0)
            .ok_or(DirectoryError::Unreachable { reason })?;
        let placement = Placement::new(shard_count, members, &serves).with_local(known.local.clone());
        let placement = Arc::new(placement);
        self.current.store(Some(Arc::clone(&placement)));
        Ok(placement)
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory")
            .field("members", &self.members.load().handles.len())
            .field("current", &self.current.load())
            .finish()
    }
}
