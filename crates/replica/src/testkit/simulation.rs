use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::SimRng;
use super::board::Board;
use super::client::SimClient;
use super::network::SimNetwork;
use super::node::SimNode;
use super::subject::{Acked, SimError, Subject};
use crate::replica::Member;

/// What a simulation does. The seed decides the faults and the delays; which task runs first is up to the runtime.
#[derive(Debug, Clone)]
pub struct SimOptions {
    pub seed: u64,
    pub clients: u32,
    /// How long faults are injected.
    pub chaos: Duration,
    /// Most a message is delayed on its way.
    pub max_delay_ms: u64,
}

/// What happened, so that a test can tell that it tested something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SimReport {
    pub acked: u64,
    pub applies: u64,
    pub crashes: u64,
    pub cuts: u64,
    pub checkpoints: u64,
    pub snapshots_installed: u64,
    pub terms_led: u64,
}

impl SimOptions {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            clients: 4,
            chaos: Duration::from_secs(4),
            max_delay_ms: 2,
        }
    }
}

/// Runs a group of three replicas under crashes, cuts, leader transfers and checkpoints while clients propose
/// entries; then forces a replica to catch up by snapshot; then cuts the power of all at once.
///
/// Checks that every acknowledged entry is in every replica's state in order, that replicas have equal
/// digests after equal indices throughout, and that no term has two leaders.
///
/// # Errors
/// Says what was violated, or that the group did not recover in time.
pub async fn simulate<S: Subject>(
    options: SimOptions,
    subject: S,
    dir: &Path,
) -> Result<SimReport, SimError> {
    let mut simulation = Simulation::new(&options, subject, dir);
    simulation.start().await?;
    simulation.run_clients(options.clients);
    simulation.chaos(options.chaos).await?;
    simulation.catch_up_by_snapshot().await?;
    simulation.stop_clients().await?;
    simulation.settle_and_check().await?;
    simulation.cut_power().await?;
    simulation.settle_and_check().await?;
    Ok(simulation.finish().await)
}

struct Simulation<S: Subject> {
    rng: SimRng,
    subject: Arc<S>,
    board: Arc<Board>,
    network: Arc<SimNetwork<S>>,
    nodes: Vec<SimNode<S>>,
    acked: Arc<Mutex<Vec<Acked>>>,
    stop: watch::Sender<bool>,
    clients: JoinSet<()>,
    report: SimReport,
}

/// How long the group may take to recover once nothing is broken any more.
const RECOVERY: Duration = Duration::from_secs(15);

impl<S: Subject> Simulation<S> {
    fn new(options: &SimOptions, subject: S, dir: &Path) -> Self {
        let mut rng = SimRng::new(options.seed);
        let (subject, board) = (Arc::new(subject), Arc::new(Board::default()));
        let network = SimNetwork::new(rng.fork(), options.max_delay_ms);
        let nodes = (1..=3)
            .map(|id| {
                let dir = dir.join(id.to_string());
                SimNode::new(id, dir, subject.clone(), board.clone(), network.clone())
            })
            .collect();
        Self {
            rng,
            subject,
            board,
            network,
            nodes,
            acked: Arc::default(),
            stop: watch::Sender::new(false),
            clients: JoinSet::new(),
            report: SimReport::default(),
        }
    }

    async fn start(&mut self) -> Result<(), SimError> {
        self.start_all().await?;
        let members: Vec<Member> = self
            .nodes
            .iter()
            .map(|node| Member {
                replica_id: node.id(),
                machine_id: 100 + node.id(),
            })
            .collect();
        let Some(first) = self.nodes[0].replica() else {
            return Err(SimError("node 1 is not running".to_owned()));
        };
        first
            .initialize(&members)
            .await
            .map_err(|error| SimError(format!("initialize the group: {error}")))?;
        // Until all know each other, a crash may leave replicas that cannot go on alone, and rightly so.
        let nodes = &self.nodes;
        self.await_that("all replicas are members", || {
            nodes.iter().all(|node| {
                node.replica()
                    .is_some_and(|replica| replica.status().applied.is_some())
            })
        })
        .await
    }

    async fn start_all(&mut self) -> Result<(), SimError> {
        for node in &mut self.nodes {
            if node.replica().is_none() {
                node.start().await?;
            }
        }
        Ok(())
    }

    fn run_clients(&mut self, count: u32) {
        for id in 0..count {
            let client = SimClient {
                id,
                rng: self.rng.fork(),
                subject: self.subject.clone(),
                network: self.network.clone(),
                acked: self.acked.clone(),
                stop: self.stop.subscribe(),
            };
            self.clients.spawn(client.run());
        }
    }

