use vigie_promql::{MatrixSeries, QueryValue};

use super::fake::labels;
use super::*;
use crate::write_query_value;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");

/// The string that the `echo` query answers.
async fn check_echo(path: &str, echo: &str) {
    check_data(
        path,
        &format!("{{\"resultType\":\"string\",\"result\":[0,\"{echo}\"]}}"),
    )
    .await;
}

#[tokio::test]
async fn results_have_prometheus_shapes() {
    check_data(
        "/api/v1/query?query=scalar&time=1.5",
        "{\"resultType\":\"scalar\",\"result\":[1.500,\"0.1\"]}",
    )
    .await;
    check_data(
        "/api/v1/query?query=vector&time=60",
        "{\"resultType\":\"vector\",\"result\":[\
         {\"metric\":{\"__name__\":\"up\",\"job\":\"a\\\"b\"},\"value\":[60,\"1\"]},\
         {\"metric\":{},\"value\":[60,\"NaN\"]},\
         {\"metric\":{\"le\":\"x\"},\"histogram\":[60,{\"count\":\"10\",\"sum\":\"18.5\",\"buckets\":[\
         [1,\"-2\",\"-1\",\"2\"],[3,\"-0.001\",\"0.001\",\"2\"],[0,\"0.5\",\"1\",\"1\"],[0,\"4\",\"8\",\"3.5\"]]}]}]}",
    )
    .await;
    check_data(
        "/api/v1/query_range?query=matrix&start=0&end=60&step=15",
        "{\"resultType\":\"matrix\",\"result\":[\
         {\"metric\":{\"a\":\"1\"},\"values\":[[1,\"1e-07\"],[2.500,\"+Inf\"]]},\
         {\"metric\":{\"a\":\"2\"},\"histograms\":[[3,{\"count\":\"0\",\"sum\":\"0\"}]]}]}",
    )
    .await;
}

#[tokio::test]
async fn parameters_are_read_from_url_and_form() {
    check_echo("/api/v1/query?query=echo", "anonymous 1435781451781 None None").await;
    check_echo(
        "/api/v1/query?query=echo&time=2015-07-01T20:10:51Z&timeout=30s&lookback_delta=1.5",
        "anonymous 1435781451000 Some(30000) Some(1500)",
    )
    .await;
    check_echo(
        "/api/v1/query_range?query=echo&start=1&end=2.0004&step=1m&timeout=2",
        "anonymous 1000..2000 60000 Some(2000)",
    )
    .await;
    let form = request(
        "POST",
        "/api/v1/query?query=scalar&time=7",
        &[FORM],
        "query=echo&timeout=5",
    );
    let answer = send_to(edge(), form).await;
    assert!(
        answer.text().contains("anonymous 7000 Some(5000) None"),
        "{}",
        answer.text()
    );
    // Like Go, without the form's content type the body is not read.
    let other = request("POST", "/api/v1/query?query=scalar&time=7", &[], "query=echo");
    assert!(send_to(edge(), other).await.text().contains("scalar"));
}

#[tokio::test]
async fn remarks_limits_and_stats_are_added() {
    let warnings: Vec<String> = (0..10).map(|number| format!("\"warning {number:02}\"")).collect();
    check(
        "/api/v1/query?query=remarks",
        200,
        &format!(
            "{{\"status\":\"success\",\"data\":{{\"resultType\":\"vector\",\"result\":[]}},\
             \"warnings\":[{},\"2 more warning annotations omitted\"],\"infos\":[\"info\"]}}",
            warnings.join(",")
        ),
    )
    .await;
    let answer = get("/api/v1/query?query=vector&time=0&limit=1").await.text();
    assert!(
        answer.ends_with("\"value\":[0,\"1\"]}]},\"warnings\":[\"results truncated due to limit\"]}"),
        "{answer}"
    );
    assert!(
        !get("/api/v1/query?query=vector&limit=3")
            .await
            .text()
            .contains("truncated")
    );
    let answer = get("/api/v1/query?query=scalar&explain=true").await.text();
    assert!(
        answer.contains(
            "\"explain\":{\"bytes\":0,\"operation\":\"sum\",\"ownTime\":0.0,\"parts\":[{\"bytes\":0,\"operation\":\"\",\
             \"ownTime\":0.0,\"read\":{\"bytes\":3,\"samples\":2,\"series\":1},\"samples\":0,\"series\":0,\
             \"totalTime\":0.0}],\"samples\":0,\"series\":0,\"totalTime\":0.0025}"
        ),
        "{answer}"
    );
    for silent in ["", "false", "0"] {
        let answer = get(&format!("/api/v1/query?query=scalar&explain={silent}"))
            .await
            .text();
        assert!(!answer.contains("explain"), "{answer}");
    }
    let answer = get("/api/v1/query?query=scalar&explain=perhaps").await;
    assert_eq!(answer.status, 400);
    let answer = get("/api/v1/query?query=scalar&stats=all").await.text();
    assert!(
        answer.contains("\"stats\":{\"samples\":{\"peakSamples\":0,\"samplesRead\":3,"),
        "{answer}"
    );
}

