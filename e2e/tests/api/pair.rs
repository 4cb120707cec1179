//! Prometheus and Vigie with the same configuration and the same data.

use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use flate2::read::{GzDecoder, ZlibDecoder};
use reqwest::Method;
use vigie_e2e::{
    Api, Behaviour, FakeTarget, Layout, Series, Target, TargetOptions, WriteClient, free_port, vigie_binary,
    wait_until,
};

use crate::difference::{HEADERS, Reply};
use crate::request::{Request, Times};

const SETTLE: Duration = Duration::from_secs(30);
/// Samples of every series, this many seconds apart.
const SAMPLES: i64 = 41;
const STEP: i64 = 15;

const PAGE: &str = "# HELP page_hits_total Hits of \"the\" page.\n\
    # TYPE page_hits_total counter\n\
    page_hits_total{path=\"/\"} 7\n\
    # TYPE page_load gauge\n\
    page_load 0.5\n\
    bare 1\n";

pub(crate) struct Pair {
    prometheus: Target,
    vigie: Target,
    pub(crate) times: Times,
    client: reqwest::blocking::Client,
    _scraped: FakeTarget,
}

impl Pair {
    pub(crate) fn start(dir: &Path, flags: &[&str]) -> Result<Pair> {
        let scraped = FakeTarget::start(Behaviour::Page(PAGE))?;
        let closed = free_port()?;
        let start = |layout, name: &str, more: &[&str]| -> Result<Target> {
            let dir = dir.join(name);
            std::fs::create_dir(&dir).context("make a folder")?;
            let mut options = TargetOptions::new(layout, &vigie_binary()?, &dir);
            options.layout = layout;
            options.config = config(&scraped.address(), closed);
            options.flags = flags.iter().chain(more).map(|&flag| flag.to_owned()).collect();
            Target::start(&options)
        };
        let prometheus = start(Layout::Prometheus, "prometheus", &[])?;
        let vigie = start(Layout::AllInOne, "vigie", &["--web.enable-lifecycle"])?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .context("read the clock")?;
        // Far enough in the past to be still while scrapes go on, and within the hour that Prometheus takes late samples.
        let end = (now.as_secs() as i64 - 600) / 60 * 60;
        let pair = Pair {
            prometheus,
            vigie,
            times: Times {
                start: end - (SAMPLES - 1) * STEP,
                end,
            },
            client: client()?,
            _scraped: scraped,
        };
        let series = series(pair.times.start);
        for target in [&pair.prometheus, &pair.vigie] {
            let answer = WriteClient::new(&target.write_url())?.send(&series)?;
            ensure!(answer.status == 204, "write: {} {}", answer.status, answer.body);
            wait_for_scrapes(&target.api()?)?;
        }
        Ok(pair)
    }

    /// What Prometheus and Vigie answer.
    pub(crate) fn ask(&self, request: &Request) -> Result<(Reply, Reply)> {
        Ok((
            self.send(&self.prometheus, request).context("ask Prometheus")?,
            self.send(&self.vigie, request).context("ask Vigie")?,
        ))
    }

    pub(crate) fn send(&self, target: &Target, request: &Request) -> Result<Reply> {
        send(&self.client, target.api()?.base(), request)
    }

    pub(crate) fn prometheus(&self) -> &Target {
        &self.prometheus
    }

    pub(crate) fn vigie(&self) -> &Target {
        &self.vigie
    }
}

fn client() -> Result<reqwest::blocking::Client> {
    // What the shared client has, and an answer that redirects is itself compared.
    drop(vigie_e2e::Api::new("http://127.0.0.1:1")?);
    reqwest::blocking::Client::builder()
        .timeout(Duration::from_secs(30))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .context("make an HTTP client")
}

/// Two jobs: one scrapes a page and drops a target, the other finds nobody.
fn config(scraped: &str, closed: u16) -> String {
    format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s, external_labels: {{region: north}}}}\n\
         scrape_configs:\n\
         - job_name: page\n\
        \x20 static_configs:\n\
        \x20 - targets: ['{scraped}']\n\
        \x20   labels: {{instance: page-1, tier: front}}\n\
        \x20 - targets: ['unwanted:1']\n\
        \x20   labels: {{tier: back}}\n\
        \x20 relabel_configs:\n\
        \x20 - {{source_labels: [tier], regex: back, action: drop}}\n\
        \x20 - {{source_labels: [tier, job], separator: '/', target_label: place}}\n\
         - job_name: nobody\n\
        \x20 metrics_path: /other\n\
        \x20 params: {{a: [b, c]}}\n\
        \x20 static_configs: [{{targets: ['127.0.0.1:{closed}'], labels: {{instance: nobody-1}}}}]\n"
    )
}