    async fn chaos(&mut self, time: Duration) -> Result<(), SimError> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.disturb().await?;
            tokio::time::sleep(self.rng.millis(50, 400)).await;
            self.check_board()?;
        }
        Ok(())
    }

    async fn disturb(&mut self) -> Result<(), SimError> {
        let at = self.rng.below(3) as usize;
        let (a, b) = (at as u64 + 1, (at as u64 + 1 + self.rng.below(2)) % 3 + 1);
        match self.rng.below(100) {
            // Down it stays until it is drawn again.
            0..30 => match self.nodes[at].replica() {
                Some(_) => self.crash(at).await,
                None => self.nodes[at].start().await?,
            },
            30..45 => {
                self.report.cuts += 1;
                self.isolate(a);
            }
            45..55 => {
                self.report.cuts += 1;
                self.network.cut(a, b);
            }
            55..80 => self.network.heal(),
            80..93 => self.checkpoint(at),
            _ => {
                for node in &self.nodes {
                    if let Some(replica) = node.replica() {
                        // Refused by all but the leader, and by a leader whose follower lags.
                        drop(replica.transfer_leader(b).await);
                    }
                }
            }
        }
        Ok(())
    }

    async fn crash(&mut self, at: usize) {
        self.report.crashes += 1;
        self.nodes[at].crash().await;
    }

    fn isolate(&self, id: u64) {
        for other in (1..=3).filter(|other| *other != id) {
            self.network.cut(id, other);
            self.network.cut(other, id);
        }
    }

    /// Starts a checkpoint; faults may hit it on the way.
    fn checkpoint(&mut self, at: usize) {
        let dropping = self.rng.chance(50);
        if let Some(replica) = self.nodes[at].replica().cloned() {
            self.report.checkpoints += 1;
            tokio::spawn(async move {
                let done = if dropping {
                    replica.checkpoint_dropping_log().await
                } else {
                    replica.checkpoint().await
                };
                if let Err(error) = done {
                    tracing::info!(%error, "checkpoint did not finish");
                }
            });
        }
    }

    /// Keeps one replica away until the others have dropped the log it needs.
    async fn catch_up_by_snapshot(&mut self) -> Result<(), SimError> {
        self.network.heal();
        self.start_all().await?;
        let away = self.rng.below(3) as usize;
        let by_crash = self.rng.chance(50);
        if by_crash {
            self.crash(away).await;
        } else {
            self.isolate(away as u64 + 1);
        }
        let enough = self.acked.lock().len() + 40;
        let acked = self.acked.clone();
        self.await_that("two replicas make progress", || acked.lock().len() >= enough)
            .await?;
        self.drop_logs(away).await?;
        let installs = self.board.installs();
        self.network.heal();
        self.start_all().await?;
        let board = self.board.clone();
        self.await_that("the lagging replica installs a snapshot", || {
            board.installs() > installs
        })
        .await
    }

    /// Has all replicas but one drop the log they have now. What is being sent to that one is kept until its
    /// connection is given up, so this is asked for until it is done.
    async fn drop_logs(&self, away: usize) -> Result<(), SimError> {
        let end = Instant::now() + RECOVERY;
        for (at, node) in self.nodes.iter().enumerate() {
            let Some(replica) = node.replica().filter(|_| at != away) else {
                continue;
            };
            let target = replica.status().applied;
            while replica.status().purged < target {
                if Instant::now() > end {
                    return Err(SimError(format!("replica {} does not drop its log", at + 1)));
                }
                replica
                    .checkpoint_dropping_log()
                    .await
                    .map_err(|error| SimError(format!("checkpoint of replica {}: {error}", at + 1)))?;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }

    async fn stop_clients(&mut self) -> Result<(), SimError> {
        self.stop.send_replace(true);
        let all = async { while self.clients.join_next().await.is_some() {} };
        match tokio::time::timeout(RECOVERY, all).await {
            Ok(()) => Ok(()),
            Err(_) => Err(SimError(
                "clients cannot finish although nothing is broken".to_owned(),
            )),
        }
    }

    /// All at once, and up again.
    async fn cut_power(&mut self) -> Result<(), SimError> {
        for at in 0..self.nodes.len() {
            self.crash(at).await;
        }
        self.start_all().await
    }

    async fn settle_and_check(&self) -> Result<(), SimError> {
        let nodes = &self.nodes;
        self.await_that("all replicas apply the same log", || {
            let states: Vec<_> = nodes
                .iter()
                .filter_map(|node| node.replica().map(|r| r.status()))
                .collect();
            states.iter().any(|state| state.is_leader)
                && states
                    .iter()
                    .all(|state| state.applied == state.last_log && state.applied == states[0].applied)
                && states
                    .iter()
                    .all(|state| state.leader.is_some() && state.term == states[0].term)
        })
        .await?;
        self.check_board()?;
        let acked = self.acked.lock().clone();
        let mut digests = Vec::new();
        for node in nodes {
            let Some(replica) = node.replica() else {
                return Err(SimError(format!("node {} is not running", node.id())));
            };
            let checked = replica.with_state(|state| {
                digests.push(self.subject.digest(state.machine()));
                self.subject.verify(state.machine(), &acked)
            });
            checked.map_err(|error| SimError(format!("replica {}: {error}", node.id())))?;
        }
        if digests.iter().any(|digest| *digest != digests[0]) {
            return Err(SimError(format!("final digests differ: {digests:?}")));
        }
        Ok(())
    }

    fn check_board(&self) -> Result<(), SimError> {
        match self.board.violations() {
            violations if violations.is_empty() => Ok(()),
            violations => Err(SimError(violations.join("; "))),
        }
    }

    async fn await_that(&self, what: &str, reached: impl Fn() -> bool) -> Result<(), SimError> {
        let end = Instant::now() + RECOVERY;
        while !reached() {
            self.check_board()?;
            if Instant::now() > end {
                let states: Vec<_> = self
                    .nodes
                    .iter()
                    .map(|node| (node.id(), node.replica().map(|r| r.status())))
                    .collect();
                return Err(SimError(format!("not within {RECOVERY:?}: {what}; {states:#?}")));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    async fn finish(mut self) -> SimReport {
        for node in &mut self.nodes {
            node.crash().await;
        }
        self.report.acked = self.acked.lock().len() as u64;
        self.report.applies = self.board.applies();
        self.report.snapshots_installed = self.board.installs();
        self.report.terms_led = self.board.terms_led();
        self.report
    }
}
