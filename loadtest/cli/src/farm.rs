//! A scrape farm: many targets with changing values, served from one process.

mod config;
mod pages;
mod server;

pub use config::{scrape_config, service_discovery};
pub use pages::{FarmTarget, FarmTotals, Pages, Shown};
pub use server::Farm;
