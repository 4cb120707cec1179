use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::api::Api;
use crate::kind::SystemKind;
use crate::system::System;

const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// When a system counts as at rest.
#[derive(Debug, Clone, Copy)]
pub struct SettleLimits {
    /// It uses less than this share of a core ...
    pub cpu_share: f64,
    /// ... for as long as this.
    pub window: Duration,
    /// After which it is measured as it is.
    pub deadline: Duration,
}

impl Default for SettleLimits {
    fn default() -> Self {
        Self {
            cpu_share: 0.05,
            window: Duration::from_secs(4),
            deadline: Duration::from_secs(600),
        }
    }
}

/// How settling went, for the report.
#[derive(Debug, Clone, PartialEq)]
pub struct Settled {
    pub waited: Duration,
    /// False if it went on working until the deadline.
    pub at_rest: bool,
    /// What it was told to do, or waited for, so that its disk is that after its own compaction.
    pub forced: Vec<String>,
}

impl System {
    /// Waits until what it had put off is done, without telling it to do anything.
    pub fn rest(&self, limits: &SettleLimits) -> Result<Settled> {
        let started = Instant::now();
        let at_rest = self.wait_for_rest(limits, started)?;
        Ok(Settled {
            waited: started.elapsed(),
            at_rest,
            forced: Vec::new(),
        })
    }

    /// Has it compact where it can be told to, and waits until it is at rest.
    pub fn settle(&self, limits: &SettleLimits) -> Result<Settled> {
        let started = Instant::now();
        let base = Api::with_timeout(self.base_url(), limits.deadline)?;
        let forced = match self.kind() {
            SystemKind::Vigie | SystemKind::VigieRelaxed => {
                let flush = "/ingester/flush?wait=true&compact=true";
                self.ask_for(flush, limits.deadline)?;
                vec![flush.to_owned()]
            }
            // It has nothing to be told: the newest two to three hours stay in the head and the WAL.
            SystemKind::Prometheus => Vec::new(),
            SystemKind::VictoriaMetrics => {
                self.ask_for("/internal/force_flush", limits.deadline)?;
                self.ask_for("/internal/force_merge", limits.deadline)?;
                self.wait_for_rest(limits, started)?;
                self.ask_for("/internal/resetRollupResultCache", limits.deadline)?;
                vec![
                    "/internal/force_flush".to_owned(),
                    "/internal/force_merge (all partitions)".to_owned(),
                    "/internal/resetRollupResultCache, which its documentation asks for after back-filling"
                        .to_owned(),
                ]
            }
            SystemKind::Mimir => {
                self.ask_for("/ingester/flush?wait=true", limits.deadline)?;
                self.await_compactor(&base, limits, started)?;
                vec![
                    "/ingester/flush?wait=true".to_owned(),
                    "two runs of the compactor after it".to_owned(),
                ]
            }
        };
        let at_rest = self.wait_for_rest(limits, started)?;
        Ok(Settled {
            waited: started.elapsed(),
            at_rest,
            forced,
        })
    }

    fn wait_for_rest(&self, limits: &SettleLimits, started: Instant) -> Result<bool> {
        while started.elapsed() < limits.deadline {
            self.check_running()?;
            let before = self.cpu_seconds()?;
            std::thread::sleep(limits.window);
            let used = self.cpu_seconds()? - before;
            if used < limits.cpu_share * limits.window.as_secs_f64() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The compactor knows no order: the run that is under way may have missed the last block, so the second counts.
    fn await_compactor(&self, base: &Api, limits: &SettleLimits, started: Instant) -> Result<()> {
        let runs = || {
            Ok::<f64, anyhow::Error>(
                base.own_metric("cortex_compactor_runs_completed_total ")?
                    .unwrap_or(0.0),
            )
        };
        let before = runs()?;
        while runs()? < before + 2.0 {
            if started.elapsed() > limits.deadline {
                bail!(
                    "the compactor of mimir has not run twice in {:?}",
                    limits.deadline
                );
            }
            self.check_running()?;
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    fn cpu_seconds(&self) -> Result<f64> {
        let pid = self
            .pid()
            .with_context(|| format!("find the process of {}", self.kind()))?;
        Ok(crate::proc_stat::ProcStat::read(pid)?.cpu_seconds)
    }
}
