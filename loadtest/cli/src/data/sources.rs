use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use parking_lot::Mutex;
use vigie_ledger::Ledger;
use vigie_workload::{
    CorpusReader, CorpusRequest, CorpusTotals, Protocol, Request, RequestCorpus, Stream, Workload,
};

use super::ledgers::Ledgers;
use crate::send::{Entry, Parcel, Source};

/// Where all requests of a run come from: prepared, or made while they are sent.
#[derive(Debug)]
pub struct Supply {
    workload: Workload,
    corpus: Option<RequestCorpus>,
}

impl Supply {
    /// Requests are made as they are sent: for workloads without an end.
    pub fn live(workload: Workload) -> Self {
        Self {
            workload,
            corpus: None,
        }
    }

    /// Requests are made now and kept in `dir`.
    pub fn prepare(workload: Workload, dir: &Path, progress: impl FnMut(&CorpusTotals)) -> Result<Self> {
        let corpus = RequestCorpus::prepare(&workload, dir, progress).context("prepare the requests")?;
        Ok(Self {
            workload,
            corpus: Some(corpus),
        })
    }

    pub fn workload(&self) -> &Workload {
        &self.workload
    }

    /// What a prepared corpus holds.
    pub fn totals(&self) -> Option<CorpusTotals> {
        self.corpus.as_ref().map(RequestCorpus::totals)
    }

    /// One source per sender from the first request on. `default_tenant` is named where the workload has no tenants.
    pub fn sources(&self, ledgers: &Ledgers, default_tenant: Option<&str>) -> Result<Vec<SplitSource>> {
        let mut sources = Vec::new();
        for sender in 0..self.workload.spec().senders {
            let envelope = Envelope::new(&self.workload, ledgers, default_tenant, sender)?;
            let feed: Box<dyn Source> = match &self.corpus {
                Some(corpus) => Box::new(Prepared {
                    reader: corpus.reader(sender).context("open the requests of a sender")?,
                    request: CorpusRequest::default(),
                    envelope,
                }),
                None => Box::new(Live {
                    stream: self.workload.stream(sender),
                    request: Request::default(),
                    held: None,
                    envelope,
                }),
            };
            sources.push(SplitSource::new(feed));
        }
        Ok(sources)
    }
}

/// What is written on all requests of a sender.
struct Envelope {
    sender: u32,
    next_number: u64,
    by_tenant: HashMap<Option<Arc<str>>, (HeaderMap, Arc<Ledger>)>,
}

impl Envelope {
    fn new(
        workload: &Workload,
        ledgers: &Ledgers,
        default_tenant: Option<&str>,
        sender: u32,
    ) -> Result<Self> {
        let mut tenants: Vec<Option<Arc<str>>> = workload.tenants().into_iter().map(Some).collect();
        if tenants.is_empty() {
            tenants.push(None);
        }
        let mut by_tenant = HashMap::new();
        for tenant in tenants {
            let headers = headers(workload.spec().protocol, tenant.as_deref().or(default_tenant))?;
            let ledger = ledgers.of(tenant.as_ref())?;
            by_tenant.insert(tenant, (headers, ledger));
        }
        Ok(Self {
            sender,
            next_number: 0,
            by_tenant,
        })
    }

    /// Addresses the sender's next request of samples.
    fn address(&mut self, tenant: &Option<Arc<str>>, parcel: &mut Parcel) -> Result<()> {
        let (headers, ledger) = self
            .by_tenant
            .get(tenant)
            .with_context(|| format!("find tenant {tenant:?} among those of the workload"))?;
        parcel.headers.clone_from(headers);
        parcel.entry = Some(Entry {
            ledger: Arc::clone(ledger),
            source: self.sender,
            number: self.next_number,
        });
        self.next_number += 1;
        Ok(())
    }
}

fn headers(protocol: Protocol, tenant: Option<&str>) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(protocol.content_type()));
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("snappy"));
    headers.insert(USER_AGENT, HeaderValue::from_static("vigie-loadtest"));
    headers.insert(
        HeaderName::from_static("x-prometheus-remote-write-version"),
        HeaderValue::from_static(protocol.version()),
    );
    if let Some(tenant) = tenant {
        let value = HeaderValue::from_str(tenant).context("name the tenant in a header")?;
        headers.insert(HeaderName::from_static("x-scope-orgid"), value);
    }
    Ok(headers)
}

struct Prepared {
    reader: CorpusReader,
    request: CorpusRequest,
    envelope: Envelope,
}

impl Source for Prepared {
    fn next(&mut self, parcel: &mut Parcel) -> Result<bool> {
        // Freed first, so that the reader can drop the block it belongs to.
        parcel.body = bytes::Bytes::new();
        if !self.reader.next(&mut self.request)? {
            return Ok(false);
        }
        parcel.body = self.request.body.clone();
        parcel.samples = self.request.samples;
        parcel.time_ms = self.request.time_ms;
        parcel.place = place(self.request.due_ms);
        self.envelope.address(&self.request.tenant, parcel)?;
        Ok(true)
    }
}

struct Live {
    stream: Stream,
    request: Request,
    /// A request that waits behind its metadata.
    held: Option<Parcel>,
    envelope: Envelope,
}

impl Source for Live {
    fn next(&mut self, parcel: &mut Parcel) -> Result<bool> {
        if let Some(held) = self.held.take() {
            *parcel = held;
            return Ok(true);
        }
        if !self.stream.next_request(&mut self.request) {
            return Ok(false);
        }
        parcel.body = std::mem::take(&mut self.request.body).into();
        parcel.samples = self.request.samples;
        parcel.time_ms = self.request.time_ms;
        parcel.place = place(self.request.due_ms);
        self.envelope.address(&self.request.tenant, parcel)?;
        if let Some(metadata) = self.stream.metadata_request(self.request.due_ms) {
            let samples = std::mem::take(parcel);
            *parcel = Parcel {
                body: metadata.into(),
                samples: 0,
                entry: None,
                ..samples.clone()
            };
            self.held = Some(samples);
        }
        Ok(true)
    }
}

fn place(due_ms: i64) -> Duration {
    Duration::from_millis(due_ms.max(0).unsigned_abs())
}

/// A source that can be used up in portions: history first, then the present.
#[derive(Clone)]
pub struct SplitSource(Arc<Mutex<Split>>);

struct Split {
    feed: Box<dyn Source>,
    /// The first request after the end of the last portion.
    held: Option<Parcel>,
}

impl std::fmt::Debug for SplitSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SplitSource")
    }
}

impl SplitSource {
    fn new(feed: Box<dyn Source>) -> Self {
        Self(Arc::new(Mutex::new(Split { feed, held: None })))
    }

    /// The requests that are left, up to the first one with samples at or after `until_ms`.
    pub fn portion(&self, until_ms: Option<i64>) -> Box<dyn Source> {
        Box::new(Portion {
            split: self.clone(),
            until_ms: until_ms.unwrap_or(i64::MAX),
        })
    }
}

struct Portion {
    split: SplitSource,
    until_ms: i64,
}

impl Source for Portion {
    fn next(&mut self, parcel: &mut Parcel) -> Result<bool> {
        // Held by one sender at a time, so never waited for.
        let mut split = self.split.0.lock();
        match split.held.take() {
            Some(held) => *parcel = held,
            None => {
                if !split.feed.next(parcel)? {
                    return Ok(false);
                }
            }
        }
        if parcel.time_ms < self.until_ms {
            return Ok(true);
        }
        split.held = Some(std::mem::take(parcel));
        Ok(false)
    }
}
