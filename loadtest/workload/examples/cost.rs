//! CPU nanoseconds per sample of live generation, and of reading what was prepared: `cargo run --release -p vigie-workload --example cost [HOSTS]`.

#![expect(clippy::print_stdout, reason = "the example's output")]

use std::error::Error;

use vigie_workload::{CorpusRequest, Request, RequestCorpus, Workload, WorkloadSpec};

fn main() -> Result<(), Box<dyn Error>> {
    let hosts: u32 = std::env::args().nth(1).map_or(Ok(100), |text| text.parse())?;
    println!("node_exporter, {hosts} hosts of 1000 series, 20 rounds, requests of 2000 samples, one thread");
    for (protocol, compression) in [
        ("v1", "whole"),
        ("v1", "patched"),
        ("v2", "whole"),
        ("v2", "patched"),
    ] {
        let yaml = format!(
            "shapes: [node_exporter: {{hosts: {hosts}}}]\nsenders: 1\nrounds: 20\nprotocol: {protocol}\n\
             compression: {compression}"
        );
        let workload = Workload::new(&WorkloadSpec::from_yaml(&yaml)?, 1)?;
        let before = cpu_ns()?;
        let mut stream = workload.stream(0);
        let building = (cpu_ns()? - before) / stream.active_series() as u64;
        println!("{protocol}, {compression}: building a series takes {building} ns");
        for rows_only in [false, true] {
            if rows_only {
                stream = workload.stream(0).rows_only();
            }
            let mut request = Request::default();
            let (mut samples, mut bytes) = (0u64, 0u64);
            let before = cpu_ns()?;
            while stream.next_request(&mut request) {
                samples += u64::from(request.samples);
                bytes += request.body.len() as u64;
            }
            let spent = (cpu_ns()? - before) as f64 / samples as f64;
            let what = if rows_only {
                "values for the ledger only"
            } else {
                "bodies, compressed"
            };
            let size = bytes as f64 / samples as f64;
            println!("{protocol}, {compression}: {what}: {spent:.1} ns and {size:.1} bytes per sample");
        }
        let dir = std::env::temp_dir().join(format!("vigie-cost-{}", std::process::id()));
        let before = cpu_ns()?;
        let corpus = RequestCorpus::prepare(&workload, &dir, |_| {})?;
        let samples = corpus.totals().samples as f64;
        let preparing = (cpu_ns()? - before) as f64 / samples;
        let before = cpu_ns()?;
        let mut reader = corpus.reader(0)?;
        let mut request = CorpusRequest::default();
        while reader.next(&mut request)? {}
        let reading = (cpu_ns()? - before) as f64 / samples;
        std::fs::remove_dir_all(&dir)?;
        println!(
            "{protocol}, {compression}: a corpus: {preparing:.1} ns to prepare, {reading:.2} ns to read per sample"
        );
    }
    Ok(())
}

/// CPU time of this process so far.
fn cpu_ns() -> Result<u64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    let first = text.split_whitespace().next().ok_or("an empty schedstat")?;
    Ok(first.parse()?)
}
