//! All senders of a run on a runtime of their own, with the clock that cuts the run into intervals.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tokio::sync::watch;
use tokio::time::Instant;

use super::client::Endpoint;
use super::pace::Pace;
use super::pack::{Frontier, Pack};
use super::record::Recorder;
use super::sender::{SenderOptions, Source, send_all};

/// The name that marks the generator's own threads in the kernel's accounts; at most 15 bytes.
pub const THREAD_NAME: &str = "lt-send";

/// How a fleet sends.
#[derive(Debug, Clone)]
pub struct FleetOptions {
    pub endpoint: Endpoint,
    pub pace: Pace,
    /// Attempts at one request end after this time.
    pub give_up_after: Duration,
}

/// Senders at work.
#[derive(Debug)]
pub struct Fleet {
    recorder: Arc<Recorder>,
    frontiers: Vec<Frontier>,
    stop: watch::Sender<bool>,
    started: std::time::Instant,
    thread: JoinHandle<Result<()>>,
}

impl Fleet {
    /// Starts one sender per source.
    pub fn start(options: FleetOptions, sources: Vec<Box<dyn Source>>) -> Result<Self> {
        let recorder = Arc::new(Recorder::default());
        let frontiers: Vec<Frontier> = sources.iter().map(|_| Frontier::default()).collect();
        let (stop, stopped) = watch::channel(false);
        let thread = std::thread::Builder::new().name(THREAD_NAME.to_owned()).spawn({
            let recorder = Arc::clone(&recorder);
            let frontiers = frontiers.clone();
            move || run(&options, sources, &recorder, &frontiers, &stopped)
        });
        Ok(Self {
            recorder,
            frontiers,
            stop,
            started: std::time::Instant::now(),
            thread: thread.context("start the senders' thread")?,
        })
    }

    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// What queriers read while the fleet works: all samples before this time have met their fate.
    pub fn frontiers(&self) -> Frontiers {
        Frontiers(self.frontiers.clone())
    }

    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Lets every sender end after the request it has in flight.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits for the end.
    pub fn join(self) -> Result<Arc<Recorder>> {
        self.thread.join().map_err(|_| anyhow!("a sender panicked"))??;
        Ok(self.recorder)
    }
}

/// The frontiers of all senders.
#[derive(Debug, Clone)]
pub struct Frontiers(Vec<Frontier>);

impl Frontiers {
    /// The time before which no sender has anything left to send.
    pub fn complete_before_ms(&self) -> i64 {
        self.0.iter().map(Frontier::get_ms).min().unwrap_or(i64::MAX)
    }
}

fn run(
    options: &FleetOptions,
    sources: Vec<Box<dyn Source>>,
    recorder: &Arc<Recorder>,
    frontiers: &[Frontier],
    stop: &watch::Receiver<bool>,
) -> Result<()> {
    // One thread is enough for millions of samples a second, and leaves the cores to the server.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("build the senders' runtime")?;
    runtime.block_on(async {
        let start = Instant::now();
        let pack = Arc::new(Pack::new(frontiers.to_vec()));
        let mut tasks = tokio::task::JoinSet::new();
        for (which, source) in sources.into_iter().enumerate() {
            let sender = SenderOptions {
                which,
                endpoint: options.endpoint.clone(),
                pace: options.pace,
                start,
                give_up_after: options.give_up_after,
            };
            let (recorder, pack, stop) = (Arc::clone(recorder), Arc::clone(&pack), stop.clone());
            tasks.spawn(async move {
                send_all(sender, source, recorder, pack, stop)
                    .await
                    .with_context(|| format!("sender {which}"))
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.context("wait for a sender")??;
        }
        Ok(())
    })
}