#[tokio::test]
async fn failures_have_type_and_status() {
    for (query, status, kind, message) in [
        ("execution", 422, "execution", "many-to-many"),
        (
            "timeout",
            503,
            "timeout",
            "query timed out in expression evaluation",
        ),
        ("canceled", 499, "canceled", "query was canceled"),
        ("internal", 500, "internal", "disk on fire"),
        ("unavailable", 500, "unavailable", "no leader"),
        (
            "x",
            400,
            "bad_data",
            "invalid parameter \\\"query\\\": 1:1: parse error: unexpected <\\\"x\\\">",
        ),
    ] {
        let body = format!("{{\"status\":\"error\",\"errorType\":\"{kind}\",\"error\":\"{message}\"}}");
        check(&format!("/api/v1/query?query={query}"), status, &body).await;
        check(
            &format!("/api/v1/query_range?query={query}&start=0&end=1&step=1"),
            status,
            &body,
        )
        .await;
    }
}

#[tokio::test]
async fn bad_parameters_are_named() {
    for (path, message) in [
        (
            "query?time=x",
            "invalid parameter \"time\": invalid time value for 'time': cannot parse \"x\" to a valid timestamp",
        ),
        (
            "query?timeout=x",
            "invalid parameter \"timeout\": cannot parse \"x\" to a valid duration",
        ),
        (
            "query?lookback_delta=x",
            "error parsing lookback delta duration: cannot parse \"x\" to a valid duration",
        ),
        (
            "query?limit=-1",
            "invalid parameter \"limit\": limit must be non-negative",
        ),
        (
            "query?limit=x",
            "invalid parameter \"limit\": strconv.Atoi: parsing \"x\": invalid syntax",
        ),
        (
            "query_range",
            "invalid parameter \"start\": cannot parse \"\" to a valid timestamp",
        ),
        (
            "query_range?start=1",
            "invalid parameter \"end\": cannot parse \"\" to a valid timestamp",
        ),
        (
            "query_range?start=2&end=1",
            "invalid parameter \"end\": end timestamp must not be before start time",
        ),
        (
            "query_range?start=1&end=2",
            "invalid parameter \"step\": cannot parse \"\" to a valid duration",
        ),
        (
            "query_range?start=1&end=2&step=0",
            "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer",
        ),
        (
            "query_range?start=0&end=11001&step=1",
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ),
        (
            "query_range?start=0&end=1&step=1e300",
            "invalid parameter \"step\": cannot parse \"1e300\" to a valid duration. It overflows int64",
        ),
    ] {
        check_bad_data(&format!("/api/v1/{path}"), message).await;
    }
    let longest = get("/api/v1/query_range?query=matrix&start=0&end=11000&step=1").await;
    assert_eq!(longest.status, 200);
}

