//! What is done to a server after the last sample: waiting, asking, killing, and reading everything back.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use vigie_ledger::{Fault, Verdict};
use vigie_report::{Event, Figure};
use vigie_systems::SettleLimits;

use super::drive::Driver;
use super::read_back::read_back;
use super::write::Written;
use crate::ask::{Oracle, QuietAnswers, ask_quietly};
use crate::data::LedgerFile;
use crate::progress::short_count;
use crate::scenario::{SettleSpec, VerifySpec, When};

impl Driver<'_> {
    pub(super) fn settle(&mut self, cpu_before: Option<f64>) -> Result<()> {
        let Some(system) = self.target.system() else {
            return Ok(());
        };
        let stage = self.options.progress.stage(
            format!("{}: waiting until it has come to rest", self.target.name()),
            1,
        );
        let limits = SettleLimits::default();
        let settled = match self.plan.scenario.settle {
            SettleSpec::Compact => system.settle(&limits),
            SettleSpec::Rest => system.rest(&limits),
        }
        .context("wait until it has come to rest")?;
        drop(stage);
        if !settled.at_rest {
            let waited = settled.waited;
            let remark =
                format!("it had not come to rest {waited:.0?} after the last sample; measured as it was");
            self.run.remarks.push(remark);
        }
        if !settled.forced.is_empty() {
            let forced = settled.forced.join(", ");
            self.run
                .remarks
                .push(format!("before the disk was measured: {forced}"));
        }
        let account = system.account()?;
        let totals = &mut self.run.totals;
        totals.cpu_seconds_settled = self
            .target
            .cpu_seconds()
            .zip(cpu_before)
            .map_or(Figure::NotMeasured, |(now, before)| Figure::Value(now - before));
        totals.resident_bytes_settled = Figure::Value(account.resident_bytes as f64);
        totals.resident_bytes_peak = Figure::Value(account.peak_resident_bytes as f64);
        totals.disk_bytes_settled = Figure::Value(account.disk_bytes as f64);
        Ok(())
    }

    pub(super) fn ask(&mut self, written: &Written, oracle: &mut Option<Oracle>) -> Result<QuietAnswers> {
        let questions = &self.plan.questions;
        let name = self.target.name();
        let stage = self
            .options
            .progress
            .stage(format!("{name}: asking"), questions.len() as u64);
        let before = self.target.cpu_seconds();
        let mut clock = self.target.cpu_clock();
        let quiet = ask_quietly(
            questions,
            self.target.api(),
            self.asked_at_ms(),
            || clock.as_mut()?.seconds(),
            |done, question| stage.set(done as u64, question),
        )?;
        drop(stage);
        if questions.iter().any(|question| question.when == When::After) {
            self.run.query_cpu_seconds = self.spent_since(before);
        }
        if self.options.is_oracle && oracle.is_none() && !questions.is_empty() {
            let stage = self
                .options
                .progress
                .stage(format!("{name}: taking its answers for the right ones"), 1000);
            *oracle = Some(Oracle::consult(
                name,
                questions,
                self.target.api(),
                written.answers.as_ref(),
                &quiet,
                |done, _| stage.set(done as u64, ""),
            )?);
        }
        Ok(quiet)
    }

    /// The end of the data, in whole seconds.
    fn asked_at_ms(&self) -> i64 {
        let data = self.plan.data();
        let end_ms = self.plan.end_ms().unwrap_or(data.start_ms);
        end_ms / 1000 * 1000
    }

    pub(super) fn restart(&mut self) -> Result<()> {
        let system = Arc::clone(self.target.own("a restart")?);
        let asked_ms = self.asked_at_ms();
        let metric = self.a_metric()?;
        let count_of_metric = format!("count({metric})");
        let everything = "count({__name__=~\".+\"})";
        let count = |query: &str| -> Result<f64> { self.target.api().instant(query, asked_ms)?.only_value() };
        let expected = count(&count_of_metric)?;
        let all_before = count(everything)?;
        self.say("kill -9");
        system.kill9()?;
        let restarted = system
            .restart(|api| Ok(api.instant(&count_of_metric, asked_ms)?.only_value()? == expected))
            .context("restart after kill -9")?;
        let seconds = restarted.first_correct_answer.as_secs_f64();
        self.run.restart_seconds = Figure::Value(seconds);
        self.say(format!("answers again {seconds:.2} s after its start"));
        let all_after = count(everything)?;
        if all_after != all_before {
            self.run.remarks.push(format!(
                "after kill -9 {all_after} series are there of {all_before} before"
            ));
        }
        system.rest(&SettleLimits::default())?;
        let account = system.account_without_disk()?;
        self.run.totals.resident_bytes_after_restart = Figure::Value(account.resident_bytes as f64);
        self.run.events.push(Event {
            at_seconds: self.run.totals.elapsed_seconds,
            what: "kill -9 and restart after the last sample".to_owned(),
        });
        Ok(())
    }

    /// A metric of the workload, to count series by.
    fn a_metric(&self) -> Result<String> {
        let mut stream = self.plan.supply.workload().stream(0).rows_only();
        let mut request = vigie_workload::Request::default();
        stream.next_request(&mut request);
        let sample = request.visit().next().context("find a sample in the workload")?;
        let labels = crate::data::labels_of(&sample.series_text());
        Ok(labels.get("__name__").to_owned())
    }

    pub(super) fn verify(&mut self, files: &[LedgerFile]) -> Result<()> {
        if self.plan.scenario.verify == VerifySpec::Nothing {
            let remark = "what was stored was not read back: the scenario says so";
            self.run.remarks.push(remark.to_owned());
            return Ok(());
        }
        let mut sum: Option<Verdict> = None;
        for file in files {
            let verdict = self.verify_one(file)?;
            sum = Some(match sum {
                None => verdict,
                Some(sum) => add(sum, verdict),
            });
        }
        let Some(verdict) = sum else { return Ok(()) };
        self.say(if verdict.is_clean() {
            format!(
                "read back {} samples of {} series: all that was acknowledged is there, once, and nothing else",
                short_count(verdict.samples_read as f64),
                verdict.series_read
            )
        } else {
            format!("READ BACK WITH FAULTS:\n{verdict}")
        });
        let lost: u64 = Fault::ALL
            .into_iter()
            .filter(|fault| *fault != Fault::WrongValue)
            .map(|fault| verdict.count(fault))
            .sum();
        let wrong = verdict.count(Fault::WrongValue);
        self.run.verdict = Some(verdict);
        if wrong > 0 {
            let remark = format!("{wrong} samples were read back with another value than was sent");
            self.run.remarks.push(remark);
        }
        // Figures of a server that has not stored what it acknowledged are worth nothing.
        ensure!(lost == 0, "what was read back is not what was acknowledged");
        Ok(())
    }

    fn verify_one(&self, file: &LedgerFile) -> Result<Verdict> {
        let title = match &file.tenant {
            None => format!("{}: reading back", self.target.name()),
            Some(tenant) => format!("{}: reading back {tenant}", self.target.name()),
        };
        let api = match &file.tenant {
            None => self.target.api().clone(),
            Some(tenant) => self.target.api().for_tenant(tenant),
        };
        let workload = self.plan.supply.workload().clone();
        let is_scraped = self.plan.scenario.scrape.is_some();
        read_back(
            &file.path,
            workload,
            is_scraped,
            api,
            &title,
            self.options.progress,
        )
    }
}

/// Verdicts of several tenants together.
fn add(mut sum: Verdict, other: Verdict) -> Verdict {
    sum.requests.acked += other.requests.acked;
    sum.requests.refused += other.requests.refused;
    sum.requests.unknown += other.requests.unknown;
    sum.requests.not_sent += other.requests.not_sent;
    sum.series_expected += other.series_expected;
    sum.samples_expected += other.samples_expected;
    sum.series_read += other.series_read;
    sum.samples_read += other.samples_read;
    sum.samples_exact += other.samples_exact;
    sum.samples_only_nan += other.samples_only_nan;
    sum.stale_markers_hidden += other.stale_markers_hidden;
    sum.optional_found += other.optional_found;
    sum.optional_absent += other.optional_absent;
    sum.pairs_proven += other.pairs_proven;
    sum.pairs_unproven += other.pairs_unproven;
    for (fault, count) in other.faults {
        *sum.faults.entry(fault).or_default() += count;
    }
    sum.examples.extend(other.examples);
    sum.remarks.extend(other.remarks);
    sum
}
