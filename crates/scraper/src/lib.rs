//! scraper
