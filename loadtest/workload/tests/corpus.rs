//! Corpora hold what streams send, and refuse to stand for anything else.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use vigie_workload::{CorpusRequest, Request, RequestCorpus, Workload, WorkloadSpec};

/// A directory that is removed with its owner.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("vigie-corpus-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn workload(yaml: &str, seed: u64) -> Workload {
    Workload::new(&WorkloadSpec::from_yaml(yaml).unwrap(), seed).unwrap()
}

/// Everything a corpus says must be what the streams say.
fn check(yaml: &str) {
    let workload = workload(yaml, 5);
    let dir = Dir::new(&format!("{:x}", workload.fingerprint()));
    let mut seen = 0;
    let corpus = RequestCorpus::prepare(&workload, &dir.0, |totals| {
        assert!(totals.samples >= seen);
        seen = totals.samples;
    })
    .unwrap();
    assert_eq!(seen, corpus.totals().samples);
    let again = RequestCorpus::prepare(&workload, &dir.0, |_| panic!("it is there")).unwrap();
    assert_eq!(again.totals(), corpus.totals());
    let mut series = std::collections::BTreeSet::new();
    let (mut samples, mut bytes) = (0, 0);
    for sender in 0..workload.spec().senders {
        let mut reader = again.reader(sender).unwrap();
        let mut stream = workload.stream(sender);
        let (mut read, mut made) = (CorpusRequest::default(), Request::default());
        while stream.next_request(&mut made) {
            assert!(reader.next(&mut read).unwrap());
            let expected = CorpusRequest {
                tenant: made.tenant.clone(),
                replica: made.replica,
                round: made.round,
                time_ms: made.time_ms,
                due_ms: made.due_ms,
                protocol: made.protocol,
                samples: made.samples,
                histograms: made.histograms,
                exemplars: made.exemplars,
                body: made.body.clone().into(),
            };
            assert_eq!(read, expected);
            samples += u64::from(made.samples);
            bytes += made.body.len() as u64;
            series.extend(made.visit().map(|sample| sample.key));
        }
        assert!(!reader.next(&mut read).unwrap());
        assert_eq!(reader.left(), 0);
    }
    let totals = corpus.totals();
    assert_eq!((totals.samples, totals.body_bytes), (samples, bytes));
    assert_eq!(totals.series, series.len() as u64);
}

#[test]
fn a_corpus_holds_what_the_streams_send() {
    check(
        "shapes: [node_exporter: {hosts: 12}]\nrounds: 8\nsenders: 2\nchurn: {percent: 30, interval: 30s}\nha: {}",
    );
    check(
        "shapes: [native_histograms: {targets: 3}, classic_histograms: {targets: 9}]\nrounds: 4\nprotocol: v2\n\
         exemplars: 0.2\nout_of_order: {share: 0.1, depth: 1m}\ntenants: {count: 4, noisy_share: 0.3}",
    );
    // More senders than targets: files without requests.
    check("shapes: [tsbs_cpu: {hosts: 2}]\nrounds: 2\nsenders: 8");
}

const SMALL: &str = "shapes: [tsbs_cpu: {hosts: 2}]\nrounds: 2\nsenders: 1";

fn refused(workload: &Workload, dir: &Path, expected: &str) {
    let error = RequestCorpus::prepare(workload, dir, |_| {})
        .unwrap_err()
        .to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_corpus_of_another_workload_is_refused() {
    let dir = Dir::new("other");
    RequestCorpus::prepare(&workload(SMALL, 1), &dir.0, |_| {}).unwrap();
    refused(&workload(SMALL, 2), &dir.0, "another seed");
    refused(
        &workload(&format!("{SMALL}\ninterval: 30s"), 1),
        &dir.0,
        "another specification",
    );
    refused(
        &workload("shapes: [tsbs_cpu: {hosts: 2}]", 1),
        &Dir::new("endless").0,
        "set `rounds`",
    );
}

#[test]
fn damage_is_noticed() {
    let dir = Dir::new("damage");
    let workload = workload(SMALL, 1);
    let corpus = RequestCorpus::prepare(&workload, &dir.0, |_| {}).unwrap();
    let path = dir.0.join("sender-0000");
    let whole = fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(5) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&path, bytes).unwrap();
        let mut reader = corpus.reader(0).unwrap();
        let mut request = CorpusRequest::default();
        let error = reader.next(&mut request).unwrap_err().to_string();
        assert!(
            error.contains("is damaged") || error.contains("read a block"),
            "{error}"
        );
    }
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    refused(&workload, &dir.0, "bytes instead of");
    fs::write(&path, &whole).unwrap();
    let path = dir.0.join("corpus");
    let whole = fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(5) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        fs::write(&path, bytes).unwrap();
        refused(&workload, &dir.0, "is damaged");
    }
}

/// If the checksum of the requests moved, the workload makes others than before: raise `GENERATOR` in workload.rs. If the
/// format did, raise its version.
#[test]
fn the_bytes_are_known() {
    let dir = Dir::new("golden");
    let yaml = "shapes: [node_exporter: {hosts: 2, series_per_host: 900}, tsbs_cpu: {hosts: 2}, k6: {series: 50}, \
                classic_histograms: {targets: 1}, native_histograms: {targets: 1}, avalanche: {metrics: 1}, \
                kubernetes: {nodes: 1, pods_per_node: 2}]\n\
                rounds: 4\nsenders: 1\nchurn: {percent: 50, interval: 30s}\nout_of_order: {share: 0.1, depth: 15s}";
    let workload = workload(yaml, 1);
    RequestCorpus::prepare(&workload, &dir.0, |_| {}).unwrap();
    let header = fs::read(dir.0.join("corpus")).unwrap();
    let spec = serde_json::to_vec(workload.spec()).unwrap();
    let mut expected = b"VGCORPUS\x01\0\0\0\x01\0\0\0\x01\0\0\0\0\0\0\0".to_vec();
    expected.extend([0; 8]);
    expected.extend((spec.len() as u32).to_le_bytes());
    expected.extend(&spec);
    expected.extend([1, 0, 0, 0]);
    let sender = fs::read(dir.0.join("sender-0000")).unwrap();
    for field in [16u64, 11_744, 5_136, 366_769, sender.len() as u64] {
        expected.extend(field.to_le_bytes());
    }
    expected.extend(crc32c::crc32c(&expected).to_le_bytes());
    assert_eq!(header, expected);
    assert_eq!(sender[..4], *b"VGCB");
    assert_eq!(crc32c::crc32c(&sender), 704_774_369);
}
