//! Running the tests of a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use regex::Regex;
use vigie_model::{Labels, format_duration_ms};
use vigie_promql::ParseOptions;
use vigie_promql::notation::{SeriesValue, parse_metric, parse_values};
use vigie_rules::{
    Alert, AlertState, Environment, FileOptions, Group, GroupOptions, RuleFile, TemplateValue,
};

use super::compare::{AlertSet, SampleSet, ShownAlert, ShownSample, histogram_text};
use super::file::{AlertTest, QueryTest, TestFile, TestGroup};
use super::junit::CaseReport;
use super::store::TestStore;
use crate::output::Output;

/// How tests are run, whatever the file.
#[derive(Debug)]
pub(crate) struct Suite {
    pub(crate) promql: ParseOptions,
    pub(crate) delayed_name_removal: bool,
    /// Names of the groups of tests to run; `None`: all.
    pub(crate) wanted: Option<Regex>,
    pub(crate) shows_diff: bool,
    pub(crate) is_debug: bool,
    pub(crate) ignore_unknown_fields: bool,
}

impl Suite {
    /// What became of each group of tests that was to run.
    pub(crate) fn run(&self, file: &TestFile, output: &mut Output) -> Vec<CaseReport> {
        let mut cases = Vec::new();
        for (at, group) in file.tests.iter().enumerate() {
            if self
                .wanted
                .as_ref()
                .is_some_and(|wanted| !wanted.is_match(&group.name))
            {
                continue;
            }
            let name = if group.name.is_empty() {
                format!("unnamed#{at}")
            } else {
                group.name.clone()
            };
            if self.is_debug {
                output.error_line(&format!("DEBUG: Starting test {name}"));
            }
            let test = Test {
                suite: self,
                file,
                group,
            };
            let (Ok(failures) | Err(failures)) = test.run(output);
            if self.is_debug {
                output.error_line(&format!("DEBUG: Test {name} finished"));
            }
            cases.push(CaseReport {
                name,
                failures,
                error: String::new(),
            });
        }
        cases
    }
}

struct Test<'a> {
    suite: &'a Suite,
    file: &'a TestFile,
    group: &'a TestGroup,
}

