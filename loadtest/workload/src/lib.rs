//! What the load tester sends: series of known shapes, values that move as real ones do, churn, HA pairs, late samples,
//! backfill and tenants, encoded as remote write 1.0 and 2.0 and
//! as text exposition; recordings of real exporters, and how they go on.
//!
//! Everything follows from a [`WorkloadSpec`] and a seed. Requests are made while they are sent ([`Stream`]) or before, into
//! files ([`RequestCorpus`]). The crate must not know the network, a clock, or the system that is tested.

mod continuation;
mod corpus;
mod duration;
mod exposition;
mod native;
mod page;
pub mod queries;
mod random;
mod recorder;
mod recording;
mod request;
mod scale;
mod scraped;
mod series;
mod shape;
mod spec;
mod stream;
mod template;
mod value;
mod wire;
mod workload;

pub use corpus::{CorpusError, CorpusReader, CorpusRequest, CorpusTotals, RequestCorpus};
pub use duration::Millis;
pub use exposition::Exposition;
pub use native::NativeHistogram;
pub use recorder::Recorder;
pub use recording::{RecordedSeries, Recording, RecordingError};
pub use request::{Request, Sample};
pub use scraped::{ScrapeError, ScrapedPage, ScrapedSample};
pub use series::{Family, MetricKind, SeriesKey, canonical_text};
pub use spec::{
    BackfillSpec, ChurnSpec, Compression, HaSpec, OutOfOrderSpec, Protocol, ShapeSpec, TargetStyle,
    TenantsSpec, WorkloadError, WorkloadSpec,
};
pub use stream::Stream;
pub use workload::Workload;
