//! Prometheus's functions, and the way to Go's own.

use std::collections::BTreeMap;

use regex::Regex;
use vigie_model::parse_duration_ms;

use super::printf::general;
use super::{TemplateEnvironment, Value, builtin};

/// Prometheus's functions, by name; those of Go come on top.
pub const NAMES: &[&str] = &[
    "args",
    "externalURL",
    "first",
    "graphLink",
    "humanize",
    "humanize1024",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "label",
    "match",
    "now",
    "parseDuration",
    "pathPrefix",
    "query",
    "reReplaceAll",
    "safeHtml",
    "sortByLabel",
    "stripDomain",
    "stripPort",
    "strvalue",
    "tableLink",
    "title",
    "toDuration",
    "toLower",
    "toTime",
    "toUpper",
    "urlQueryEscape",
    "value",
];

pub(crate) fn is_known(name: &str) -> bool {
    NAMES.contains(&name) || builtin::is_known(name)
}

/// Calls a function by its name, which has to be a known one.
pub(crate) fn call(
    name: &str,
    arguments: Vec<Value>,
    environment: &dyn TemplateEnvironment,
) -> Result<Value, String> {
    if builtin::is_known(name) {
        return builtin::call(name, &arguments);
    }
    let mut arguments = Arguments {
        count: arguments.len(),
        rest: arguments.into_iter(),
    };
    let arguments = &mut arguments;
    match name {
        "args" => Ok(Value::Map(
            (0..)
                .map(|at: usize| format!("arg{at}"))
                .zip(arguments.rest.by_ref())
                .collect(),
        )),
        "externalURL" => arguments.none().map(|()| text(environment.external_url())),
        "pathPrefix" => arguments
            .none()
            .map(|()| text(url_path(environment.external_url()))),
        "now" => arguments
            .none()
            .map(|()| Value::Float(environment.now_ms() as f64 / 1000.0)),
        "query" => query(&arguments.text_alone()?, environment),
        "first" => {
            let [vector] = arguments.exactly()?;
            list(vector)?
                .into_iter()
                .next()
                .ok_or_else(|| "first() called on vector with no elements".to_owned())
        }
        "label" => {
            let [name, sample] = arguments.exactly()?;
            Ok(Value::Text(label_of(&sample, &word(&name)?)?))
        }
        "value" => {
            let [sample] = arguments.exactly()?;
            field(&sample, "Value")
        }
        "strvalue" => {
            let [sample] = arguments.exactly()?;
            Ok(Value::Text(label_of(&sample, "__value__")?))
        }
        "sortByLabel" => {
            let [name, vector] = arguments.exactly()?;
            let name = word(&name)?;
            let mut items = list(vector)?;
            items.sort_by_cached_key(|sample| label_of(sample, &name).unwrap_or_default());
            Ok(Value::List(items))
        }
        "reReplaceAll" => {
            let [pattern, replacement, input] = arguments.exactly()?;
            let pattern = compile(&word(&pattern)?)?;
            let replaced = pattern
                .replace_all(&word(&input)?, word(&replacement)?.as_str())
                .into_owned();
            Ok(Value::Text(replaced))
        }
        "match" => {
            let [pattern, input] = arguments.exactly()?;
            Ok(Value::Bool(compile(&word(&pattern)?)?.is_match(&word(&input)?)))
        }
        "safeHtml" => arguments.text_alone().map(Value::Text),
        "title" => arguments.text_alone().map(|input| Value::Text(title(&input))),
        "toUpper" => arguments
            .text_alone()
            .map(|input| Value::Text(input.to_uppercase())),
        "toLower" => arguments
            .text_alone()
            .map(|input| Value::Text(input.to_lowercase())),
        "graphLink" => arguments.text_alone().map(|input| Value::Text(link(&input, 0))),
        "tableLink" => arguments.text_alone().map(|input| Value::Text(link(&input, 1))),
        "urlQueryEscape" => arguments
            .text_alone()
            .map(|input| Value::Text(builtin::query_escape(&input))),
        "stripPort" => arguments.text_alone().map(|input| {
            let host = split_host_port(&input).map_or(input.as_str(), |(host, _)| host);
            text(host)
        }),
        "stripDomain" => arguments
            .text_alone()
            .map(|input| Value::Text(strip_domain(&input))),
        "parseDuration" => {
            let input = arguments.text_alone()?;
            let (sign, magnitude) = match input.strip_prefix('-') {
                Some(magnitude) => (-1.0, magnitude),
                None => (1.0, input.as_str()),
            };
            let ms = parse_duration_ms(magnitude).map_err(|error| error.to_string())?;
            Ok(Value::Float(sign * ms as f64 / 1000.0))
        }
        "humanize" => arguments.number().map(|value| Value::Text(humanize(value))),
        "humanize1024" => arguments.number().map(|value| Value::Text(humanize_1024(value))),
        "humanizePercentage" => arguments
            .number()
            .map(|value| Value::Text(format!("{}%", general(value * 100.0, 4)))),
        "humanizeDuration" => arguments
            .number()
            .map(|value| Value::Text(humanize_duration(value))),
        "humanizeTimestamp" => {
            let value = arguments.number()?;
            if !value.is_finite() {
                return Ok(Value::Text(general(value, 4)));
            }
            Ok(Value::Text(Value::Time(to_nanoseconds(value)?).to_string()))
        }
        "toTime" => {
            let value = arguments.number()?;
            if !value.is_finite() {
                return Err("value is NaN or Inf".to_owned());
            }
            to_nanoseconds(value).map(Value::Time)
        }
        "toDuration" => arguments
            .number()
            .map(|value| Value::Duration((value * 1e9) as i64)),
        other => Err(format!("function {other:?} not defined")),
    }
}