#[tokio::test]
async fn tenants_come_from_the_header() {
    let echo = |headers: &[(&str, &str)]| {
        let request = request("GET", "/api/v1/query?query=echo", headers, "");
        send_to(edge(), request)
    };
    assert!(
        echo(&[("X-Scope-OrgID", "team-a")])
            .await
            .text()
            .contains("\"team-a 1435")
    );
    let invalid = echo(&[("X-Scope-OrgID", "a/b")]).await;
    assert_eq!(
        (invalid.status, invalid.text().as_str()),
        (400, "tenant ID 'a/b' contains unsupported character '/'\n")
    );
    let required = ApiOptions {
        tenancy: crate::Tenancy::Required,
        ..options()
    };
    let absent = request("GET", "/api/v1/query?query=echo", &[], "");
    let answer = send_to(edge_of(required, backends()), absent).await;
    assert_eq!((answer.status, answer.text().as_str()), (401, "no org id\n"));
}

#[tokio::test]
async fn expressions_are_formatted_and_parsed() {
    check_data("/api/v1/format_query?query=a%2Bb", "\"a + b\"").await;
    let error = get("/api/v1/format_query?query=a%2B").await;
    assert_eq!(error.status, 400);
    assert!(
        error
            .text()
            .contains("\"error\":\"invalid parameter \\\"query\\\": 1:3: parse error:"),
        "{}",
        error.text()
    );
    check_data(
        "/api/v1/parse_query?query=sum%20by%20(x)%20(rate(up%7Bjob!%3D%22a%22%7D%5B5m%5D%20offset%201m))%20%3E%20bool%201",
        "{\"bool\":true,\"lhs\":{\"expr\":{\"args\":[{\"anchored\":false,\
         \"matchers\":[{\"name\":\"job\",\"type\":\"!=\",\"value\":\"a\"},{\"name\":\"__name__\",\"type\":\"=\",\"value\":\"up\"}],\
         \"name\":\"up\",\"offset\":60000,\"offsetExpr\":null,\"range\":300000,\"rangeExpr\":null,\"smoothed\":false,\"startOrEnd\":null,\"timestamp\":null,\
         \"type\":\"matrixSelector\"}],\"func\":{\"argTypes\":[\"matrix\"],\"name\":\"rate\",\"returnType\":\"vector\",\"variadic\":0},\
         \"type\":\"call\"},\"grouping\":[\"x\"],\"op\":\"sum\",\"param\":null,\"type\":\"aggregation\",\"without\":false},\
         \"matching\":null,\"op\":\">\",\"rhs\":{\"type\":\"numberLiteral\",\"val\":\"1\"},\"type\":\"binaryExpr\"}",
    )
    .await;
    check_data(
        "/api/v1/query_exemplars?query=rate(up%5B1m%5D)%2B(a%7Bb%3D%22c%22%7D%20offset%201d)&start=1.5&end=60",
        "[{\"seriesLabels\":{\"__name__\":\"x\",\"set\":\"__name__=up\",\"tenant\":\"anonymous\"},\
         \"exemplars\":[{\"labels\":{\"trace_id\":\"\\\"1\\\"\"},\"value\":\"0.25\",\"timestamp\":1.500},\
         {\"labels\":{},\"value\":\"+Inf\",\"timestamp\":60}]},\
         {\"seriesLabels\":{\"__name__\":\"x\",\"set\":\"b=c __name__=a\",\"tenant\":\"anonymous\"},\
         \"exemplars\":[{\"labels\":{\"trace_id\":\"\\\"1\\\"\"},\"value\":\"0.25\",\"timestamp\":1.500},\
         {\"labels\":{},\"value\":\"+Inf\",\"timestamp\":60}]}]",
    )
    .await;
    check("/api/v1/query_exemplars?query=1", 204, "").await;
}

#[test]
fn a_large_matrix_is_valid_json() {
    let series = |name: &str| MatrixSeries {
        labels: labels(&[("a", name)]),
        timestamps_ms: (0..1000).map(|step| step * 15_000).collect(),
        values: (0..1000).map(|step| f64::from(step) * 0.37).collect(),
        histograms: Vec::new(),
    };
    let value = QueryValue::Matrix(vec![series("x"), series("y")]);
    let mut json = b"{".to_vec();
    write_query_value(&mut json, &value);
    json.push(b'}');
    let parsed: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(parsed["result"][1]["values"][999][1], "369.63");
}
