//! What can be wrong with a configuration.

use std::path::PathBuf;

/// The texts are those Prometheus gives, as people search for them.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("open {path}: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    /// Not YAML.
    #[error("yaml: line {line}: {message}")]
    Syntax { line: usize, message: String },
    /// YAML of another form than expected; each entry names its line.
    #[error("yaml: unmarshal errors:\n  {}", .0.join("\n  "))]
    Unmarshal(Vec<String>),
    /// The right form with a meaning that is not allowed.
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Relabel(#[from] vigie_relabel::InvalidRule),
    #[error("parsing YAML file {path}: {source}")]
    File { path: PathBuf, source: Box<ConfigError> },
    /// A file named by the configuration.
    #[error("{path:?}: {source}")]
    Included { path: PathBuf, source: Box<ConfigError> },
}
