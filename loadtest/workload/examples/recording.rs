//! Makes a recording of pages in a folder, files named by their time in milliseconds (`1700000000000.txt`), and says
//! how it goes on and what that costs: `cargo run --release -p vigie-workload --example recording FOLDER OUT`.
//!
//! OUT gets the recording and, as `OUT.continued`, one of as many pages of a host that goes on from it: the two should
//! compress alike.

#![expect(clippy::print_stdout, reason = "the example's output")]

use std::collections::BTreeMap;
use std::error::Error;

use vigie_workload::{Recorder, Recording, Request, ScrapedPage, Workload, WorkloadSpec};

const HOSTS: u32 = 100;
const ROUNDS: u64 = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, out] = &*arguments else {
        return Err("name a folder of pages and a file to write".into());
    };
    let recording = record(folder)?;
    let scrapes = recording.times_ms.len();
    let bytes = recording.to_bytes();
    std::fs::write(out, &bytes)?;
    let span_ms = recording.times_ms[scrapes - 1] - recording.times_ms[0];
    let interval_ms = span_ms / (scrapes as i64 - 1);
    let values = scrapes * recording.series.len();
    let size = bytes.len() as f64 / values as f64;
    println!(
        "{scrapes} scrapes of {} series every {interval_ms} ms; {size:.2} bytes a value on disk",
        recording.series.len()
    );

    let yaml = format!(
        "shapes: [recording: {{file: '{out}', hosts: {HOSTS}}}]\ninterval: {interval_ms}ms\nsenders: 1\nrounds: {ROUNDS}"
    );
    let workload = Workload::new(&WorkloadSpec::from_yaml(&yaml)?, 1)?;
    let first = workload.expositions().next().ok_or("there is no host")?;
    println!("{} series go on", first.series());
    for rows_only in [false, true] {
        let mut stream = workload.stream(0);
        if rows_only {
            stream = stream.rows_only();
        }
        let (mut request, mut samples, mut bytes) = (Request::default(), 0u64, 0usize);
        let before = cpu_ns()?;
        while stream.next_request(&mut request) {
            samples += u64::from(request.samples);
            bytes += request.body.len();
        }
        let spent = (cpu_ns()? - before) as f64 / samples as f64;
        let size = bytes as f64 / samples as f64;
        println!("requests, rows only {rows_only}: {spent:.1} ns and {size:.1} bytes a sample");
    }
    let mut hosts: Vec<_> = workload.expositions().collect();
    let (mut page, mut samples, mut bytes) = (Vec::new(), 0, 0);
    let before = cpu_ns()?;
    for round in 0..ROUNDS {
        for host in &mut hosts {
            host.render(round, &mut page);
            samples += host.series();
            bytes += page.len();
        }
    }
    let spent = (cpu_ns()? - before) as f64 / samples as f64;
    println!(
        "pages: {spent:.1} ns and {:.1} bytes a sample",
        bytes as f64 / samples as f64
    );

    let mut host = workload.expositions().next().ok_or("there is no host")?;
    let target = BTreeMap::from([("job".to_owned(), "node".to_owned())]);
    let mut recorder = Recorder::new("continued", target, values * 2);
    for (round, time_ms) in recording.times_ms.iter().enumerate() {
        host.render(round as u64, &mut page);
        recorder.add(*time_ms, &ScrapedPage::parse(std::str::from_utf8(&page)?)?)?;
    }
    let continued = recorder.finish();
    std::fs::write(format!("{out}.continued"), continued.to_bytes())?;
    println!(
        "moves of 0: {:.4} recorded, {:.4} continued",
        still(&recording),
        still(&continued)
    );
    Ok(())
}

fn record(folder: &str) -> Result<Recording, Box<dyn Error>> {
    let mut pages = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let time_ms: i64 = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .ok_or("a name")?
            .parse()?;
        pages.insert(time_ms, path);
    }
    let target = BTreeMap::from([
        ("instance".to_owned(), "recorded:9100".to_owned()),
        ("job".to_owned(), "node".to_owned()),
    ]);
    let mut recorder = Recorder::new(folder, target, usize::MAX);
    for (time_ms, path) in pages {
        recorder.add(time_ms, &ScrapedPage::parse(&std::fs::read_to_string(path)?)?)?;
    }
    Ok(recorder.finish())
}

/// Share of values that equal the one before.
fn still(recording: &Recording) -> f64 {
    let pairs = recording.series.iter().flat_map(|series| {
        (1..recording.times_ms.len()).filter_map(|scrape| Some(series.at(scrape - 1)? == series.at(scrape)?))
    });
    let (equal, all) = pairs.fold((0u64, 0u64), |(equal, all), is| (equal + u64::from(is), all + 1));
    equal as f64 / all as f64
}

/// CPU time of this process so far.
fn cpu_ns() -> Result<u64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    let first = text.split_whitespace().next().ok_or("an empty schedstat")?;
    Ok(first.parse()?)
}
