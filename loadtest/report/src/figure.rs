use serde::{Deserialize, Serialize};

/// A measured number, or the reason why there is none. A table never shows a gap that could be taken for a zero.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    Value(f64),
    /// The scenario did not ask for it.
    #[default]
    NotMeasured,
    NotSupported,
    /// Why.
    Failed(String),
}

impl Figure {
    /// What a number that may be absent stands for.
    pub fn from_option(value: Option<f64>) -> Self {
        value.map_or(Self::NotMeasured, Self::Value)
    }

    pub fn value(&self) -> Option<f64> {
        match self {
            Self::Value(value) => Some(*value),
            _ => None,
        }
    }

    /// This divided by a count, if there is something to divide by.
    pub(crate) fn per(&self, count: u64) -> Self {
        match self {
            Self::Value(_) if count == 0 => Self::Failed("nothing was stored".to_owned()),
            Self::Value(value) => Self::Value(value / count as f64),
            other => other.clone(),
        }
    }

    pub(crate) fn map(&self, change: impl FnOnce(f64) -> f64) -> Self {
        match self {
            Self::Value(value) => Self::Value(change(*value)),
            other => other.clone(),
        }
    }

    /// The reason in words, if there is no value.
    pub(crate) fn reason(&self) -> Option<String> {
        match self {
            Self::Value(_) => None,
            Self::NotMeasured => Some("not measured".to_owned()),
            Self::NotSupported => Some("not supported".to_owned()),
            Self::Failed(why) => Some(format!("failed: {why}")),
        }
    }
}