fn wait_for_scrapes(api: &Api) -> Result<()> {
    wait_until("both jobs to be scraped", SETTLE, || {
        let targets = api.get("/api/v1/targets")?.body;
        Ok(targets.contains("\"health\":\"up\"") && targets.contains("\"health\":\"down\""))
    })?;
    Ok(())
}

fn series(start: i64) -> Vec<Series> {
    let at = |value: &dyn Fn(i64) -> f64| -> Vec<(i64, f64)> {
        (0..SAMPLES)
            .map(|n| ((start + n * STEP) * 1000, value(n)))
            .collect()
    };
    let mut all = Vec::new();
    for (job, job_factor) in [("api", 1.25), ("web", 10.0)] {
        for (instance, factor) in [("0", 1.0), ("1", 2.5), ("2", 3.0)] {
            // No two series have a value in common, so that sorted ones have one order.
            let factor = factor * job_factor;
            let counter = at(&|n| n as f64 * factor);
            all.push(Series::new(
                &[
                    ("__name__", "requests_total"),
                    ("instance", instance),
                    ("job", job),
                ],
                &counter,
            ));
            let gauge = at(&|n| (n % 7) as f64 - 3.5 * factor);
            all.push(Series::new(
                &[("__name__", "temperature"), ("instance", instance), ("job", job)],
                &gauge,
            ));
        }
        for (le, factor) in [("0.1", 1.0), ("1", 3.0), ("+Inf", 4.0)] {
            let counter = at(&|n| n as f64 * factor);
            all.push(Series::new(
                &[("__name__", "latency_seconds_bucket"), ("job", job), ("le", le)],
                &counter,
            ));
        }
    }
    for (kind, value) in [
        ("nan", f64::NAN),
        ("inf", f64::INFINITY),
        ("minus", f64::NEG_INFINITY),
        ("tiny", 1e-7),
        ("huge", 1e21),
        ("third", 1.0 / 3.0),
        ("zero", -0.0),
    ] {
        all.push(Series::new(
            &[("__name__", "special"), ("kind", kind)],
            &at(&|_| value),
        ));
    }
    all.push(Series::new(
        &[("__name__", "met.ric"), ("lab.el", "dots <&> \u{e9}\u{2028}")],
        &at(&|n| n as f64),
    ));
    all.push(Series::new(
        &[("__name__", "früh"), ("__under", "x")],
        &at(&|n| n as f64),
    ));
    // Ends half way.
    all.push(Series::new(
        &[("__name__", "ended"), ("job", "api")],
        &at(&|n| n as f64)[..10],
    ));
    all
}

fn send(client: &reqwest::blocking::Client, base: &str, request: &Request) -> Result<Reply> {
    let method = Method::from_bytes(request.method.as_bytes()).context("read the method")?;
    let mut builder = client.request(method, format!("{base}{}", request.target));
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    if let Some(body) = &request.body {
        builder = builder.body(body.clone());
    }
    let response = builder.send().context("send the request")?;
    let status = response.status().as_u16();
    let headers = HEADERS.iter().filter_map(|&name| {
        let mut values: Vec<String> = response
            .headers()
            .get_all(name)
            .iter()
            .flat_map(|value| value.to_str().unwrap_or("?").split(", "))
            // The names of headers and codings have no case.
            .map(|value| {
                if name == "vary" {
                    value.to_ascii_lowercase()
                } else {
                    value.to_owned()
                }
            })
            .collect();
        values.sort();
        (!values.is_empty()).then(|| (name, values.join(", ")))
    });
    let headers: Vec<(&'static str, String)> = headers.collect();
    let encoding = headers
        .iter()
        .find_map(|(name, value)| (*name == "content-encoding").then(|| value.clone()));
    let bytes = response.bytes().context("read the answer")?;
    let mut body = String::new();
    match encoding.as_deref() {
        Some("gzip") => GzDecoder::new(&bytes[..]).read_to_string(&mut body),
        Some("deflate") => ZlibDecoder::new(&bytes[..]).read_to_string(&mut body),
        _ => {
            body = String::from_utf8_lossy(&bytes).into_owned();
            Ok(0)
        }
    }
    .context("decompress the answer")?;
    Ok(Reply {
        status,
        headers,
        body,
    })
}
