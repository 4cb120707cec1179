//! One sender: a connection with one request in flight, as a shard of Prometheus's remote write queue is.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use hyper::header::HeaderMap;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use vigie_ledger::{Content, Fate, Ledger, RequestId, body_digest};

use super::client::{Connection, Endpoint};
use super::pace::{Pace, Turn};
use super::pack::Pack;
use super::record::Recorder;
use super::retry::{Backoff, Verdict, verdict};

/// A request ready to go.
#[derive(Debug, Default, Clone)]
pub struct Parcel {
    pub body: Bytes,
    /// Zero for a request of metadata only.
    pub samples: u32,
    /// Time of its newest sample; requests of one source come in the order of time, but for those meant to be late.
    pub time_ms: i64,
    /// Its place in the workload's timetable.
    pub place: Duration,
    pub headers: HeaderMap,
    /// Where its fate is written down, and under which source and number it can be made again.
    pub entry: Option<Entry>,
}

/// A request's entry in a ledger.
#[derive(Debug, Clone)]
pub struct Entry {
    pub ledger: Arc<Ledger>,
    pub source: u32,
    pub number: u64,
}

/// Where a sender gets its requests from, in order.
pub trait Source: Send {
    /// Replaces `parcel` by the next request; false at the end.
    fn next(&mut self, parcel: &mut Parcel) -> Result<bool>;
}

/// What a sender needs to know besides its requests.
#[derive(Debug, Clone)]
pub(super) struct SenderOptions {
    /// Its place in the pack.
    pub which: usize,
    pub endpoint: Endpoint,
    pub pace: Pace,
    pub start: Instant,
    /// Attempts at one request end after this time.
    pub give_up_after: Duration,
}

/// Sends everything `source` has, until it is empty or `stop` turns true.
pub(super) async fn send_all(
    options: SenderOptions,
    mut source: Box<dyn Source>,
    recorder: Arc<Recorder>,
    pack: Arc<Pack>,
    mut stop: watch::Receiver<bool>,
) -> Result<()> {
    let mut connection = Connection::new(options.endpoint.clone());
    let mut parcel = Parcel::default();
    while !*stop.borrow() {
        if !source.next(&mut parcel).context("get the next request")? {
            pack.raise(options.which, i64::MAX);
            return Ok(());
        }
        pack.raise(options.which, parcel.time_ms);
        if options.pace == Pace::Closed {
            tokio::select! {
                biased; // Stop first: the last sender may have ended without raising its frontier.
                () = stopped(&mut stop) => return Ok(()),
                () = pack.keep_together(parcel.time_ms) => {}
            }
        }
        let due = loop {
            match options.pace.turn(parcel.place, options.start.elapsed()) {
                Turn::Wait(pause) => {
                    // Stop first: a run that ends does not wait for a request that is due in an hour.
                    tokio::select! {
                        biased;
                        () = stopped(&mut stop) => return Ok(()),
                        () = sleep_until(Instant::now() + pause) => {}
                    }
                }
                Turn::Send { due } => break Some(options.start + due),
                Turn::Missed => break None,
            }
        };
        let Some(due) = due else {
            recorder.missed(parcel.samples);
            continue;
        };
        // Before the first byte leaves: if this process is killed, the ledger knows what may have arrived.
        let request = match &parcel.entry {
            None => None,
            Some(entry) => Some(begin(entry, &parcel)?),
        };
        let fate = deliver(&options, &mut connection, &parcel, due, &recorder, &mut stop).await;
        if let (Some(entry), Some(request)) = (&parcel.entry, request) {
            entry
                .ledger
                .settle(request, &fate)
                .context("write down what became of a request")?;
        }
    }
    Ok(())
}

fn begin(entry: &Entry, parcel: &Parcel) -> Result<RequestId> {
    let content = Content::Reference {
        source: entry.source,
        number: entry.number,
        rows: parcel.samples,
        digest: body_digest(&parcel.body),
    };
    entry.ledger.begin(content, None).context("write down a request")
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
    // The most that any attempt may have left behind.
    let mut most = Attempts::default();
    loop {
        let retry_after = match connection.post(&parcel.headers, parcel.body.clone()).await {
            Ok(answer) => {
                most.answered(answer.status);
                match verdict(answer.status) {
                    Verdict::Acked => {
                        recorder.acked(parcel.samples, parcel.body.len(), due.elapsed());
                        if let Some(written) = answer.samples_written
                            && written != u64::from(parcel.samples)
                        {
                            let sent = parcel.samples;
                            recorder.note(&format!("{written} of {sent} samples written, says an answer"));
                        }
                        return Fate::Acked;
                    }
                    Verdict::Refused => {
                        recorder.refused(parcel.samples, &format!("{}: {}", answer.status, answer.text));
                        return most.fate();
                    }
                    Verdict::Retry => {
                        if answer.status == 429 {
                            recorder.shed();
                        } else {
                            recorder.failed(&format!("{}: {}", answer.status, answer.text));
                        }
                        answer.retry_after
                    }
                }
            }
            Err(error) => {
                if error.may_have_arrived() {
                    most.unanswered = true;
                }
                recorder.failed(&error.to_string());
                None
            }
        };
        let pause = backoff.pause(retry_after);
        let is_over = first_attempt.elapsed() + pause > options.give_up_after;
        if !is_over {
            // Stop first: a run that ends does not wait for a server that is down.
            tokio::select! {
                biased;
                () = stopped(stop) => {}
                () = tokio::time::sleep(pause) => continue,
            }
        }
        let fate = most.fate();
        if fate == Fate::NotSent {
            recorder.missed(parcel.samples);
        } else {
            recorder.unknown(parcel.samples);
        }
        return fate;
    }
}

/// What attempts without success may have left behind.
#[derive(Debug, Default)]
struct Attempts {
    unanswered: bool,
    refused: Option<u16>,
}

impl Attempts {
    fn answered(&mut self, status: u16) {
        if Fate::from_status(Some(status)) == Fate::Unknown {
            self.unanswered = true;
        } else {
            self.refused = Some(status);
        }
    }

    fn fate(&self) -> Fate {
        match self.refused {
            _ if self.unanswered => Fate::Unknown,
            Some(status) => Fate::from_status(Some(status)),
            None => Fate::NotSent,
        }
    }
}

/// Resolves when the run is stopped, and never if whoever could stop it is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
