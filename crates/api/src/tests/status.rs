use super::*;

#[tokio::test]
async fn targets_are_listed() {
    let active = "{\"discoveredLabels\":{\"__address__\":\"h:1\"},\"labels\":{\"job\":\"<node>\"},\"scrapePool\":\"node\",\
                  \"scrapeUrl\":\"http://h:1/metrics\",\"globalUrl\":\"http://g:1/metrics\",\"lastError\":\"\",\
                  \"lastScrape\":\"0001-01-01T00:00:00Z\",\"lastScrapeDuration\":0.25,\"health\":\"up\",\
                  \"scrapeInterval\":\"1m\",\"scrapeTimeout\":\"10s\"}";
    let dropped = "{\"discoveredLabels\":{\"a\":\"b\"},\"scrapePool\":\"node\"}";
    let counts = "{\"node\":1}";
    for (query, active, dropped, counts) in [
        ("", active, dropped, counts),
        ("?state=any", active, dropped, counts),
        ("?state=Active", active, "", "null"),
        ("?state=dropped", "", dropped, counts),
        ("?state=active&scrapePool=other", "", "", "null"),
    ] {
        check_data(
            &format!("/api/v1/targets{query}"),
            &format!(
                "{{\"activeTargets\":[{active}],\"droppedTargets\":[{dropped}],\"droppedTargetCounts\":{counts}}}"
            ),
        )
        .await;
    }
    check_data("/api/v1/scrape_pools", "{\"scrapePools\":[\"node\"]}").await;
    let entry = "\"type\":\"unknown\",\"help\":\"h\",\"unit\":\"u\"}";
    check_data(
        "/api/v1/targets/metadata?match_target=%7Bjob%3D%22b%22%7D",
        &format!("[{{\"target\":{{\"job\":\"b\"}},\"metric\":\"up\",{entry}]"),
    )
    .await;
    check_data(
        "/api/v1/targets/metadata?limit=1&metric=up",
        &format!("[{{\"target\":{{\"job\":\"a\"}},{entry}]"),
    )
    .await;
    check_bad_data("/api/v1/targets/metadata?limit=x", "limit must be a number").await;
}

#[tokio::test]
async fn metadata_is_listed() {
    let entry = |help: &str| format!("{{\"type\":\"gauge\",\"help\":\"{help}\",\"unit\":\"\"}}");
    let (one, two, three) = (entry("one"), entry("two"), entry("three"));
    check_data(
        "/api/v1/metadata",
        &format!("{{\"a\":[{one},{two}],\"b\":[{three}]}}"),
    )
    .await;
    check_data(
        "/api/v1/metadata?limit=1&limit_per_metric=1",
        &format!("{{\"a\":[{one}]}}"),
    )
    .await;
    check_data("/api/v1/metadata?limit=0", "{}").await;
    check_bad_data(
        "/api/v1/metadata?limit_per_metric=x",
        "limit_per_metric must be a number",
    )
    .await;
}

