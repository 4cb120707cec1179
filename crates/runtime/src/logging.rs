//! The process's log: to stderr, with Prometheus's levels and formats.

use std::str::FromStr;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogLevel {
    Debug,
    #[default]
    Info,
    Warn,
    Error,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One line of words and `key=value` pairs.
    #[default]
    Logfmt,
    Json,
}

/// The logger could not be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoggingError {
    #[error("unrecognized log level {0}: use debug, info, warn or error")]
    Level(String),
    #[error("unrecognized log format {0}: use logfmt or json")]
    Format(String),
    #[error("a logger is already installed in this process")]
    AlreadyInstalled,
}

impl FromStr for LogLevel {
    type Err = LoggingError;

    fn from_str(text: &str) -> Result<LogLevel, LoggingError> {
        match text {
            "debug" => Ok(LogLevel::Debug),
            "info" => Ok(LogLevel::Info),
            "warn" => Ok(LogLevel::Warn),
            "error" => Ok(LogLevel::Error),
            other => Err(LoggingError::Level(other.to_owned())),
        }
    }
}

impl FromStr for LogFormat {
    type Err = LoggingError;

    fn from_str(text: &str) -> Result<LogFormat, LoggingError> {
        match text {
            "logfmt" => Ok(LogFormat::Logfmt),
            "json" => Ok(LogFormat::Json),
            other => Err(LoggingError::Format(other.to_owned())),
        }
    }
}

/// Installs the logger for the rest of the process's life.
///
/// Dependencies log from warnings up, the Raft library errors only: it warns of what elections do
/// in the ordinary course of things, and what the HTTP stack says of its inner workings helps nobody
/// who runs the server.
pub fn init_logging(level: LogLevel, format: LogFormat) -> Result<(), LoggingError> {
    let own_level = match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    let own_crates = tracing_subscriber::filter::filter_fn(move |metadata| {
        let limit = match metadata.target() {
            target if target.starts_with("vigie") => own_level,
            target if target.starts_with("openraft") => LevelFilter::ERROR,
            _ => LevelFilter::WARN.min(own_level),
        };
        limit >= *metadata.level()
    });
    let registry = tracing_subscriber::registry();
    let installed = match format {
        LogFormat::Logfmt => registry
            .with(
                fmt::layer()
                    .with_writer(std::io::stderr)
                    .with_ansi(false)
                    .with_filter(own_crates),
            )
            .try_init(),
        LogFormat::Json => registry
            .with(
                fmt::layer()
                    .json()
                    .flatten_event(true)
                    .with_writer(std::io::stderr)
                    .with_filter(own_crates),
            )
            .try_init(),
    };
    installed.map_err(|_| LoggingError::AlreadyInstalled)
}
