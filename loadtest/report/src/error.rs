/// Why a result could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("write or read the result as JSON")]
    Json(#[from] serde_json::Error),
    #[error("the result has schema {found}; this version reads {expected}")]
    Schema { found: u64, expected: u32 },
}
