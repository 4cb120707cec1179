//! One sender: a connection with one request in flight, as a shard of Prometheus's remote write queue is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use hyper::header::HeaderMap;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::client::{Connection, Endpoint};
use super::pace::{Pace, Turn};
use super::record::Recorder;
use super::retry::{Backoff, Verdict, verdict};

/// A request ready to go.
#[derive(Debug, Default)]
pub struct Parcel {
    pub body: Bytes,
    pub samples: u32,
    /// Time of its samples; requests of one source come in the order of time, but for those meant to be late.
    pub time_ms: i64,
    pub headers: HeaderMap,
}

/// Where a sender gets its requests from, in order.
pub trait Source: Send {
    /// Replaces `parcel` by the next request; false at the end.
    fn next(&mut self, parcel: &mut Parcel) -> Result<bool>;
}

/// What became of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Its samples must be readable.
    Acked,
    /// Its samples must not be there (but may be in part: a server may store the good rows of a request it refuses).
    Refused,
    /// Never sent: its samples must not be there.
    Missed,
    /// No answer, or given up between attempts: its samples may be there or not.
    Unknown,
}

/// What a sender needs to know besides its requests.
#[derive(Debug, Clone)]
pub struct SenderOptions {
    pub endpoint: Endpoint,
    pub pace: Pace,
    pub start: Instant,
    /// Attempts at one request end after this time.
    pub give_up_after: Duration,
}

/// The time below which a sender has nothing left to send, for queriers that ask only for what is complete.
#[derive(Debug, Clone)]
pub struct Frontier(Arc<AtomicI64>);

impl Default for Frontier {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(i64::MIN)))
    }
}

impl Frontier {
    /// All samples before this time have met their fate.
    pub fn get_ms(&self) -> i64 {
        self.0.load(Ordering::Acquire)
    }

    fn raise(&self, time_ms: i64) {
        self.0.fetch_max(time_ms, Ordering::AcqRel);
    }
}

/// Sends everything `source` has, until it is empty or `stop` turns true; returns the fate of request 0, 1, ...
pub async fn send_all(
    options: SenderOptions,
    mut source: Box<dyn Source>,
    recorder: Arc<Recorder>,
    frontier: Frontier,
    mut stop: watch::Receiver<bool>,
) -> Result<Vec<Fate>> {
    let mut connection = Connection::new(options.endpoint.clone());
    let mut fates = Vec::new();
    let mut parcel = Parcel::default();
    while !*stop.borrow() && source.next(&mut parcel).context("get the next request")? {
        frontier.raise(parcel.time_ms);
        let turn = loop {
            match options.pace.turn(fates.len() as u64, options.start.elapsed()) {
                Turn::Wait(pause) => {
                    // Stop first: a run that ends does not wait for a request that is due in an hour.
                    tokio::select! {
                        biased;
                        () = stopped(&mut stop) => break None,
                        () = sleep_until(Instant::now() + pause) => {}
                    }
                }
                turn => break Some(turn),
            }
        };
        let fate = match turn {
            None => break,
            Some(Turn::Send { due }) => {
                let due = options.start + due;
                deliver(&options, &mut connection, &parcel, due, &recorder, &mut stop).await
            }
            Some(_) => {
                recorder.missed(parcel.samples);
                Fate::Missed
            }
        };
        fates.push(fate);
    }
    if !*stop.borrow() {
        frontier.raise(i64::MAX);
    }
    Ok(fates)
}

/// Attempts at one request until it is settled.
async fn deliver(
    options: &SenderOptions,
    connection: &mut Connection,
    parcel: &Parcel,
    due: Instant,
    recorder: &Recorder,
    stop: &mut watch::Receiver<bool>,
) -> Fate {
    let first_attempt = Instant::now();
    let mut backoff = Backoff::default();
    // Once an attempt may have had its effect, giving up leaves the question open.
    let mut may_be_stored = false;
    loop {
        let retry_after = match connection.post(&parcel.headers, parcel.body.clone()).await {
            Ok(answer) => match verdict(answer.status) {
                Verdict::Acked => {
                    recorder.acked(parcel.samples, parcel.body.len(), due.elapsed());
                    return Fate::Acked;
                }
                Verdict::Refused => {
                    recorder.refused(parcel.samples, &format!("{}: {}", answer.status, answer.text));
                    return if may_be_stored { Fate::Unknown } else { Fate::Refused };
                }
                Verdict::Retry if answer.status == 429 => {
                    recorder.shed();
                    answer.retry_after
                }
                Verdict::Retry => {
                    may_be_stored = true;
                    recorder.failed(&format!("{}: {}", answer.status, answer.text));
                    answer.retry_after
                }
            },
            Err(error) => {
                may_be_stored |= error.may_have_arrived();
                recorder.failed(&error.to_string());
                None
            }
        };
        let pause = backoff.pause(retry_after);
        if first_attempt.elapsed() + pause > options.give_up_after {
            return give_up(parcel, may_be_stored, recorder);
        }
        // Stop first: a run that ends does not wait for a server that is down.
        tokio::select! {
            biased;
            () = stopped(stop) => return give_up(parcel, may_be_stored, recorder),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

fn give_up(parcel: &Parcel, may_be_stored: bool, recorder: &Recorder) -> Fate {
    if may_be_stored {
        recorder.unknown(parcel.samples);
        Fate::Unknown
    } else {
        recorder.missed(parcel.samples);
        Fate::Missed
    }
}

/// Resolves when the run is stopped, and never if whoever could stop it is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
