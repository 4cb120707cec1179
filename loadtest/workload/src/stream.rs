//! What one sender sends, request by request in the order of time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::native::NativeHistogram;
use crate::page::{ExemplarRow, Page, metadata_v1};
use crate::random::{mix2, unit};
use crate::request::{Request, Row};
use crate::series::{Family, MetricKind, Series};
use crate::spec::{Compression, Protocol};
use crate::value::{Round, Value};
use crate::workload::{Plan, Unit};

/// The requests of one sender. Series never move between streams, so that streams can be sent side by side.
pub struct Stream {
    plan: Arc<Plan>,
    sender: u32,
    units: Vec<Unit>,
    pages: Vec<LivePage>,
    round: Round,
    /// The next page and replica.
    position: usize,
    /// Samples held back, by the round in which they are sent.
    late: BTreeMap<u64, VecDeque<Late>>,
    /// Whether bodies are made.
    encodes: bool,
    families: Vec<Arc<Family>>,
    metadata_due_ms: i64,
    buffers: Buffers,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream")
            .field("sender", &self.sender)
            .field("round", &self.round.number)
            .field("pages", &self.pages.len())
            .finish_non_exhaustive()
    }
}

/// A page with how its values move.
struct LivePage {
    tenant: Option<usize>,
    segments: Vec<Segment>,
    values: Vec<Value>,
    /// One per HA replica.
    encoded: Vec<Arc<Page>>,
}

/// Series of one unit on a page.
#[derive(Debug)]
struct Segment {
    /// Position in `Stream::units`.
    unit: usize,
    /// Those of the unit's series that are here.
    first: usize,
    count: usize,
}

struct Late {
    replica: u8,
    page: Arc<Page>,
    rows: Vec<Row>,
    natives: Vec<Vec<u8>>,
}

struct Buffers {
    raw: Vec<u8>,
    natives: Vec<Vec<u8>>,
    exemplars: Vec<ExemplarRow>,
    histogram: NativeHistogram,
    snappy: snap::raw::Encoder,
}

impl Buffers {
    fn new() -> Self {
        Self {
            raw: Vec::new(),
            natives: Vec::new(),
            exemplars: Vec::new(),
            histogram: NativeHistogram::default(),
            snappy: snap::raw::Encoder::new(),
        }
    }
}

impl Stream {
    pub(crate) fn new(plan: Arc<Plan>, sender: u32) -> Self {
        let mut units = plan.units_of(sender);
        units.sort_by_key(|(tenant, unit)| (*tenant, unit.offset_ms, unit.id.shape, unit.id.unit));
        let limit = plan.spec.max_samples_per_request as usize;
        let mut stream = Self {
            round: Round::new(0, plan.spec.interval.0),
            plan,
            sender,
            units: units.iter().map(|(_, unit)| *unit).collect(),
            pages: Vec::new(),
            position: 0,
            late: BTreeMap::new(),
            encodes: true,
            families: Vec::new(),
            metadata_due_ms: 0,
            buffers: Buffers::new(),
        };
        let mut families = BTreeMap::new();
        let mut open: Option<(LivePage, Vec<(Series, i64)>)> = None;
        for (index, (tenant, unit)) in units.iter().enumerate() {
            let mut first = 0;
            let mut series = stream.plan.build(unit).into_iter().peekable();
            while series.peek().is_some() {
                if open
                    .as_ref()
                    .is_some_and(|(page, all)| page.tenant != *tenant || all.len() == limit)
                {
                    stream.close(open.take());
                }
                let (page, all) = open.get_or_insert_with(|| {
                    let page = LivePage {
                        tenant: *tenant,
                        segments: vec![],
                        values: vec![],
                        encoded: vec![],
                    };
                    (page, Vec::new())
                });
                let before = all.len();
                for one in series.by_ref().take(limit - before) {
                    families
                        .entry(one.family.name.clone())
                        .or_insert_with(|| Arc::clone(&one.family));
                    let started = stream.started_ms(&one, unit);
                    page.values.push(one.value.clone());
                    all.push((one, started));
                }
                let count = all.len() - before;
                page.segments.push(Segment {
                    unit: index,
                    first,
                    count,
                });
                first += count;
            }
        }
        stream.close(open);
        stream.families = families.into_values().collect();
        let units = &stream.units;
        stream
            .pages
            .sort_by_key(|page| page.segments.iter().map(|s| units[s.unit].offset_ms).max());
        stream
    }

    /// Makes no bodies any more, only what [`Request::visit`] shows: for the ledger beside a corpus that is replayed.
    #[must_use]
    pub fn rows_only(mut self) -> Self {
        self.encodes = false;
        self
    }

    /// Series that the sender sends in a round, those of the second replica not counted.
    pub fn active_series(&self) -> usize {
        self.pages.iter().map(|page| page.values.len()).sum()
    }

