//! Kill -9 under write load: whatever was acknowledged is there after the restart, and nothing that was not sent.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};

use crate::ledger::{Ledger, METRIC, SeriesId};
use crate::power_loss::{PowerLoss, ShimOptions};
use crate::progress::progress;
use crate::remote_write::WriteClient;
use crate::rng::Rng;
use crate::target::{Layout, Target, TargetOptions};
use vigie_systems::{Api, QueryData, Series, wait_until};

const WRITERS: u32 = 4;
const OLD_SERIES: u32 = 40;
const NEW_SERIES_PER_ROUND: u32 = 5;
const SAMPLES_PER_SERIES: usize = 3;
/// Far enough back that the clock of the samples never comes near the present.
const START_BEFORE_NOW_MS: i64 = 50 * 60 * 1000;
const SHORTEST_LOAD_MS: u64 = 50;
const LONGEST_LOAD_MS: u64 = 1_500;
/// How often everything is read back in a run.
const MAX_CHECKS: u32 = 20;
const DEATH_DEADLINE: Duration = Duration::from_secs(10);
/// How the status of a process reads that died where it was told to.
const KILLED: &str = "signal: 9";
/// Power failures during a start, before one is left alone.
const MAX_FAILED_STARTS: u32 = 3;

/// How often to kill, and the seed of every random choice.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    pub rounds: u32,
    pub seed: u64,
    /// Also the power fails: the server dies in the middle of an operation on its files, and what it had not
    /// synced is gone. For a server of one process.
    pub power_loss: bool,
}

impl Options {
    /// 20 rounds and a fresh seed, unless `VIGIE_KILL9_ROUNDS` and `VIGIE_KILL9_SEED` say otherwise.
    pub fn from_env() -> Result<Self> {
        let number = |name: &str| -> Result<Option<u64>> {
            let Ok(text) = std::env::var(name) else {
                return Ok(None);
            };
            text.parse()
                .map(Some)
                .with_context(|| format!("parse {name}={text}"))
        };
        let rounds = number("VIGIE_KILL9_ROUNDS")?.unwrap_or(20) as u32;
        let fresh = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .context("read the clock")?
            .as_nanos() as u64;
        Ok(Self {
            rounds,
            seed: number("VIGIE_KILL9_SEED")?.unwrap_or(fresh % 1_000_000_000),
            power_loss: false,
        })
    }
}

/// Runs the whole scenario; the error says what was lost, invented or changed, and the seed to see it again.
pub fn run(target_options: &TargetOptions, options: Options) -> Result<()> {
    progress(format!(
        "kill -9 x {} on {:?}, VIGIE_KILL9_SEED={}",
        options.rounds, target_options.layout, options.seed
    ));
    let mut target = Target::start(target_options)?;
    let result = rounds(&mut target, target_options.layout, options);
    result.with_context(|| {
        format!(
            "with VIGIE_KILL9_SEED={}; logs:\n{}",
            options.seed,
            target.log_tails()
        )
    })
}

fn rounds(target: &mut Target, layout: Layout, options: Options) -> Result<()> {
    let mut rng = Rng::new(options.seed);
    let now_ms = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("read the clock")?
        .as_millis() as i64;
    let start_ms = now_ms - START_BEFORE_NOW_MS;
    let mut writers: Vec<Writer> = (0..WRITERS)
        .map(|id| Writer::new(id, start_ms, rng.fork()))
        .collect();
    let api = target.api()?;
    let mut power = Power::new(target, options, &mut rng)?;
    for round in 0..options.rounds {
        let load = Duration::from_millis(SHORTEST_LOAD_MS + rng.below(LONGEST_LOAD_MS - SHORTEST_LOAD_MS));
        let victims = victims(layout, &mut rng);
        let restart = write_through_kill(target, &mut writers, round, load, victims, &mut power)?;
        let checked = Instant::now();
        // All samples of all rounds are read each time, so many rounds are checked a few at a time.
        let is_checked = round % options.rounds.div_ceil(MAX_CHECKS) == 0 || round + 1 == options.rounds;
        for writer in writers.iter_mut().filter(|_| is_checked) {
            let shown = match read_back(&api, writer, start_ms) {
                Ok(shown) => shown,
                Err(error) => {
                    power.restart_after_death(target).context(error)?;
                    read_back(&api, writer, start_ms)?
                }
            };
            writer
                .ledger
                .check(&shown)
                .with_context(|| format!("in round {round}"))?;
        }
        let kept: usize = writers.iter().map(|writer| writer.ledger.kept_samples()).sum();
        let whom = if victims.is_empty() {
            "all".to_owned()
        } else {
            victims.join(" and ")
        };
        progress(format!(
            "round {round}: killed {whom} after {load:?}, ready again in {restart:.2?}, {kept} samples {} in {:.2?}",
            if is_checked { "checked" } else { "not read" },
            checked.elapsed()
        ));
    }
    let refused: u32 = writers.iter().map(|writer| writer.refused_repeats).sum();
    progress(format!(
        "{refused} batches sent again by their writers were refused as out of order"
    ));
    if writers.iter().any(|writer| writer.ledger.kept_samples() == 0) {
        bail!("a writer got nothing acknowledged in {} rounds", options.rounds);
    }
    Ok(())
}

