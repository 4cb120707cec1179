//! Replicas of one Prometheus that send the same series: which of them is listened to.
//!
//! The rules are Mimir's: the first replica heard of a cluster is elected, and another one only when the
//! elected has been silent for the failover timeout. The state is this process's: with several
//! distributors each elects for itself, so a cluster's replicas should reach the same one.

use std::collections::HashMap;

use parking_lot::Mutex;
use vigie_model::TenantId;

/// Elected replicas of all tenants.
#[derive(Debug, Default)]
pub(crate) struct HaTracker {
    tenants: Mutex<HashMap<TenantId, HashMap<String, Elected>>>,
}

#[derive(Debug)]
struct Elected {
    replica: String,
    heard_ms: i64,
}

/// What becomes of a replica's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accept,
    /// Another replica is elected.
    Standby,
    /// The tenant has as many clusters as it may.
    TooManyClusters,
}

impl HaTracker {
    /// Hears `replica` of `cluster` at `now_ms`. 0 clusters at most: no limit.
    pub(crate) fn hear(
        &self,
        tenant: &TenantId,
        cluster: &str,
        replica: &str,
        now_ms: i64,
        failover_ms: i64,
        max_clusters: usize,
    ) -> Verdict {
        let mut tenants = self.tenants.lock();
        let clusters = tenants.entry(tenant.clone()).or_default();
        if let Some(elected) = clusters.get_mut(cluster) {
            if elected.replica != replica {
                if now_ms - elected.heard_ms <= failover_ms {
                    return Verdict::Standby;
                }
                tracing::info!(%tenant, cluster, from = elected.replica, to = replica, "another replica is elected");
                elected.replica = replica.to_owned();
            }
            // The clock may be set back; what was heard is not unheard by that.
            elected.heard_ms = elected.heard_ms.max(now_ms);
            return Verdict::Accept;
        }
        if max_clusters > 0 && clusters.len() >= max_clusters {
            // Clusters that have gone make room.
            clusters.retain(|_, elected| now_ms - elected.heard_ms <= FORGET_AFTER_MS);
            if clusters.len() >= max_clusters {
                return Verdict::TooManyClusters;
            }
        }
        let elected = Elected {
            replica: replica.to_owned(),
            heard_ms: now_ms,
        };
        clusters.insert(cluster.to_owned(), elected);
        Verdict::Accept
    }
}

/// A cluster nobody sent for this long is not counted any more.
const FORGET_AFTER_MS: i64 = 30 * 60_000;

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Accept, Standby, TooManyClusters};

    #[test]
    fn the_elected_replica_stays_until_it_is_silent() {
        let tracker = HaTracker::default();
        let tenant = TenantId::new("t").unwrap();
        let check = |cluster, replica, now_s: i64, verdict| {
            let found = tracker.hear(&tenant, cluster, replica, now_s * 1000, 30_000, 2);
            assert_eq!(found, verdict, "{cluster} {replica} at {now_s}");
        };
        check("eu", "a", 0, Accept);
        check("eu", "b", 1, Standby);
        check("eu", "a", 20, Accept);
        check("eu", "b", 50, Standby);
        check("eu", "b", 51, Accept);
        check("eu", "a", 52, Standby);
        // Set back, the clock elects nobody.
        check("eu", "a", -500, Standby);
        check("us", "a", 52, Accept);
        check("ap", "a", 52, TooManyClusters);
        check("us", "b", 1853, Accept);
        check("ap", "a", 1853, Accept);
    }
}
