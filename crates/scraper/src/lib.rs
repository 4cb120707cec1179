//! Scraping: finding targets, asking them for their metrics, and turning the answers into samples.
//!
//! Each job is a pool of targets; each target has one task that scrapes at its own offset within
//! the interval. What comes out goes to a [`SampleSink`]. The crate must not know who stores
//! samples, nor the HTTP API, for which it only keeps the state of targets.

mod append;
mod cache;
mod client;
mod discovery;
mod error;
mod fetch;
mod limits;
mod metadata;
mod metrics;
mod native;
mod pool;
mod report;
mod sample_labels;
mod scrape_loop;
mod service;
mod sink;
mod status;
mod target;

pub use error::{ScrapeError, ScraperError};
pub use metadata::TargetMetadata;
pub use service::{Handle, Options, Service};
pub use sink::{
    SampleSink, ScrapeBatch, ScrapedExemplar, ScrapedHistogram, ScrapedSample, SinkError, WriteSummary,
};
pub use status::{DroppedTarget, Health, PoolStatus, TargetStatus};
