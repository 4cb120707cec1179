use vigie_e2e::Answer;

use crate::server::Server;

const MALFORMED: &str = include_str!("malformed.txt");

/// Pairs of the lines `? QUERY` and `! ERROR`.
fn malformed() -> Vec<(&'static str, &'static str)> {
    let lines: Vec<&str> = MALFORMED
        .lines()
        .filter(|line| line.starts_with(['?', '!']))
        .collect();
    let text = |line: &'static str, mark: &str| line.strip_prefix(mark).unwrap_or_else(|| panic!("{line:?}"));
    lines
        .chunks(2)
        .map(|pair| (text(pair[0], "? "), text(pair[1], "! ")))
        .collect()
}

/// What is wrong with an answer to `query`, if anything. The reason why a regular expression is malformed is in the
/// words of the engine that found it.
fn complaint(query: &str, answer: &Answer, wanted: &str) -> Option<String> {
    const REGEX: &str = "error parsing regexp: ";
    let wanted = format!("invalid parameter \"query\": {wanted}");
    let wanted = wanted
        .split_once(REGEX)
        .map_or(&*wanted, |(position, _)| position);
    match answer.api_error() {
        Some((kind, error)) if answer.status == 400 && kind == "bad_data" => {
            let shown = error.split_once(REGEX).map_or(&*error, |(position, _)| position);
            (shown != wanted).then(|| format!("{query}\n  got    {error}\n  wanted {wanted}"))
        }
        _ => Some(format!(
            "{query}\n  got    {}: {}\n  wanted {wanted}",
            answer.status, answer.body
        )),
    }
}

#[test]
fn malformed_promql() {
    let mut server = Server::start();
    let cases = malformed();
    assert!(cases.len() > 100, "{} malformed queries", cases.len());
    let mut wrong = Vec::new();
    for (query, error) in &cases {
        let instant = server.api.instant_answer(query, server.now_ms).unwrap();
        wrong.extend(complaint(query, &instant, error));
        let range = server
            .api
            .range_answer(query, server.now_ms - 1000, server.now_ms, 1000)
            .unwrap();
        wrong.extend(complaint(query, &range, error).map(|text| format!("range {text}")));
    }
    server.check_goes_on("malformed queries");
    assert!(
        wrong.is_empty(),
        "{} of {} answers differ:\n{}",
        wrong.len(),
        2 * cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn hostile_promql() {
    let mut server = Server::start();
    let deep = |open: &str, core: &str, close: &str, depth: usize| {
        format!("{}{core}{}", open.repeat(depth), close.repeat(depth))
    };
    const DEPTH: usize = 10_000;
    let cases = [
        deep("(", "1", ")", DEPTH),
        deep("-", "1", "", DEPTH),
        deep("sum(", "up", ")", DEPTH),
        deep("1+", "1", "", DEPTH),
        deep("", "up", "[5m:1m]", DEPTH),
        "(".repeat(1_000_000),
        "up{".repeat(100_000),
        "\"".repeat(100_001),
        format!("up{{a=~\"{}\"}}", deep("(", "x", ")*", 5_000)),
        format!("up{{a=~\"{}\"}}", "(a|b){1000}".repeat(1_000)),
        "up{a=~\"((((x{1000}){1000}){1000}){1000})\"}".to_owned(),
        "\0".to_owned(),
        "\u{feff}up\u{202e}".to_owned(),
    ];
    for query in cases {
        let answer = server.api.instant_answer(&query, server.now_ms).unwrap();
        let shown: String = query.chars().take(40).collect();
        assert!(
            matches!(answer.status, 200 | 400 | 422),
            "{shown}...: {}",
            answer.status
        );
        server.check_goes_on(&shown);
    }
}

#[test]
fn wrong_parameters() {
    let mut server = Server::start();
    let cases = [
        (
            "query",
            "unknown position: parse error: no expression found in input",
        ),
        (
            "query?query=up&time=x",
            "invalid parameter \"time\": invalid time value for 'time': cannot parse \"x\" to a valid timestamp",
        ),
        (
            "query?query=up&timeout=x",
            "invalid parameter \"timeout\": cannot parse \"x\" to a valid duration",
        ),
        (
            "query?query=up&limit=-1",
            "invalid parameter \"limit\": limit must be non-negative",
        ),
        (
            "query?query=up&lookback_delta=x",
            "error parsing lookback delta duration: cannot parse \"x\" to a valid duration",
        ),
        (
            "query_range?query=up&start=10&end=5&step=1",
            "invalid parameter \"end\": end timestamp must not be before start time",
        ),
        (
            "query_range?query=up&start=0&end=5&step=0",
            "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer",
        ),
        (
            "query_range?query=up&start=0&end=5&step=-1",
            "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer",
        ),
        (
            "query_range?query=up&start=0&end=5",
            "invalid parameter \"step\": cannot parse \"\" to a valid duration",
        ),
        (
            "query_range?query=up&start=x&end=5&step=1",
            "invalid parameter \"start\": cannot parse \"x\" to a valid timestamp",
        ),
        (
            "query_range?query=up&start=0&end=20000&step=1",
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ),
        (
            "query_range?query=up%5B5m%5D&start=0&end=5&step=1",
            "invalid parameter \"query\": invalid expression type \"range vector\" for range query, must be Scalar or instant Vector",
        ),
        (
            "query_range?query=%22a%22&start=0&end=5&step=1",
            "invalid parameter \"query\": invalid expression type \"string\" for range query, must be Scalar or instant Vector",
        ),
        ("series", "no match[] parameter provided"),
        (
            "series?match[]=%7B%7D",
            "invalid parameter \"match[]\": match[] must contain at least one non-empty matcher",
        ),
        (
            "series?match[]=up%7B",
            "invalid parameter \"match[]\": 1:4: parse error: unexpected end of input inside braces",
        ),
        (
            "labels?start=x",
            "invalid parameter \"start\": invalid time value for 'start': cannot parse \"x\" to a valid timestamp",
        ),
        ("metadata?limit=x", "limit must be a number"),
        (
            "format_query?query=up%7B",
            "invalid parameter \"query\": 1:4: parse error: unexpected end of input inside braces",
        ),
        (
            "parse_query?query=up%7B",
            "invalid parameter \"query\": 1:4: parse error: unexpected end of input inside braces",
        ),
    ];
    let mut wrong = Vec::new();
    for (path, wanted) in cases {
        let answer = server.api.get(&format!("/api/v1/{path}")).unwrap();
        let (kind, error) = answer.api_error().unwrap_or_default();
        if answer.status != 400 || kind != "bad_data" || !error.ends_with(wanted) {
            wrong.push(format!(
                "{path}\n  got    {} {}\n  wanted 400 {wanted}",
                answer.status, answer.body
            ));
        }
    }
    let execution = server
        .api
        .get("/api/v1/query?query=label_replace(vector(1),%22a%22,%22%22,%22b%22,%22(%22)")
        .unwrap();
    assert_eq!(execution.status, 422, "{}", execution.body);
    assert_eq!(server.api.get("/api/v1/no_such_thing").unwrap().status, 404);
    server.check_goes_on("wrong parameters");
    assert!(
        wrong.is_empty(),
        "{} answers differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