/// With separate processes mostly the ingester dies, sometimes the one that stands between, sometimes all.
fn victims(layout: Layout, rng: &mut Rng) -> &'static [&'static str] {
    if layout != Layout::Roles {
        return &[];
    }
    match rng.below(5) {
        0 => &["distributor"],
        1 => &[],
        2 => &["ingester", "querier"],
        _ => &["ingester"],
    }
}

/// Returns how long the restart took. Writers that only reach a living distributor wait for it with their batch.
fn write_through_kill(
    target: &mut Target,
    writers: &mut [Writer],
    round: u32,
    load: Duration,
    victims: &[&str],
    power: &mut Power,
) -> Result<Duration> {
    let client = target.writer()?;
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let threads: Vec<_> = writers
            .iter_mut()
            .map(|writer| {
                let (client, stop) = (client.clone(), &stop);
                scope.spawn(move || writer.write(&client, round, stop))
            })
            .collect();
        // The random moment itself.
        std::thread::sleep(load);
        let restarted = target.kill9(victims).and_then(|()| power.restart(target));
        stop.store(true, Ordering::Relaxed);
        for thread in threads {
            match thread.join() {
                Ok(result) => result?,
                Err(_) => bail!("a writer panicked"),
            }
        }
        restarted
    })
}

/// Whether and when the power fails.
struct Power {
    loss: Option<PowerLoss>,
    rng: Rng,
}

impl Power {
    fn new(target: &mut Target, options: Options, rng: &mut Rng) -> Result<Power> {
        let mut power = Power {
            loss: None,
            rng: rng.fork(),
        };
        if options.power_loss {
            let data = target.data_dir();
            let folder = data.with_file_name("power_loss");
            std::fs::create_dir_all(&folder).context("make a folder")?;
            power.loss = Some(PowerLoss::build(&folder, &data)?);
            // What was started before knew nothing of it.
            target.kill9(&[])?;
            power.restart(target)?;
        }
        Ok(power)
    }

    /// Starts a server that died when nobody wrote, as its planned failure came in its own housekeeping.
    fn restart_after_death(&mut self, target: &mut Target) -> Result<Duration> {
        // Its connections end a moment before the process does.
        wait_until("the server is dead", DEATH_DEADLINE, || {
            Ok(target.check_running().is_err())
        })?;
        match target.check_running() {
            Err(died) if self.loss.is_some() && format!("{died}").contains(KILLED) => {
                target.kill9(&[])?;
                self.restart_from(target, MAX_FAILED_STARTS)
            }
            Err(died) => Err(died),
            Ok(()) => bail!("the server runs"),
        }
    }

    /// Starts what was killed. A start may itself end in a power failure, a few times.
    fn restart(&mut self, target: &mut Target) -> Result<Duration> {
        self.restart_from(target, 0)
    }

    fn restart_from(&mut self, target: &mut Target, attempts: u32) -> Result<Duration> {
        let Some(loss) = &self.loss else {
            return target.start_missing();
        };
        for attempt in attempts.. {
            let taken_back = loss.strike(&mut self.rng)?;
            // A start has some hundred operations, and a second of load some thousand.
            let most = 1 << (6 + self.rng.below(8));
            let die_at = if attempt < MAX_FAILED_STARTS {
                1 + self.rng.below(most)
            } else {
                0
            };
            target.set_env(&loss.env(ShimOptions {
                die_at,
                ..ShimOptions::default()
            }));
            let started = target.start_missing();
            match target.check_running() {
                Ok(()) => {
                    progress(format!(
                        "{taken_back} writes were taken back; the next failure is at operation {die_at}"
                    ));
                    return started;
                }
                Err(died) if die_at == 0 || !format!("{died}").contains(KILLED) => return Err(died),
                Err(_) => target.kill9(&[])?,
            }
        }
        bail!("no start succeeded")
    }
}

