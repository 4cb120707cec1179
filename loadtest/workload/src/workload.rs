//! A specification and a seed, made into streams.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::random::{mix, mix2, unit as chance};
use crate::series::{Series, Text};
use crate::shape::{Builder, Shape};
use crate::spec::{WorkloadError, WorkloadSpec};
use crate::stream::Stream;
use crate::value::Round;

/// The version of what the crate makes of a specification and a seed. Raised with every change of names, labels, values
/// or encoding, so that nobody replays requests of an older one; a golden test of the corpus notices such a change.
pub(crate) const GENERATOR: u32 = 1;

/// Everything that is sent in a run. Equal specifications and seeds give equal bytes.
#[derive(Debug, Clone)]
pub struct Workload {
    inner: Arc<Plan>,
}

/// What all streams share.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) spec: WorkloadSpec,
    pub(crate) seed: u64,
    pub(crate) shapes: Vec<Shape>,
    pub(crate) external: Vec<(Text, Text)>,
    tenants: Tenants,
}

/// A unit by its shape and number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct UnitId {
    pub(crate) shape: u32,
    pub(crate) unit: u32,
}

/// A unit as it is now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unit {
    pub(crate) id: UnitId,
    pub(crate) generation: u32,
    pub(crate) born: u64,
    pub(crate) offset_ms: i64,
    pub(crate) churn_percent: f64,
}

impl Workload {
    /// Checks the specification; builds no series yet.
    pub fn new(spec: &WorkloadSpec, seed: u64) -> Result<Self, WorkloadError> {
        spec.validate()?;
        let shapes: Vec<_> = spec.shapes.iter().map(Shape::new).collect();
        let external = spec
            .external_labels
            .iter()
            .map(|(name, value)| (Text::from(name.clone()), Text::from(value.clone())))
            .collect();
        let owners: u32 = shapes.iter().map(Shape::units).sum();
        let tenants = Tenants::new(spec, owners)?;
        let spec = spec.clone();
        Ok(Self {
            inner: Arc::new(Plan {
                spec,
                seed,
                shapes,
                external,
                tenants,
            }),
        })
    }

    pub fn spec(&self) -> &WorkloadSpec {
        &self.inner.spec
    }

    pub fn seed(&self) -> u64 {
        self.inner.seed
    }

    /// The stream of a sender below [`WorkloadSpec::senders`]. Building its series takes a microsecond or two each.
    pub fn stream(&self, sender: u32) -> Stream {
        Stream::new(Arc::clone(&self.inner), sender)
    }

    /// A number for the specification, the seed, the files they name and the version of the generator: a name for what is prepared from them.
    pub fn fingerprint(&self) -> u64 {
        // The specification has neither maps with keys that are no texts nor anything else JSON refuses.
        let spec = serde_json::to_vec(self.spec()).unwrap_or_default();
        let seed = mix2(self.inner.seed, u64::from(GENERATOR));
        xxh3_64_with_seed(&spec, mix2(seed, self.inputs_hash()))
    }

    /// Hash of the files that decide what is sent, 0 if there are none.
    pub(crate) fn inputs_hash(&self) -> u64 {
        let hashes = self.inner.shapes.iter().map(Shape::inputs_hash);
        hashes.filter(|hash| *hash != 0).fold(0, mix2)
    }

    /// Names of all tenants; empty without tenants.
    pub fn tenants(&self) -> Vec<Arc<str>> {
        self.inner.tenants.names.clone()
    }
}