    /// Overwrites `request` with the next one. False at the end, which a workload without `rounds` does not have.
    pub fn next_request(&mut self, request: &mut Request) -> bool {
        loop {
            let replicas = if self.plan.spec.ha.is_some() { 2 } else { 1 };
            let ended = self.ended();
            if (ended || self.position == self.pages.len() * replicas)
                && let Some(late) = self.next_late(ended)
            {
                self.finish(request, late.replica, late.page, late.rows, &late.natives, &[]);
                return true;
            }
            if ended || self.pages.is_empty() {
                return false;
            }
            if self.position < self.pages.len() * replicas {
                let (index, replica) = (self.position / replicas, (self.position % replicas) as u8);
                self.position += 1;
                if self.page_request(index, replica, request) {
                    return true;
                }
                continue;
            }
            self.next_round();
        }
    }

    /// The metadata of all metrics of this stream as a remote write 1.0 request, if it is due at a request's time;
    /// Prometheus sends it beside the samples. There is none for remote write 2.0.
    pub fn metadata_request(&mut self, due_ms: i64) -> Option<Vec<u8>> {
        let every = self.plan.spec.metadata_interval.0;
        if self.plan.spec.protocol == Protocol::V2 || every == 0 || due_ms < self.metadata_due_ms {
            return None;
        }
        self.metadata_due_ms = due_ms + every;
        let mut raw = Vec::new();
        metadata_v1(self.families.iter().map(|family| &**family), &mut raw);
        self.buffers.snappy.compress_vec(&raw).ok()
    }

    fn ended(&self) -> bool {
        self.plan
            .spec
            .rounds
            .is_some_and(|rounds| self.round.number >= rounds)
    }

    fn next_late(&mut self, all: bool) -> Option<Late> {
        let mut entry = self.late.first_entry()?;
        if !all && *entry.key() > self.round.number {
            return None;
        }
        let late = entry.get_mut().pop_front();
        if entry.get().is_empty() {
            entry.remove();
        }
        late
    }

    fn page_request(&mut self, index: usize, replica: u8, request: &mut Request) -> bool {
        let spec = &self.plan.spec;
        let mut time_base = spec.start_ms + self.round.number as i64 * spec.interval.0;
        // The second replica scrapes half an interval after the first.
        time_base += i64::from(replica) * (spec.interval.0 / 2);
        let out_of_order = spec.out_of_order;
        let exemplar_share = spec.exemplars;
        let page = &self.pages[index];
        let mut rows = std::mem::take(&mut request.rows);
        rows.clear();
        let buffers = &mut self.buffers;
        buffers.natives.clear();
        buffers.exemplars.clear();
        let mut held = Vec::new();
        let mut held_natives = Vec::new();
        let page_seed = mix2(self.plan.seed ^ u64::from(self.sender), index as u64);
        let round_seed = mix2(page_seed, self.round.number);
        let mut slot = 0;
        for segment in &page.segments {
            let time_ms = time_base + self.units[segment.unit].offset_ms;
            for value in &page.values[slot..slot + segment.count] {
                let mut row = Row {
                    slot: slot as u32,
                    native: false,
                    time_ms,
                    bits: 0,
                };
                slot += 1;
                let mut native = None;
                match value {
                    Value::Native(model) => {
                        model.fill(&self.round, &mut buffers.histogram);
                        row.native = true;
                        row.bits = buffers.histogram.content_hash();
                        if self.encodes {
                            let mut body = Vec::new();
                            buffers.histogram.encode(time_ms, &mut body);
                            native = Some(body);
                        }
                    }
                    value => row.bits = value.at(&self.round, time_ms).to_bits(),
                }
                let chance = |salt: u64| unit(mix2(round_seed ^ salt, u64::from(row.slot)));
                if out_of_order.is_some_and(|late| chance(1) < late.share) {
                    held.push(row);
                    held_natives.extend(native);
                    continue;
                }
                if exemplar_share > 0.0
                    && let Value::Bucket { exemplar, .. } = value
                    && exemplar.is_finite()
                    && chance(2) < exemplar_share
                {
                    let value = *exemplar * (0.9 + 0.1 * chance(3));
                    let trace = mix2(round_seed ^ 4, u64::from(row.slot));
                    buffers.exemplars.push(ExemplarRow {
                        slot: row.slot,
                        value,
                        trace,
                    });
                }
                rows.push(row);
                buffers.natives.extend(native);
            }
        }
        let encoded = Arc::clone(&page.encoded[usize::from(replica)]);
        if let Some(late) = out_of_order
            && !held.is_empty()
        {
            let depth = (late.depth.0 / self.plan.spec.interval.0).max(1) as u64;
            let due = self.round.number + 1 + mix2(round_seed, 5) % depth;
            let late = Late {
                replica,
                page: Arc::clone(&encoded),
                rows: held,
                natives: held_natives,
            };
            self.late.entry(due).or_default().push_back(late);
        }
        if rows.is_empty() {
            request.rows = rows;
            return false;
        }
        let natives = std::mem::take(&mut self.buffers.natives);
        let exemplars = std::mem::take(&mut self.buffers.exemplars);
        self.finish(request, replica, encoded, rows, &natives, &exemplars);
        self.buffers.natives = natives;
        self.buffers.exemplars = exemplars;
        true
    }