fn read_back(api: &Api, writer: &Writer, start_ms: i64) -> Result<QueryData> {
    let span_ms = writer.clock_ms - start_ms + 1;
    let query = format!("{METRIC}{{writer=\"{}\"}}[{span_ms}ms]", writer.id);
    api.instant(&query, writer.clock_ms)
}

/// One connection with series of its own, so its samples arrive in order.
#[derive(Debug)]
struct Writer {
    id: u32,
    clock_ms: i64,
    rng: Rng,
    series: Vec<SeriesId>,
    ledger: Ledger,
    unanswered: Option<Vec<(SeriesId, Series)>>,
    refused_repeats: u32,
}

impl Writer {
    fn new(id: u32, start_ms: i64, rng: Rng) -> Self {
        let series = (0..OLD_SERIES)
            .map(|number| SeriesId {
                writer: id,
                round: 0,
                number,
            })
            .collect();
        Self {
            id,
            clock_ms: start_ms,
            rng,
            series,
            ledger: Ledger::default(),
            unanswered: None,
            refused_repeats: 0,
        }
    }

    /// Sends batch after batch until told to stop or the server is gone.
    fn write(&mut self, client: &WriteClient, round: u32, stop: &AtomicBool) -> Result<()> {
        if round > 0 {
            let born = (0..NEW_SERIES_PER_ROUND).map(|number| SeriesId {
                writer: self.id,
                round,
                number,
            });
            self.series.extend(born);
        }
        // Stored once already, a batch that a writer sends again may be refused: its older samples are behind the newest
        // by then, and it may travel in other company. What a distributor repeats by itself, as a dying ingester left it
        // unanswered, never is.
        // A real sender repeats what was not answered; a restarted one has forgotten it.
        let mut next = self.unanswered.take().filter(|_| self.rng.chance(50));
        while !stop.load(Ordering::Relaxed) {
            let was_unanswered = next.is_some();
            let batch = next.take().unwrap_or_else(|| self.make_batch());
            for (id, series) in &batch {
                self.ledger.sent(*id, &series.samples);
            }
            let body: Vec<Series> = batch.iter().map(|(_, series)| series.clone()).collect();
            match client.send(&body) {
                Ok(answer) if (200..300).contains(&answer.status) => {
                    for (id, series) in &batch {
                        self.ledger.acknowledged(*id, &series.samples);
                    }
                }
                Ok(answer) if answer.status >= 500 || answer.status == 429 => {
                    self.unanswered = Some(batch);
                    return Ok(());
                }
                Ok(answer) if was_unanswered && answer.body.starts_with("out of order sample") => {
                    self.refused_repeats += 1;
                }
                Ok(answer) => bail!(
                    "a good batch was refused with {}: {}",
                    answer.status,
                    answer.body.trim()
                ),
                Err(_) => {
                    self.unanswered = Some(batch);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn make_batch(&mut self) -> Vec<(SeriesId, Series)> {
        let times: Vec<i64> = (0..SAMPLES_PER_SERIES)
            .map(|_| {
                self.clock_ms += 1 + self.rng.below(40) as i64;
                self.clock_ms
            })
            .collect();
        let rng = &mut self.rng;
        let one = |id: SeriesId| {
            let samples = times.iter().map(|t| (*t, any_value(rng))).collect();
            (
                id,
                Series {
                    labels: id.labels(),
                    samples,
                },
            )
        };
        self.series.iter().copied().map(one).collect()
    }
}

/// Ordinary values mostly, and each kind a codec may trip over.
fn any_value(rng: &mut Rng) -> f64 {
    match rng.below(20) {
        0 => -0.0,
        1 => f64::INFINITY,
        2 => f64::NEG_INFINITY,
        3 => f64::NAN,
        4 => f64::from_bits(0x7ff0_0000_0000_0002),
        5 => f64::from_bits(0x7ff8_0000_0000_0000 | rng.below(1 << 51)),
        6 => f64::from_bits(rng.below(1 << 52)),
        7..=9 => f64::from_bits(rng.next_u64()),
        10..=14 => rng.below(1_000_000) as f64,
        _ => rng.below(1_000_000) as f64 / 1000.0,
    }
}
