//! Reading test files. They are always read strictly.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use vigie_config::yaml::{Fields, Node, Problems};

use crate::output::Output;
use crate::time::parse_time_ms;

const DEFAULT_INTERVAL_MS: i64 = 60_000;

#[derive(Debug, Default)]
pub(crate) struct TestFile {
    /// Globs resolved, in their order.
    pub(crate) rule_files: Vec<PathBuf>,
    pub(crate) interval_ms: i64,
    /// Groups that are named here come in this order, all others before them.
    pub(crate) group_order: Vec<String>,
    /// Floats may differ by their last bit.
    pub(crate) is_fuzzy: bool,
    pub(crate) tests: Vec<TestGroup>,
}

/// Series, and what rules and queries make of them.
#[derive(Debug, Default)]
pub(crate) struct TestGroup {
    pub(crate) name: String,
    /// Between the values of series.
    pub(crate) interval_ms: i64,
    pub(crate) start_ms: i64,
    pub(crate) series: Vec<InputSeries>,
    pub(crate) alerts: Vec<AlertTest>,
    pub(crate) queries: Vec<QueryTest>,
    pub(crate) external_labels: BTreeMap<String, String>,
    pub(crate) external_url: String,
}

#[derive(Debug, Default)]
pub(crate) struct InputSeries {
    pub(crate) series: String,
    pub(crate) values: String,
}

#[derive(Debug, Default)]
pub(crate) struct AlertTest {
    /// After the start of the group, as all times of a file.
    pub(crate) eval_ms: i64,
    pub(crate) name: String,
    pub(crate) expected: Vec<ExpectedAlert>,
}

