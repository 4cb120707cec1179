//! Patched requests say what requests compressed as a whole say.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking")]

use vigie_workload::{Request, Workload, WorkloadSpec};

/// Compares all requests of a workload in both ways of compression, and returns how many bytes each took.
#[track_caller]
fn check(yaml: &str) -> (usize, usize) {
    let stream = |compression: &str| {
        let yaml = format!("{yaml}\nsenders: 1\ncompression: {compression}");
        let spec = WorkloadSpec::from_yaml(&yaml).unwrap();
        Workload::new(&spec, 7).unwrap().stream(0)
    };
    let (mut whole, mut patched) = (stream("whole"), stream("patched"));
    let (mut a, mut b) = (Request::default(), Request::default());
    let (mut whole_bytes, mut patched_bytes) = (0, 0);
    let mut snappy = snap::raw::Decoder::new();
    while whole.next_request(&mut a) {
        assert!(patched.next_request(&mut b));
        let (raw_a, raw_b) = (
            snappy.decompress_vec(&a.body).unwrap(),
            snappy.decompress_vec(&b.body).unwrap(),
        );
        assert!(raw_a == raw_b, "round {} of {yaml}", a.round);
        assert_eq!((a.samples, a.time_ms, a.due_ms), (b.samples, b.time_ms, b.due_ms));
        whole_bytes += a.body.len();
        patched_bytes += b.body.len();
    }
    assert!(!patched.next_request(&mut b));
    (whole_bytes, patched_bytes)
}

const HOSTS: &str = "shapes: [node_exporter: {hosts: 12, series_per_host: 700}]\nrounds: 5";

#[test]
fn both_protocols() {
    for protocol in ["v1", "v2"] {
        let (whole, patched) = check(&format!("{HOSTS}\nprotocol: {protocol}"));
        // Otherwise nothing was patched, or it is no longer a sender's request.
        assert!(
            patched > whole && patched < whole * 2,
            "{patched} of {whole} bytes"
        );
    }
}

#[test]
fn small_and_large_requests() {
    // Blocks of the compressor have 64 KiB, and values may stand across their ends.
    for samples in [1, 7, 100_000] {
        check(&format!("{HOSTS}\nmax_samples_per_request: {samples}"));
    }
}

#[test]
fn replicas_churn_and_late_samples() {
    check(&format!(
        "{HOSTS}\nha: {{}}\nchurn: {{percent: 30, interval: 30s}}\nout_of_order: {{share: 0.1, depth: 1m}}"
    ));
    check(&format!(
        "{HOSTS}\nha: {{}}\nchurn: {{percent: 30, interval: 30s}}"
    ));
}

#[test]
fn what_cannot_be_patched_is_compressed_as_a_whole() {
    let histograms = "shapes: [native_histograms: {targets: 3}, classic_histograms: {targets: 3}]\nrounds: 4";
    check(histograms);
    let (whole, patched) = check("shapes: [native_histograms: {targets: 3}]\nrounds: 4");
    assert_eq!(whole, patched);
    check(&format!("{histograms}\nexemplars: 0.2"));
}
