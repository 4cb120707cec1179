use std::collections::{BTreeMap, HashMap};

use crate::{Exactness, Fault, HaPair, Presence, SampleValue};

/// A sample that a request carried; several may be for one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Candidate {
    time_ms: i64,
    bits: u64,
    request: u32,
    flags: u8,
}

const PRESENCE_BITS: u8 = 3;
const IS_HISTOGRAM: u8 = 4;
/// This very value was read.
const IS_FOUND: u8 = 8;
/// On the first candidate of a time: some value was read at this time.
const IS_READ: u8 = 16;

impl Candidate {
    pub(crate) fn new(time_ms: i64, value: SampleValue, presence: Presence, request: u32) -> Self {
        let is_histogram = matches!(value, SampleValue::Histogram(_));
        Self {
            time_ms,
            bits: value.bits(),
            request,
            flags: presence as u8 | if is_histogram { IS_HISTOGRAM } else { 0 },
        }
    }

    fn value(&self) -> SampleValue {
        SampleValue::new(self.has(IS_HISTOGRAM), self.bits)
    }

    fn presence(&self) -> Presence {
        match self.flags & PRESENCE_BITS {
            0 => Presence::MustNot,
            1 => Presence::May,
            _ => Presence::Must,
        }
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether this sample shows when it is stored.
    fn is_visible(&self, exactness: Exactness) -> bool {
        exactness.stale_markers || !self.value().is_stale_marker()
    }
}

/// How one sample that was read compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Match {
    Exact,
    /// A NaN for a NaN, where bits do not show.
    OnlyNan,
    Fault(Fault, String),
}

/// What a series shows in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    ExpectedFound,
    Missing {
        time_ms: i64,
        value: SampleValue,
    },
    StaleHidden,
    OptionalFound,
    OptionalAbsent,
    PairProven,
    PairUnproven,
    /// The oldest sample of the pair, and how many of the pair's sides were acknowledged.
    PairMissing {
        time_ms: i64,
        acked: usize,
    },
    PairDuplicated {
        time_ms: i64,
    },
}

/// Everything that was sent for one series.
#[derive(Debug, Default)]
pub(crate) struct ExpectedSeries {
    candidates: Vec<Candidate>,
    /// Whether the reader has shown this series.
    pub(crate) is_read: bool,
}

impl ExpectedSeries {
    pub(crate) fn push(&mut self, candidate: Candidate) {
        self.candidates.push(candidate);
    }

    /// Must follow the last push.
    pub(crate) fn sort(&mut self) {
        self.candidates.sort_unstable();
    }

    /// Whether the series may exist at all.
    pub(crate) fn may_exist(&self) -> bool {
        self.candidates
            .iter()
            .any(|candidate| candidate.presence() != Presence::MustNot)
    }

    pub(crate) fn must_exist(&self) -> bool {
        self.candidates
            .iter()
            .any(|candidate| candidate.presence() == Presence::Must)
    }

    /// Compares a sample that was read, and remembers it.
    pub(crate) fn read(&mut self, time_ms: i64, value: SampleValue, exactness: Exactness) -> Match {
        let start = self
            .candidates
            .partition_point(|candidate| candidate.time_ms < time_ms);
        let len = self.candidates[start..].partition_point(|candidate| candidate.time_ms == time_ms);
        let group = &mut self.candidates[start..start + len];
        let Some(first) = group.first_mut() else {
            return Match::Fault(
                Fault::UnexpectedSample,
                format!("read {value}; nothing was sent for this time"),
            );
        };
        if first.has(IS_READ) {
            return Match::Fault(Fault::Duplicated, format!("read again, this time as {value}"));
        }
        first.flags |= IS_READ;
        let may_be = |candidate: &Candidate| {
            candidate.presence() != Presence::MustNot && candidate.is_visible(exactness)
        };
        let mut found = None;
        for candidate in group.iter_mut().filter(|candidate| may_be(candidate)) {
            if candidate.value() == value && (exactness.nan_bits || !value.is_nan()) {
                candidate.flags |= IS_FOUND;
                found = Some(Match::Exact);
            } else if !exactness.nan_bits && value.is_nan() && candidate.value().is_nan() {
                candidate.flags |= IS_FOUND;
                found = Some(Match::OnlyNan);
            }
        }
        if let Some(found) = found {
            return found;
        }
        let mut sent: Vec<String> = group
            .iter()
            .filter(|candidate| candidate.presence() != Presence::MustNot)
            .map(|candidate| candidate.value().to_string())
            .collect();
        sent.dedup();
        if sent.is_empty() {
            Match::Fault(
                Fault::UnexpectedSample,
                format!("read {value}; what was sent for this time was refused or never left"),
            )
        } else {
            Match::Fault(
                Fault::WrongValue,
                format!("read {value}, sent {}", sent.join(" or ")),
            )
        }
    }