/// What a function is called with.
struct Arguments {
    count: usize,
    rest: std::vec::IntoIter<Value>,
}

impl Arguments {
    fn exactly<const N: usize>(&mut self) -> Result<[Value; N], String> {
        let count = self.count;
        let all: Vec<Value> = self.rest.by_ref().collect();
        all.try_into()
            .map_err(|_| format!("wrong number of args: want {N} got {count}"))
    }

    fn none(&mut self) -> Result<(), String> {
        self.exactly::<0>().map(|_| ())
    }

    fn text_alone(&mut self) -> Result<String, String> {
        let [value] = self.exactly()?;
        word(&value)
    }

    fn number(&mut self) -> Result<f64, String> {
        let [value] = self.exactly()?;
        value.to_float()
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn word(value: &Value) -> Result<String, String> {
    match value {
        Value::Text(text) => Ok(text.clone()),
        other => Err(format!(
            "wrong type for value; expected string; got {}",
            other.type_name()
        )),
    }
}

fn list(value: Value) -> Result<Vec<Value>, String> {
    match value {
        Value::List(items) => Ok(items),
        Value::Nil => Ok(Vec::new()),
        other => Err(format!(
            "wrong type for value; expected template.queryResult; got {}",
            other.type_name()
        )),
    }
}

fn field(sample: &Value, name: &str) -> Result<Value, String> {
    match sample {
        Value::Struct(fields) => fields
            .get(name)
            .cloned()
            .ok_or_else(|| format!("can't evaluate field {name}")),
        other => Err(format!(
            "wrong type for value; expected *template.sample; got {}",
            other.type_name()
        )),
    }
}

fn label_of(sample: &Value, name: &str) -> Result<String, String> {
    match field(sample, "Labels")? {
        Value::Labels(mut labels) => Ok(labels.remove(name).unwrap_or_default()),
        _ => Ok(String::new()),
    }
}

fn query(expression: &str, environment: &dyn TemplateEnvironment) -> Result<Value, String> {
    let samples = environment.query(expression)?;
    Ok(Value::List(
        samples
            .into_iter()
            .map(|(labels, value)| {
                Value::Struct(BTreeMap::from([
                    ("Labels", Value::Labels(labels)),
                    ("Value", value),
                ]))
            })
            .collect(),
    ))
}

fn compile(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| format!("error parsing regexp: {error}"))
}

/// The first letter of each word in upper case, the others as they are.
fn title(text: &str) -> String {
    let mut inside = false;
    let mut titled = String::with_capacity(text.len());
    for c in text.chars() {
        let is_letter = c.is_alphanumeric() || (inside && matches!(c, '\'' | '_'));
        if is_letter && !inside {
            titled.extend(c.to_uppercase());
        } else {
            titled.push(c);
        }
        inside = is_letter;
    }
    titled
}

fn link(expression: &str, tab: u8) -> String {
    let escaped = builtin::query_escape(expression);
    format!("/graph?g0.expr={escaped}&g0.tab={tab}")
}

fn url_path(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = after_scheme.find('/').map_or("", |slash| &after_scheme[slash..]);
    path.split(['?', '#']).next().unwrap_or_default()
}

/// `None` if there is no port, or the host has colons without brackets.
fn split_host_port(address: &str) -> Option<(&str, &str)> {
    if let Some(rest) = address.strip_prefix('[') {
        let (host, port) = rest.split_once("]:")?;
        return Some((host, port));
    }
    let (host, port) = address.rsplit_once(':')?;
    (!host.contains([':', '[', ']'])).then_some((host, port))
}

fn strip_domain(address: &str) -> String {
    let (host, port) = split_host_port(address).unwrap_or((address, ""));
    if host.parse::<std::net::IpAddr>().is_ok() {
        return address.to_owned();
    }
    let first = host.split('.').next().unwrap_or_default();
    match port {
        "" => first.to_owned(),
        port if first.contains(':') => format!("[{first}]:{port}"),
        port => format!("{first}:{port}"),
    }
}

const LARGE: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const SMALL: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];