impl Plan {
    /// The units of a sender, with the number of their tenant.
    pub(crate) fn units_of(&self, sender: u32) -> Vec<(Option<usize>, Unit)> {
        let mut units = Vec::new();
        let mut units_before = 0;
        for (index, shape) in self.shapes.iter().enumerate() {
            for unit in 0..shape.units() {
                let target = mix2(index as u64, u64::from(unit));
                if target % u64::from(self.spec.senders) != u64::from(sender) {
                    continue;
                }
                let tenant = self.tenants.of(units_before + unit);
                let noisy = tenant.is_some_and(|tenant| self.tenants.noisy == Some(tenant));
                let percent = self.spec.churn.map_or(0.0, |churn| churn.percent);
                let unit = Unit {
                    id: UnitId {
                        shape: index as u32,
                        unit,
                    },
                    generation: 0,
                    born: 0,
                    offset_ms: (mix2(self.seed, target) % self.spec.interval.0 as u64) as i64,
                    churn_percent: match noisy {
                        _ if !shape.churns(unit) => 0.0,
                        true => 100.0,
                        false => percent,
                    },
                };
                units.push((tenant, unit));
            }
            units_before += shape.units();
        }
        units
    }

    pub(crate) fn tenant_name(&self, tenant: Option<usize>) -> Option<Arc<str>> {
        tenant
            .and_then(|tenant| self.tenants.names.get(tenant))
            .map(Arc::clone)
    }

    pub(crate) fn unit_seed(&self, id: UnitId) -> u64 {
        mix2(mix2(self.seed, u64::from(id.shape)), u64::from(id.unit))
    }

    /// The series of a unit; as many in each generation.
    pub(crate) fn build(&self, unit: &Unit) -> Vec<Series> {
        let interval_ms = self.spec.interval.0;
        let birth = Round::new(unit.born, interval_ms);
        let seed = self.unit_seed(unit.id);
        let mut builder = Builder::new(seed, unit.generation, &birth, interval_ms, &self.external);
        self.shapes[unit.id.shape as usize].build(unit.id.unit, &mut builder);
        builder.series
    }

    /// Whether a unit is replaced at the churn boundary that round `round` is.
    pub(crate) fn replaces(&self, unit: &Unit, round: u64) -> bool {
        unit.churn_percent > 0.0
            && chance(mix2(self.unit_seed(unit.id) ^ mix(round), 0xc4)) * 100.0 < unit.churn_percent
    }
}

/// Which owner of units belongs to which tenant.
#[derive(Debug)]
struct Tenants {
    names: Vec<Arc<str>>,
    /// Owners before the end of each tenant's range.
    ends: Vec<u32>,
    noisy: Option<usize>,
}

impl Tenants {
    fn new(spec: &WorkloadSpec, owners: u32) -> Result<Self, WorkloadError> {
        let Some(tenants) = &spec.tenants else {
            return Ok(Self {
                names: Vec::new(),
                ends: Vec::new(),
                noisy: None,
            });
        };
        let noisy = (f64::from(owners) * tenants.noisy_share) as u32;
        let quiet = owners - noisy;
        if quiet < tenants.count {
            return Err(WorkloadError::Spec(format!(
                "`tenants.count` is {}, but there are only {quiet} targets for them; ask for \
                 more targets or fewer tenants",
                tenants.count
            )));
        }
        let weights: Vec<f64> = (0..tenants.count)
            .map(|i| 1.0 / f64::from(i + 1).powf(tenants.exponent))
            .collect();
        let total: f64 = weights.iter().sum();
        // One each, the rest by weight.
        let spare = f64::from(quiet - tenants.count);
        let mut ends = Vec::new();
        let mut weight = 0.0;
        for (index, own) in weights.iter().enumerate() {
            weight += own;
            ends.push(index as u32 + 1 + (spare * weight / total).round() as u32);
        }
        let mut names: Vec<Arc<str>> = (0..tenants.count).map(|i| format!("tenant-{i}").into()).collect();
        let noisy = (noisy > 0).then(|| {
            names.push("noisy".into());
            ends.push(owners);
            names.len() - 1
        });
        Ok(Self { names, ends, noisy })
    }

    fn of(&self, owner: u32) -> Option<usize> {
        if self.names.is_empty() {
            return None;
        }
        Some(
            self.ends
                .partition_point(|end| *end <= owner)
                .min(self.names.len() - 1),
        )
    }
}