impl Test<'_> {
    /// An error ends the test early.
    fn run(&self, output: &mut Output) -> Result<Vec<String>, Vec<String>> {
        let mut groups = self.groups()?;
        let alert_tests = self.alert_tests()?;
        let mut store = TestStore::new(
            self.group,
            self.file.interval_ms,
            self.suite.promql,
            self.suite.delayed_name_removal,
        )
        .map_err(|mistake| vec![mistake])?;
        let mut mistakes = Vec::new();
        let last_ms = self.last_eval_ms();
        let mut open = alert_tests.into_iter().peekable();
        let mut after_ms = 0;
        while after_ms <= last_ms {
            let now_ms = self.group.start_ms + after_ms;
            store.advance(now_ms);
            self.evaluate(&mut groups, now_ms, &store).map_err(|failures| {
                mistakes.extend(failures);
                std::mem::take(&mut mistakes)
            })?;
            // What is asked for between two evaluations is what the first of them gave.
            let next_ms = after_ms + self.file.interval_ms;
            while let Some((_, tests)) = open.next_if(|(eval_ms, _)| *eval_ms < next_ms) {
                for test in tests {
                    mistakes.extend(self.check_alerts(test, &groups));
                }
            }
            after_ms = next_ms;
        }
        for test in &self.group.queries {
            mistakes.extend(self.check_query(test, &store).err());
        }
        if self.suite.is_debug {
            output.error_line("DEBUG: Dump of all data (input_series and rules):");
            for line in store.dump() {
                output.error_line(&line);
            }
        }
        Ok(mistakes)
    }

    /// The groups of all rule files, in the order of evaluation.
    fn groups(&self) -> Result<Vec<Group>, Vec<String>> {
        let options = FileOptions {
            promql: self.suite.promql,
            ignore_unknown_fields: self.suite.ignore_unknown_fields,
        };
        let group_options = GroupOptions {
            external_labels: self.group.external_labels.clone(),
            external_url: self.group.external_url.clone(),
            query_offset_ms: 0,
        };
        let mut groups = Vec::new();
        for path in &self.file.rule_files {
            let file = read_rules(path, &options)?;
            groups.extend(file.groups.iter().map(|group| Group::new(group, &group_options)));
        }
        // Stable, so that groups that are not named stay in the order of the files.
        let order = &self.file.group_order;
        groups.sort_by_key(|group| order.iter().position(|name| name == group.name()).unwrap_or(0));
        Ok(groups)
    }

    /// By time.
    fn alert_tests(&self) -> Result<BTreeMap<i64, Vec<&AlertTest>>, Vec<String>> {
        let mut tests: BTreeMap<i64, Vec<&AlertTest>> = BTreeMap::new();
        for test in &self.group.alerts {
            if test.name.is_empty() {
                let place = match self.group.name.as_str() {
                    "" => String::new(),
                    name => format!(" (in TestGroup {name})"),
                };
                return Err(vec![format!(
                    "an item under alert_rule_test misses required attribute alertname at eval_time {}{place}",
                    format_duration_ms(test.eval_ms)
                )]);
            }
            tests.entry(test.eval_ms).or_default().push(test);
        }
        Ok(tests)
    }

    fn last_eval_ms(&self) -> i64 {
        let alerts = self.group.alerts.iter().map(|test| test.eval_ms);
        let queries = self.group.queries.iter().map(|test| test.eval_ms);
        alerts.chain(queries).max().unwrap_or(0)
    }

    fn evaluate(&self, groups: &mut [Group], now_ms: i64, store: &TestStore) -> Result<(), Vec<String>> {
        let failures: Vec<String> = groups
            .iter_mut()
            .flat_map(|group| group.evaluate(now_ms, store))
            .map(|failure| {
                let time = TemplateValue::Duration(now_ms.saturating_mul(1_000_000));
                format!(
                    "    rule: {}, time: {time}, err: {}",
                    failure.rule, failure.message
                )
            })
            .collect();
        if failures.is_empty() {
            Ok(())
        } else {
            Err(failures)
        }
    }

    fn check_alerts(&self, test: &AlertTest, groups: &[Group]) -> Option<String> {
        let firing = groups
            .iter()
            .flat_map(Group::alerting_rules)
            .filter(|rule| rule.name() == test.name)
            .flat_map(|rule| rule.active_alerts())
            .filter(|alert| alert.state == AlertState::Firing);
        let got = AlertSet::new(firing.map(shown_alert).collect());
        let expected = test.expected.iter().map(|alert| {
            let mut labels = alert.labels.clone();
            labels.insert("alertname".to_owned(), test.name.clone());
            ShownAlert {
                labels: label_set(&labels),
                annotations: label_set(&alert.annotations),
            }
        });
        let expected = AlertSet::new(expected.collect());
        if expected == got {
            return None;
        }
        let name = match self.group.name.as_str() {
            "" => String::new(),
            name => format!("    name: {name},\n"),
        };
        let place = format!(
            "{name}    alertname: {}, time: {}, \n",
            test.name,
            format_duration_ms(test.eval_ms)
        );
        Some(if self.suite.shows_diff {
            format!(
                "{place}        diff: {}",
                indented(&expected.diff(&got), "            ")
            )
        } else {
            format!(
                "{place}        exp:{}, \n        got:{}",
                indented(&expected.to_string(), "            "),
                indented(&got.to_string(), "            ")
            )
        })
    }

    fn check_query(&self, test: &QueryTest, store: &TestStore) -> Result<(), String> {
        let place = format!(
            "    expr: {:?}, time: {},",
            test.query,
            format_duration_ms(test.eval_ms)
        );
        let vector = store
            .query(&test.query, self.group.start_ms + test.eval_ms)
            .map_err(|error| format!("{place} err: {error}"))?;
        let got = SampleSet::new(vector.into_iter().map(ShownSample::from).collect());
        let mut expected = Vec::new();
        for sample in &test.expected {
            let labels = parse_metric(&sample.labels)
                .map_err(|error| format!("{place} err: labels {:?}: {error}", sample.labels))?;
            let histogram = expected_histogram(&sample.histogram)
                .map_err(|error| format!("{place} err: labels {:?}: {error}", sample.labels))?;
            expected.push(ShownSample {
                labels,
                value: if histogram.is_empty() { sample.value } else { 0.0 },
                histogram,
            });
        }
        let expected = SampleSet::new(expected);
        if expected.matches(&got, self.file.is_fuzzy) {
            return Ok(());
        }
        Err(format!("{place}\n        exp: {expected}\n        got: {got}"))
    }
}

fn read_rules(path: &PathBuf, options: &FileOptions) -> Result<RuleFile, Vec<String>> {
    let named = |message: String| format!("{}: {message}", Path::new(path).display());
    let text = std::fs::read_to_string(path).map_err(|error| vec![named(error.to_string())])?;
    RuleFile::parse(&text, options).map_err(|mistakes| mistakes.into_iter().map(named).collect())
}

fn expected_histogram(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    match parse_values(text).map_err(|error| error.to_string())?.as_slice() {
        [SeriesValue::Histogram(histogram)] => Ok(histogram_text(histogram)),
        [other] => Err(format!("expected histogram, got {other:?}")),
        several => Err(format!("expected 1 value, got {}", several.len())),
    }
}

fn shown_alert(alert: &Alert) -> ShownAlert {
    ShownAlert {
        labels: alert.labels.clone(),
        annotations: label_set(&alert.annotations),
    }
}

/// Sorted by name, without empty values.
fn label_set(map: &BTreeMap<String, String>) -> Labels {
    let mut builder = Labels::empty().to_builder();
    for (name, value) in map {
        builder.set(name, value.as_str());
    }
    builder.build()
}

/// Lines after the first get the indent.
fn indented(text: &str, indent: &str) -> String {
    text.replace('\n', &format!("\n{indent}"))
}