    /// Once everything was read: says of each time and each pair what became of it.
    pub(crate) fn finish(
        &self,
        pairs: &HashMap<u32, HaPair>,
        exactness: Exactness,
        tell: &mut dyn FnMut(Finding),
    ) {
        let mut by_pair: BTreeMap<u64, Vec<(u8, &Candidate)>> = BTreeMap::new();
        for group in self.candidates.chunk_by(|a, b| a.time_ms == b.time_ms) {
            let is_read = group[0].has(IS_READ);
            let (mut must, mut is_stale_hidden, mut is_optional) = (None, false, false);
            for candidate in group {
                if let Some(pair) = pairs.get(&candidate.request) {
                    by_pair
                        .entry(pair.id)
                        .or_default()
                        .push((pair.replica, candidate));
                    continue;
                }
                let is_visible = candidate.is_visible(exactness);
                match candidate.presence() {
                    Presence::Must if is_visible => must = must.or(Some(candidate.value())),
                    Presence::Must => is_stale_hidden = true,
                    Presence::May => is_optional |= is_visible,
                    Presence::MustNot => {}
                }
            }
            match must {
                Some(_) if is_read => tell(Finding::ExpectedFound),
                Some(value) => tell(Finding::Missing {
                    time_ms: group[0].time_ms,
                    value,
                }),
                None if is_stale_hidden => tell(Finding::StaleHidden),
                None if is_optional && is_read => tell(Finding::OptionalFound),
                None if is_optional => tell(Finding::OptionalAbsent),
                None => {}
            }
        }
        for candidates in by_pair.values() {
            if let Some(finding) = finish_pair(candidates, exactness) {
                tell(finding);
            }
        }
    }
}

/// One side of a pair of requests, in one series.
#[derive(Debug, Default, Clone, Copy)]
struct Side {
    is_acked: bool,
    samples: usize,
    found: usize,
    /// Found, and not the same as a sample of another side.
    found_alone: usize,
}

fn finish_pair(candidates: &[(u8, &Candidate)], exactness: Exactness) -> Option<Finding> {
    let mut sides: BTreeMap<u8, Side> = BTreeMap::new();
    let visible = || {
        candidates
            .iter()
            .filter(|(_, candidate)| candidate.is_visible(exactness))
    };
    for (replica, candidate) in visible() {
        let is_shared = visible().any(|(other_replica, other)| {
            other_replica != replica
                && other.time_ms == candidate.time_ms
                && other.value() == candidate.value()
        });
        let side = sides.entry(*replica).or_default();
        side.is_acked |= candidate.presence() == Presence::Must;
        side.samples += 1;
        if candidate.has(IS_FOUND) {
            side.found += 1;
            side.found_alone += usize::from(!is_shared);
        }
    }
    let time_ms = visible().map(|(_, candidate)| candidate.time_ms).min()?;
    let acked = sides.values().filter(|side| side.is_acked).count();
    if sides.values().filter(|side| side.found_alone > 0).count() > 1 {
        return Some(Finding::PairDuplicated { time_ms });
    }
    if sides.values().any(|side| side.found == side.samples) {
        return Some(Finding::PairProven);
    }
    // A tracker takes a request as a whole, so a part of an acknowledged one means that the rest was lost.
    let is_partly_there = sides.values().any(|side| side.is_acked && side.found > 0);
    match acked {
        0 => None,
        _ if is_partly_there || (acked == sides.len() && acked > 1) => {
            Some(Finding::PairMissing { time_ms, acked })
        }
        // The other side may have been the elected one, and its request lost on the way.
        _ => Some(Finding::PairUnproven),
    }
}