    fn finish(
        &mut self,
        request: &mut Request,
        replica: u8,
        page: Arc<Page>,
        rows: Vec<Row>,
        natives: &[Vec<u8>],
        exemplars: &[ExemplarRow],
    ) {
        let spec = &self.plan.spec;
        request.body.clear();
        let may_patch = spec.compression == Compression::Patched && exemplars.is_empty();
        if !self.encodes {
            // Rows are all that is asked for.
        } else if may_patch && let Some(template) = page.template(&rows, &mut self.buffers.snappy) {
            template.fill(&rows, &mut request.body);
        } else {
            page.encode(&rows, natives, exemplars, &mut self.buffers.raw);
            request
                .body
                .resize(snap::raw::max_compress_len(self.buffers.raw.len()), 0);
            // The only error is a buffer that is too small.
            let length = self
                .buffers
                .snappy
                .compress(&self.buffers.raw, &mut request.body)
                .unwrap_or(0);
            request.body.truncate(length);
        }
        request.tenant.clone_from(&page.tenant);
        request.replica = replica;
        request.round = self.round.number;
        request.time_ms = rows.iter().map(|row| row.time_ms).max().unwrap_or_default();
        request.samples = rows.len() as u32;
        request.histograms = natives.len() as u32;
        request.exemplars = exemplars.len() as u32;
        request.protocol = spec.protocol;
        let round_ms = self.round.number as i64 * spec.interval.0;
        let since_start_ms = (request.time_ms - spec.start_ms).max(round_ms);
        request.due_ms = match spec.backfill {
            None => since_start_ms,
            Some(backfill) => {
                let fast = since_start_ms.min(backfill.history.0);
                let taken = if backfill.speed > 0.0 {
                    (fast as f64 / backfill.speed) as i64
                } else {
                    0
                };
                taken + (since_start_ms - fast)
            }
        };
        request.page = Some(page);
        request.rows = rows;
    }

    fn next_round(&mut self) {
        let number = self.round.number + 1;
        self.position = 0;
        self.round = Round::new(number, self.plan.spec.interval.0);
        let Some(every) = self.plan.churn_rounds() else {
            return;
        };
        if !number.is_multiple_of(every) {
            return;
        }
        let mut replaced = vec![false; self.units.len()];
        for (unit, replaced) in self.units.iter_mut().zip(&mut replaced) {
            if self.plan.replaces(unit, number) {
                unit.generation += 1;
                unit.born = number;
                *replaced = true;
            }
        }
        for index in 0..self.pages.len() {
            if self.pages[index]
                .segments
                .iter()
                .any(|segment| replaced[segment.unit])
            {
                self.rebuild(index, &replaced);
            }
        }
    }

    /// Builds a page's series again, and keeps how the values of units that stay had moved.
    fn rebuild(&mut self, index: usize, replaced: &[bool]) {
        let mut series = Vec::new();
        let mut slot = 0;
        let page = &mut self.pages[index];
        for segment in &page.segments {
            let unit = &self.units[segment.unit];
            let built = self
                .plan
                .build(unit)
                .into_iter()
                .skip(segment.first)
                .take(segment.count);
            for one in built {
                if replaced[segment.unit] {
                    page.values[slot] = one.value.clone();
                }
                slot += 1;
                let started = started_ms(&self.plan, &one, unit);
                series.push((one, started));
            }
        }
        let tenant = page.tenant;
        page.encoded = encode_pages(&self.plan, tenant, &series);
    }

    fn close(&mut self, open: Option<(LivePage, Vec<(Series, i64)>)>) {
        if let Some((mut page, series)) = open {
            page.encoded = encode_pages(&self.plan, page.tenant, &series);
            self.pages.push(page);
        }
    }

    fn started_ms(&self, series: &Series, unit: &Unit) -> i64 {
        started_ms(&self.plan, series, unit)
    }
}

/// Counters are counted since the birth of their unit; those of the first generation since an hour before.
fn started_ms(plan: &Plan, series: &Series, unit: &Unit) -> i64 {
    let counts = matches!(
        series.value,
        Value::Counter { .. } | Value::Bucket { .. } | Value::Sum { .. }
    );
    if !counts || !matches!(series.family.kind, MetricKind::Counter | MetricKind::Histogram) {
        return 0;
    }
    let before = if unit.generation == 0 { 3_600_000 } else { 1 };
    plan.spec.start_ms + unit.born as i64 * plan.spec.interval.0 - before
}

fn encode_pages(plan: &Plan, tenant: Option<usize>, series: &[(Series, i64)]) -> Vec<Arc<Page>> {
    let name = plan.tenant_name(tenant);
    let page = |replica| {
        let series = series.iter().map(|(one, started)| (one, *started));
        Arc::new(Page::new(plan.spec.protocol, name.clone(), series, replica))
    };
    match &plan.spec.ha {
        None => vec![page(None)],
        Some(ha) => vec![
            page(Some((&ha.cluster, "replica-0"))),
            page(Some((&ha.cluster, "replica-1"))),
        ],
    }
}
