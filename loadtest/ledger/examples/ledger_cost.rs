//! What the ledger costs: records `series` series in `rounds` rounds (default 100,000 and 100), then verifies them
//! against a reader that makes the same values up. `record` alone stops before that. Run under `perf stat`.

use std::error::Error;
use std::io::Write;

use vigie_ledger::{
    BoxError, Content, Exactness, Fate, Ledger, Matcher, Reader, Rows, SampleValue, SeriesLabels,
    SeriesVisitor, VerifyOptions, verify,
};

const ROWS_PER_REQUEST: usize = 2_000;
const SERIES_PER_HOST: u32 = 500;

fn labels(series: u32) -> SeriesLabels {
    SeriesLabels::new([
        ("__name__", format!("node_metric_{}", series % SERIES_PER_HOST)),
        ("instance", format!("host-{:05}", series / SERIES_PER_HOST)),
        ("job", "node".to_owned()),
    ])
}

fn sample(series: u32, round: u32) -> (i64, SampleValue) {
    let time_ms = 1_700_000_000_000 + 15_000 * i64::from(round);
    (
        time_ms,
        SampleValue::float(f64::from(series) + f64::from(round) / 8.0),
    )
}

struct MadeUp {
    series: u32,
    rounds: u32,
}

impl Reader for MadeUp {
    fn exactness(&self) -> Exactness {
        Exactness {
            nan_bits: true,
            stale_markers: true,
        }
    }

    fn label_values(&mut self, _: &str, _: &[Matcher], _: i64, _: i64) -> Result<Vec<String>, BoxError> {
        let hosts = self.series.div_ceil(SERIES_PER_HOST);
        Ok((0..hosts).map(|host| format!("host-{host:05}")).collect())
    }

    fn read(
        &mut self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        visit: &mut SeriesVisitor<'_>,
    ) -> Result<(), BoxError> {
        let Some(host) = matchers.last().and_then(|last| last.value.strip_prefix("host-")) else {
            return Ok(());
        };
        let first = host.parse::<u32>()? * SERIES_PER_HOST;
        for series in first..(first + SERIES_PER_HOST).min(self.series) {
            let samples: Vec<_> = (0..self.rounds)
                .map(|round| sample(series, round))
                .filter(|(time_ms, _)| (from_ms..=to_ms).contains(time_ms))
                .collect();
            visit(labels(series), &samples);
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |index: usize, default| arguments.get(index).map_or(Ok(default), |text| text.parse());
    let (series, rounds) = (number(1, 100_000_u32)?, number(2, 100_u32)?);
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("journal");
    let ledger = Ledger::create(&path, "cost")?;
    let refs = (0..series)
        .map(|series| ledger.series(&labels(series)))
        .collect::<Result<Vec<_>, _>>()?;
    let mut rows = Rows::default();
    for round in 0..rounds {
        for request in (0..series).collect::<Vec<_>>().chunks(ROWS_PER_REQUEST) {
            rows.clear();
            for series in request {
                let (time_ms, value) = sample(*series, round);
                rows.push(refs[*series as usize], time_ms, value);
            }
            let request = ledger.begin(Content::Rows(&rows), None)?;
            ledger.settle(request, &Fate::Acked)?;
        }
    }
    let totals = ledger.close()?;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{} rows, {} bytes",
        totals.rows,
        std::fs::metadata(&path)?.len()
    )?;
    if arguments.iter().any(|argument| argument == "record") {
        return Ok(());
    }
    let mut reader = MadeUp { series, rounds };
    let verdict = verify(&path, &VerifyOptions::default(), None, &mut reader, &mut |_| {})?;
    write!(out, "{verdict}")?;
    writeln!(
        out,
        "{}",
        std::fs::read_to_string("/proc/self/status")?
            .lines()
            .filter(|line| line.starts_with("VmHWM"))
            .collect::<String>()
    )?;
    Ok(())
}
