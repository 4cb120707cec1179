//! A line of a request list.

use anyhow::{Context, Result, bail};
use vigie_e2e::percent_encode;

/// A request, and how its two answers are compared. In a list it is one line:
///
///     METHOD PATH [? NAME=VALUE & NAME=VALUE] [;; CLAUSE]...
///
/// Values are written plainly and percent-encoded on the way; a path may carry an encoded query of its own. `$end`, `$mid`
/// and `$start` stand for the last, middle and first second of the data. A path in a clause has members separated by
/// dots, `*` for every element, and `**` at its end for everything below.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// The line itself, by which a failure is found.
    pub(crate) line: String,
    pub(crate) method: String,
    /// Path and encoded query.
    pub(crate) target: String,
    /// `header NAME: VALUE`
    pub(crate) headers: Vec<(String, String)>,
    /// `form NAME=VALUE & ...`, or `body BYTES` as they stand.
    pub(crate) body: Option<String>,
    /// `volatile PATH`: must be there on both sides, with values of one type.
    pub(crate) volatile: Vec<String>,
    /// `unordered PATH`: an array whose order means nothing.
    pub(crate) unordered: Vec<String>,
    /// `superset PATH`: Vigie may say more than Prometheus, and not less.
    pub(crate) superset: Vec<String>,
    /// `length PATH`: of an array only the length is compared.
    pub(crate) length: Vec<String>,
    /// `no-body`: only status and headers are compared.
    pub(crate) without_body: bool,
    /// `differs REASON`: the answers are meant to differ, and must.
    pub(crate) differs: Option<String>,
}

/// What the names in a list stand for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) start: i64,
    pub(crate) end: i64,
}

impl Times {
    fn fill(self, text: &str) -> String {
        text.replace("$end", &self.end.to_string())
            .replace("$mid", &((self.start + self.end) / 2).to_string())
            .replace("$start", &self.start.to_string())
    }
}

/// `#` at the start of a line makes it a comment.
pub(crate) fn parse_list(list: &str, times: Times) -> Result<Vec<Request>> {
    list.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| parse_line(line, times).with_context(|| format!("read the request {line:?}")))
        .collect()
}

fn parse_line(line: &str, times: Times) -> Result<Request> {
    let mut clauses = line.split(" ;; ");
    let request = clauses.next().unwrap_or_default();
    let (method, target) = request.split_once(' ').context("find method and path")?;
    let target = match target.split_once(" ? ") {
        None => times.fill(target),
        Some((path, pairs)) => format!("{path}?{}", encode_pairs(pairs, times)),
    };
    let mut parsed = Request {
        line: line.to_owned(),
        method: method.to_owned(),
        target,
        unordered: vec!["warnings".to_owned(), "infos".to_owned()],
        ..Request::default()
    };
    for clause in clauses {
        let (word, rest) = clause.split_once(' ').unwrap_or((clause, ""));
        let rest_owned = rest.to_owned();
        match word {
            "header" => {
                let (name, value) = rest.split_once(": ").context("find a header's value")?;
                parsed.headers.push((name.to_owned(), value.to_owned()));
            }
            "form" => {
                parsed.body = Some(encode_pairs(rest, times));
                parsed.headers.push((
                    "Content-Type".to_owned(),
                    "application/x-www-form-urlencoded".to_owned(),
                ));
            }
            "body" => parsed.body = Some(rest_owned),
            "volatile" => parsed.volatile.push(rest_owned),
            "unordered" => parsed.unordered.push(rest_owned),
            "superset" => parsed.superset.push(rest_owned),
            "length" => parsed.length.push(rest_owned),
            "no-body" => parsed.without_body = true,
            "differs" => parsed.differs = Some(rest_owned),
            unknown => bail!("unknown clause {unknown:?}"),
        }
    }
    Ok(parsed)
}

fn encode_pairs(pairs: &str, times: Times) -> String {
    let encode = |pair: &str| match pair.split_once('=') {
        Some((name, value)) => format!(
            "{}={}",
            percent_encode(name.trim()),
            percent_encode(&times.fill(value.trim()))
        ),
        None => percent_encode(pair.trim()),
    };
    pairs.split(" & ").map(encode).collect::<Vec<_>>().join("&")
}