#[tokio::test]
async fn the_status_endpoints_have_their_shapes() {
    let build = "{\"version\":\"3.14.0\",\"revision\":\"abc\",\"branch\":\"\",\"buildUser\":\"\",\"buildDate\":\"\",\"goVersion\":\"\"}";
    for (path, data) in [
        ("status/config", "{\"yaml\":\"global: {}\\n\"}"),
        ("status/flags", "{\"web.listen-address\":\":9090\"}"),
        ("status/buildinfo", build),
        (
            "status/runtimeinfo",
            "{\"CWD\":\"\",\"GODEBUG\":\"\",\"GOGC\":\"\",\"GOMAXPROCS\":2,\"GOMEMLIMIT\":0,\"corruptionCount\":0,\
             \"goroutineCount\":2,\"hostname\":\"\",\"lastConfigTime\":\"1970-01-01T00:00:00Z\",\"reloadConfigSuccess\":false,\
             \"serverTime\":\"2015-07-01T20:10:51.781Z\",\"startTime\":\"1970-01-01T00:00:01.5Z\",\"storageRetention\":\"15d\"}",
        ),
        (
            "status/tsdb?limit=7",
            "{\"headStats\":{\"numSeries\":2,\"numLabelPairs\":0,\"chunkCount\":0,\"minTime\":-1,\"maxTime\":0},\
             \"seriesCountByMetricName\":[{\"name\":\"up\",\"value\":7}],\"labelValueCountByLabelName\":[],\
             \"memoryInBytesByLabelName\":[],\"seriesCountByLabelValuePair\":[]}",
        ),
        ("status/tsdb/blocks", "{\"blocks\":[]}"),
        ("status/walreplay", "{\"min\":1,\"max\":9,\"current\":4}"),
        ("features", "{\"api\":{\"query\":true}}"),
        ("rules", "{\"groups\":[]}"),
        ("alerts", "{\"alerts\":[]}"),
        (
            "alertmanagers",
            "{\"activeAlertmanagers\":[],\"droppedAlertmanagers\":[]}",
        ),
        (
            "notifications",
            "[{\"active\":true,\"date\":\"1970-01-01T00:00:01.5Z\",\"text\":\"Something is wrong.\"}]",
        ),
        (
            "status/self_metrics?metric_name_pattern=own.*",
            "[{\"help\":\"\",\"metric\":[{\"counter\":{\"value\":2},\"label\":[{\"name\":\"a\",\"value\":\"b\"}]}],\
             \"name\":\"own_total\",\"type\":\"COUNTER\"}]",
        ),
        (
            "targets/relabel_steps?scrapePool=node&labels=%7B%22a%22:%22b%22%7D",
            "{\"steps\":[{\"rule\":{\"action\":\"keep\",\"regex\":\"(.*)\",\"replacement\":\"\",\"separator\":\"\"},\
             \"output\":{\"a\":\"b\"},\"keep\":true}]}",
        ),
    ] {
        check_data(&format!("/api/v1/{path}"), data).await;
    }
    check("/version", 200, build).await;
    check_bad_data("/api/v1/status/tsdb?limit=0", "limit must be a positive number").await;
    check_bad_data("/api/v1/status/tsdb?limit=10001", "limit must not exceed 10000").await;
    check_bad_data(
        "/api/v1/targets/relabel_steps?scrapePool=x&labels=%7B%7D",
        "error retrieving scrape config: scrape pool \"x\" not found",
    )
    .await;
    check_bad_data(
        "/api/v1/rules?group_limit=99999999999",
        "invalid parameter \"group_limit\": group_limit needs to be a valid number: strconv.ParseInt: parsing \"99999999999\": value out of range",
    )
    .await;
    check_bad_data(
        "/api/v1/rules?type=x",
        "invalid parameter \"type\": not supported value \"x\"",
    )
    .await;
    let admin = send_to(edge(), request("POST", "/api/v1/admin/tsdb/snapshot", &[], "")).await;
    assert_eq!(
        (admin.status, admin.text().as_str()),
        (
            500,
            "{\"status\":\"error\",\"errorType\":\"unavailable\",\"error\":\"admin APIs disabled\"}"
        )
    );
}

#[tokio::test]
async fn routes_of_absent_roles_say_so() {
    let alone = Backends {
        query: None,
        write: None,
        targets: None,
        ..backends()
    };
    for (method, path, body) in [
        (
            "GET",
            "/api/v1/query?query=1",
            "{\"status\":\"error\",\"errorType\":\"not_found\",\"error\":\"this process does not run a querier\"}",
        ),
        (
            "GET",
            "/api/v1/targets",
            "{\"status\":\"error\",\"errorType\":\"not_found\",\"error\":\"this process does not run a scraper\"}",
        ),
        (
            "POST",
            "/api/v1/write",
            "remote write receiver needs to be enabled with --web.enable-remote-write-receiver\n",
        ),
        (
            "GET",
            "/federate?match[]=up",
            "this process does not run a querier\n",
        ),
    ] {
        let answer = send_to(edge_of(options(), alone.clone()), request(method, path, &[], "")).await;
        assert_eq!((answer.status, answer.text().as_str()), (404, body), "{path}");
    }
    let page = send_to(edge_of(options(), alone), request("GET", "/", &[], "")).await;
    assert_eq!(page.status, 200);
}

#[tokio::test]
async fn notifications_are_followed() {
    let live = get("/api/v1/notifications/live").await;
    assert_eq!(live.header("content-type"), "text/event-stream");
    assert_eq!(
        live.text(),
        "data: {\"active\":true,\"date\":\"1970-01-01T00:00:01.5Z\",\"text\":\"Something is wrong.\"}\n\n"
    );
}

#[tokio::test]
async fn the_description_names_the_version_that_was_asked_for() {
    for (query, version) in [("", "3.1.0"), ("?openapi_version=3.2", "3.2.0")] {
        let answer = get(&format!("/api/v1/openapi.yaml{query}")).await;
        let text = answer.text();
        assert!(text.starts_with(&format!("openapi: {version}\n")), "{text}");
        assert!(text.contains("  /label/{name}/values:\n    get:\n"), "{text}");
    }
}