fn humanize(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return general(value, 4);
    }
    if value.abs() < 1.0 {
        return made_larger(value, "");
    }
    made_smaller(value, 1000.0, "")
}

fn humanize_1024(value: f64) -> String {
    if value.abs() <= 1.0 || !value.is_finite() {
        return general(value, 4);
    }
    made_smaller(value, 1024.0, "i")
}

fn made_smaller(value: f64, factor: f64, suffix: &str) -> String {
    let (mut value, mut prefix) = (value, String::new());
    for larger in LARGE {
        if value.abs() < factor {
            break;
        }
        prefix = format!("{larger}{suffix}");
        value /= factor;
    }
    format!("{}{prefix}", general(value, 4))
}

fn made_larger(value: f64, unit: &str) -> String {
    let (mut value, mut prefix) = (value, "");
    for smaller in SMALL {
        if value.abs() >= 1.0 {
            break;
        }
        prefix = smaller;
        value *= 1000.0;
    }
    format!("{}{prefix}{unit}", general(value, 4))
}

fn humanize_duration(value: f64) -> String {
    if !value.is_finite() {
        return general(value, 4);
    }
    if value == 0.0 {
        return format!("{}s", general(value, 4));
    }
    if value.abs() < 1.0 {
        return made_larger(value, "s");
    }
    let sign = if value < 0.0 { "-" } else { "" };
    let value = value.abs();
    let whole = value as i64;
    let (days, hours, minutes, seconds) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60, whole % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{sign}{}s", general(value, 4)),
        (0, 0, _) => format!("{sign}{minutes}m {seconds}s"),
        (0, _, _) => format!("{sign}{hours}h {minutes}m {seconds}s"),
        _ => format!("{sign}{days}d {hours}h {minutes}m {seconds}s"),
    }
}

fn to_nanoseconds(seconds: f64) -> Result<i64, String> {
    let nanoseconds = seconds * 1e9;
    if nanoseconds > i64::MAX as f64 || nanoseconds < i64::MIN as f64 {
        return Err(format!(
            "{} cannot be represented as a nanoseconds timestamp since it overflows int64",
            vigie_model::format_go_g(seconds)
        ));
    }
    Ok(nanoseconds as i64)
}
