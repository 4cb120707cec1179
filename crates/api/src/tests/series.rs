use super::*;

#[tokio::test]
async fn series_are_listed() {
    check(
        "/api/v1/series?match[]=up&match[]=%7Bjob%3D%22a%22%7D",
        200,
        "{\"status\":\"success\",\"data\":[{\"request\":\"anonymous 2\"},{\"__name__\":\"b\"}],\"warnings\":[\"odd\"]}",
    )
    .await;
    check(
        "/api/v1/series?match[]=up&limit=1",
        200,
        "{\"status\":\"success\",\"data\":[{\"request\":\"anonymous 1\"}],\
         \"warnings\":[\"odd\",\"results truncated due to limit\"]}",
    )
    .await;
    check_bad_data("/api/v1/series", "no match[] parameter provided").await;
    check_bad_data(
        "/api/v1/series?match[]=up&x=%zz",
        "error parsing form values: invalid URL escape \"%zz\"",
    )
    .await;
    check_bad_data(
        "/api/v1/series?match[]=%7Bjob%3D~%22.*%22%7D",
        "invalid parameter \"match[]\": match[] must contain at least one non-empty matcher",
    )
    .await;
    check_bad_data(
        "/api/v1/series?match[]=up&start=x",
        "invalid parameter \"start\": invalid time value for 'start': cannot parse \"x\" to a valid timestamp",
    )
    .await;
    let broken = get("/api/v1/series?match[]=up%7B").await;
    assert_eq!(broken.status, 400);
    assert!(
        broken
            .text()
            .contains("invalid parameter \\\"match[]\\\": 1:4: parse error:"),
        "{}",
        broken.text()
    );
}

#[tokio::test]
async fn labels_are_listed() {
    check_data(
        "/api/v1/labels",
        "[\"0\",\"-9223372036854775808\",\"9223372036854775807\",\"None\"]",
    )
    .await;
    check_data(
        "/api/v1/labels?match[]=up&start=1&end=2.5&limit=10",
        "[\"1\",\"1000\",\"2500\",\"Some(11)\"]",
    )
    .await;
    check_data("/api/v1/label/job/values", "[\"job\"]").await;
    check_data("/api/v1/label/U__a_2e_b/values", "[\"a.b\"]").await;
    check_data(
        "/api/v1/label/%C3%A9/values?start=-292273086-05-16T16:47:06Z",
        "[\"é\"]",
    )
    .await;
    check_bad_data("/api/v1/label/U__/values", "invalid label name: \"\"").await;
    check_bad_data("/api/v1/label/a%ffb/values", "invalid label name: \"a\\xffb\"").await;
    check_bad_data(
        "/api/v1/labels?match[]=%7B%7D",
        "match[] must contain at least one non-empty matcher",
    )
    .await;
    check(
        "/api/v1/label/fails/values",
        422,
        "{\"status\":\"error\",\"errorType\":\"execution\",\"error\":\"no\"}",
    )
    .await;
    let posted = send_to(edge(), request("POST", "/api/v1/label/job/values", &[], "")).await;
    assert_eq!(
        (posted.status, posted.text().as_str()),
        (405, "Method Not Allowed\n")
    );
}

#[tokio::test]
async fn federation_is_text() {
    let answer = get("/federate?match[]=up").await;
    assert!(
        answer
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    assert_eq!(
        answer.text(),
        "# TYPE \"go.info\" untyped\n\
         {\"go.info\",instance=\"x\",job=\"a\",cluster=\"blue\"} 0.5 1435781451781\n\
         # TYPE up untyped\n\
         up{job=\"b\",cluster=\"blue\",instance=\"\"} 1 1435781451776\n\
         up{instance=\"y\",cluster=\"blue\",job=\"never\"} NaN 1435781451781\n"
    );
    check("/federate", 200, "").await;
    check("/federate?match[]=a&match[]=b", 500, "too much\n").await;
    check(
        "/federate?match[]=a%20b",
        400,
        "1:3: parse error: unexpected identifier \"b\"\n",
    )
    .await;
}
