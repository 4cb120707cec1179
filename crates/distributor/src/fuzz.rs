use vigie_model::TenantId;

use crate::ingest::SeriesSource;
use crate::remote_write::{RequestV1, RequestV2};

/// Reads the bytes as a decompressed request of either version, with all labels and samples in it.
pub fn read_all(decoded: &[u8]) {
    let tenant = TenantId::anonymous();
    if let Ok(request) = RequestV1::scan(decoded, 7, &tenant) {
        read(&request);
    }
    if let Ok(request) = RequestV2::scan(decoded, 7, &tenant) {
        read(&request);
    }
}

fn read<S: SeriesSource>(request: &S) {
    let series = request.keys().len();
    for at in 0..series {
        let _ = request.labels(at);
        let _ = request.complaint(at);
    }
    for row in request.rows() {
        assert!((row.series as usize) < series, "a sample of no series");
    }
}