#[derive(Debug, Default)]
pub(crate) struct ExpectedAlert {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
pub(crate) struct QueryTest {
    pub(crate) query: String,
    pub(crate) eval_ms: i64,
    pub(crate) expected: Vec<ExpectedSample>,
}

#[derive(Debug, Default)]
pub(crate) struct ExpectedSample {
    pub(crate) labels: String,
    pub(crate) value: f64,
    /// Empty for a float.
    pub(crate) histogram: String,
}

impl TestFile {
    pub(crate) fn read(path: &Path, output: &mut Output) -> Result<TestFile, String> {
        let text =
            std::fs::read_to_string(path).map_err(|error| format!("open {}: {error}", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let (mut file, patterns) = TestFile::decode(&text, folder)?;
        for pattern in patterns {
            let found = glob::glob(&pattern).map_err(|error| format!("{pattern}: {error}"))?;
            let before = file.rule_files.len();
            for path in found {
                file.rule_files
                    .push(path.map_err(|error| format!("{pattern}: {error}"))?);
            }
            if file.rule_files.len() == before {
                output.error_line(&format!("  WARNING: no file match pattern {pattern}"));
            }
        }
        for (at, name) in file.group_order.iter().enumerate() {
            if file.group_order[..at].contains(name) {
                return Err(format!("group name repeated in evaluation order: {name}"));
            }
        }
        Ok(file)
    }

    /// The file, and its patterns of rule files.
    fn decode(text: &str, folder: &Path) -> Result<(TestFile, Vec<String>), String> {
        let root = Node::parse(text).map_err(|error| error.to_string())?;
        let problems = Problems::new(folder);
        let mut fields = Fields::new(&root, "main.unitTestFile", &problems);
        let patterns = fields
            .strings("rule_files")
            .iter()
            .map(|pattern| problems.resolve(pattern))
            .collect();
        let interval_ms = positive_ms(&mut fields, "evaluation_interval").unwrap_or(DEFAULT_INTERVAL_MS);
        let file = TestFile {
            rule_files: Vec::new(),
            interval_ms,
            group_order: fields.strings("group_eval_order"),
            is_fuzzy: fields.bool("fuzzy_compare").unwrap_or(false),
            tests: list(&mut fields, "tests", "[]main.testGroup", |node| {
                test_group(node, &problems, interval_ms)
            }),
        };
        fields.finish();
        problems.finish().map_err(|error| error.to_string())?;
        Ok((file, patterns))
    }
}

fn test_group(node: &Node, problems: &Problems, interval_ms: i64) -> TestGroup {
    let mut fields = Fields::new(node, "main.testGroup", problems);
    let group = TestGroup {
        name: fields.string("name"),
        interval_ms: positive_ms(&mut fields, "interval").unwrap_or(interval_ms),
        start_ms: start_ms(&mut fields, problems),
        series: list(&mut fields, "input_series", "[]main.series", |node| {
            let mut fields = Fields::new(node, "main.series", problems);
            let series = InputSeries {
                series: fields.string("series"),
                values: fields.string("values"),
            };
            fields.finish();
            series
        }),
        alerts: list(&mut fields, "alert_rule_test", "[]main.alertTestCase", |node| {
            alert_test(node, problems)
        }),
        queries: list(&mut fields, "promql_expr_test", "[]main.promqlTestCase", |node| {
            query_test(node, problems)
        }),
        external_labels: fields.string_map("external_labels"),
        external_url: fields.string("external_url"),
    };
    fields.finish();
    group
}

fn start_ms(fields: &mut Fields<'_>, problems: &Problems) -> i64 {
    let text = fields.string("start_timestamp");
    if text.is_empty() {
        return 0;
    }
    parse_time_ms(&text).unwrap_or_else(|error| {
        problems.invalid(error.to_string());
        0
    })
}

fn alert_test(node: &Node, problems: &Problems) -> AlertTest {
    let mut fields = Fields::new(node, "main.alertTestCase", problems);
    let test = AlertTest {
        eval_ms: positive_ms(&mut fields, "eval_time").unwrap_or(0),
        name: fields.string("alertname"),
        expected: list(&mut fields, "exp_alerts", "[]main.alert", |node| {
            let mut fields = Fields::new(node, "main.alert", problems);
            let alert = ExpectedAlert {
                labels: fields.string_map("exp_labels"),
                annotations: fields.string_map("exp_annotations"),
            };
            fields.finish();
            alert
        }),
    };
    fields.finish();
    test
}

fn query_test(node: &Node, problems: &Problems) -> QueryTest {
    let mut fields = Fields::new(node, "main.promqlTestCase", problems);
    let test = QueryTest {
        query: fields.string("expr"),
        eval_ms: positive_ms(&mut fields, "eval_time").unwrap_or(0),
        expected: list(&mut fields, "exp_samples", "[]main.sample", |node| {
            let mut fields = Fields::new(node, "main.sample", problems);
            let sample = ExpectedSample {
                labels: fields.string("labels"),
                value: number(&mut fields, problems),
                histogram: fields.string("histogram"),
            };
            fields.finish();
            sample
        }),
    };
    fields.finish();
    test
}

/// YAML's forms of floats: `.inf` and `.nan` among them.
fn number(fields: &mut Fields<'_>, problems: &Problems) -> f64 {
    let Some(node) = fields.take("value") else {
        return 0.0;
    };
    let text = node.text().unwrap_or_default();
    let (sign, magnitude) = match text.strip_prefix('-') {
        Some(magnitude) => (-1.0, magnitude),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    match magnitude {
        ".inf" | ".Inf" | ".INF" => sign * f64::INFINITY,
        ".nan" | ".NaN" | ".NAN" => f64::NAN,
        _ => problems.number(node, "float64").unwrap_or_default(),
    }
}

fn positive_ms(fields: &mut Fields<'_>, name: &str) -> Option<i64> {
    fields
        .duration(name)
        .and_then(|duration| i64::try_from(duration.as_millis()).ok())
        .filter(|duration_ms| *duration_ms > 0)
}

fn list<T>(fields: &mut Fields<'_>, name: &str, go_type: &str, mut item: impl FnMut(&Node) -> T) -> Vec<T> {
    let problems = fields.problems;
    fields
        .take(name)
        .map(|node| problems.list(node, go_type, |node| Some(item(node))))
        .unwrap_or_default()
}
