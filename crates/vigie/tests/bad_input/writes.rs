use vigie_e2e::{BodyLength, Series, early_answer, encode_request, snappy};

use crate::server::Server;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const MIB: u64 = 1 << 20;
/// The limit of a request, compressed and not.
const REQUEST_LIMIT_BYTES: u64 = 32 * MIB;

fn one(labels: &[(&str, &str)], t: i64, value: f64) -> Vec<Series> {
    vec![Series::new(labels, &[(t, value)])]
}

fn named(name: &str) -> [(&str, &str); 2] {
    [("__name__", name), ("job", "bad_input")]
}

/// Sends bytes as they are.
#[track_caller]
fn check_body(server: &mut Server, what: &str, body: Vec<u8>, status: u16, text: &str) {
    let answer = server.writer.send_body(body).unwrap();
    assert_eq!(answer.status, status, "{what}: {}", answer.body);
    assert!(
        answer.body.contains(text),
        "{what}: {:?} does not say {text:?}",
        answer.body
    );
    server.check_goes_on(what);
}

#[test]
fn truncated_snappy() {
    let mut server = Server::start();
    let whole = snappy(&encode_request(&one(&named("cut"), server.now_ms, 1.0))).unwrap();
    for length in 0..whole.len() {
        check_body(&mut server, "snappy cut short", whole[..length].to_vec(), 400, "");
    }
    check_body(
        &mut server,
        "snappy cut short",
        whole[..whole.len() - 1].to_vec(),
        400,
        "corrupt input",
    );
    check_body(
        &mut server,
        "a length without end",
        vec![0xff; 16],
        400,
        "corrupt input",
    );
    server.check_series("cut", 0);
}

#[test]
fn snappy_bomb() {
    let mut server = Server::start();
    let before = server.peak_resident_bytes();
    // Three headers that promise much and deliver one byte.
    for declared in [33 * MIB, 1 << 31, (1 << 32) - 1] {
        let mut body = Vec::new();
        let mut rest = declared;
        while rest >= 0x80 {
            body.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        body.extend_from_slice(&[rest as u8, 0, b'a']);
        check_body(&mut server, "a declared length", body, 400, "33554432 bytes");
    }
    // And one that keeps its promise: 128 MiB of zeros in 6 MiB.
    let bomb = snappy(&vec![0; 128 << 20]).unwrap();
    assert!((bomb.len() as u64) < REQUEST_LIMIT_BYTES);
    check_body(&mut server, "an honest bomb", bomb, 400, "33554432 bytes");
    let grown = server.peak_resident_bytes().saturating_sub(before);
    assert!(grown < 128 * MIB, "the server grew by {} MiB", grown / MIB);
}

#[test]
fn garbage_protobuf() {
    let mut server = Server::start();
    let good = encode_request(&one(&named("half"), server.now_ms, 1.0));
    let cut = &good[..good.len() - 3];
    let cases: [(&str, &[u8]); 7] = [
        ("text", b"this is not protobuf"),
        ("an unknown wire type", b"\x0f\xff\xff"),
        ("field number zero", b"\x07garbage"),
        ("a length beyond the end", b"\x0a\xff\xff\xff\xff\x0f"),
        (
            "a varint without end",
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ),
        ("a sample cut short", b"\x0a\x04\x12\x02\x09\x00"),
        ("a request cut short", cut),
    ];
    for (what, raw) in cases {
        check_body(&mut server, what, snappy(raw).unwrap(), 400, "");
    }
    server.check_series("half", 0);
}

#[test]
fn wrong_headers() {
    let mut server = Server::start();
    let body = snappy(&encode_request(&one(&named("headers"), server.now_ms, 1.0))).unwrap();
    let proto = "application/x-protobuf";
    let cases = [
        (
            "gzip",
            proto,
            415,
            "gzip encoding (compression) is not accepted by this server; only snappy is acceptable",
        ),
        (
            "snappy",
            "text/plain",
            415,
            "expected application/x-protobuf as the first (media) part, got text/plain content-type",
        ),
        ("snappy", "application/x-protobuf;proto=other", 415, "unknown"),
        (
            "snappy",
            "application/x-protobuf;proto=prometheus.WriteRequest",
            204,
            "",
        ),
        // A message of version 1.0 has no series where version 2.0 has them.
        (
            "snappy",
            "application/x-protobuf;proto=io.prometheus.write.v2.Request",
            204,
            "",
        ),
    ];
    for (encoding, content_type, status, text) in cases {
        let headers = [("Content-Encoding", encoding), ("Content-Type", content_type)];
        let answer = server.writer.send_with(body.clone(), &headers).unwrap();
        assert_eq!(
            answer.status, status,
            "{encoding}, {content_type}: {}",
            answer.body
        );
        assert!(
            answer.body.contains(text),
            "{encoding}, {content_type}: {:?}",
            answer.body
        );
        server.check_goes_on(content_type);
    }
    // Without either header it is taken for what remote write always was.
    assert_eq!(server.writer.send_with(body, &[]).unwrap().status, 204);
    assert_eq!(server.api.get("/api/v1/write").unwrap().status, 405);
}

#[test]
fn body_of_one_gib() {
    let mut server = Server::start();
    let port = server.target.write_port().unwrap();
    let before = server.peak_resident_bytes();
    for length in [BodyLength::Declared, BodyLength::Chunked] {
        let (status, sent) = early_answer(port, "/api/v1/write", length, 1024 * MIB).unwrap();
        assert_eq!(status, 413, "{length:?}");
        // Beyond the limit only what was on its way may still go out.
        assert!(
            sent <= 2 * REQUEST_LIMIT_BYTES,
            "{length:?}: answered only after {} MiB",
            sent / MIB
        );
        server.check_goes_on("a body of 1 GiB");
    }
    let grown = server.peak_resident_bytes().saturating_sub(before);
    assert!(grown < 192 * MIB, "the server grew by {} MiB", grown / MIB);
}

/// Remote write 1.0 has no way to tell which series is wrong: such series are left out, the others are kept.
#[test]
fn invalid_labels() {
    let mut server = Server::start();
    let t = server.now_ms;
    let cases: [(&str, &[(&str, &str)]); 6] = [
        ("no labels", &[]),
        ("no name", &[("job", "bad_input"), ("kind", "wrong")]),
        ("an empty name", &[("__name__", ""), ("kind", "wrong")]),
        (
            "a label twice",
            &[
                ("__name__", "wrong"),
                ("job", "a"),
                ("job", "b"),
                ("kind", "wrong"),
            ],
        ),
        (
            "a name twice",
            &[("__name__", "wrong"), ("__name__", "wrong"), ("kind", "wrong")],
        ),
        (
            "a label without name",
            &[("", "x"), ("__name__", "wrong"), ("kind", "wrong")],
        ),
    ];
    for (number, (what, labels)) in cases.iter().enumerate() {
        let number = number.to_string();
        let right = [("__name__", "right"), ("number", &*number)];
        let both = [one(labels, t, 1.0), one(&right, t, 1.0)].concat();
        server.check_write(what, &both, 204, "");
    }
    server.check_series("{kind=\"wrong\"}", 0);
    server.check_series("right", cases.len());
}

#[test]
fn labels_that_are_no_utf8() {
    let mut server = Server::start();
    let t = server.now_ms;
    let cases: [(&str, &[(&str, &str)]); 3] = [
        ("a value", &[("__name__", "wrong"), ("a", "zzzz")]),
        ("a label name", &[("__name__", "wrong"), ("zzzz", "a")]),
        ("a metric name", &[("__name__", "zzzz")]),
    ];
    for (what, labels) in cases {
        let both = [
            one(labels, t, 1.0),
            one(&[("__name__", "right"), ("what", what)], t, 1.0),
        ]
        .concat();
        let mut raw = encode_request(&both);
        let at = raw.windows(4).position(|window| window == b"zzzz").unwrap();
        raw[at..at + 4].copy_from_slice(b"\xff\xfe\xc0\x80");
        check_body(&mut server, what, snappy(&raw).unwrap(), 204, "");
    }
    server.check_series("wrong", 0);
    server.check_series("right", cases.len());
}

#[test]
fn unusual_but_valid_labels() {
    let mut server = Server::start();
    let t = server.now_ms;
    server.check_write(
        "an empty value",
        &one(&[("__name__", "odd"), ("a", ""), ("n", "1")], t, 1.0),
        204,
        "",
    );
    server.check_series("odd{a=\"\",n=\"1\"}", 1);
    server.check_write(
        "unsorted",
        &one(&[("n", "2"), ("z", "z"), ("__name__", "odd")], t, 1.0),
        204,
        "",
    );
    server.check_series("odd{z=\"z\",n=\"2\"}", 1);
    server.check_write(
        "UTF-8",
        &one(&[("__name__", "odd name.é"), ("1-λ", "\u{1F30D}")], t, 1.0),
        204,
        "",
    );
    server.check_series("{\"odd name.é\", \"1-λ\"=\"\u{1F30D}\"}", 1);
    let long = "x".repeat(30_000);
    server.check_write(
        "a long value",
        &one(&[("__name__", "odd"), ("long", &long)], t, 1.0),
        204,
        "",
    );
    server.check_series("odd{long=~\"x+\"}", 1);
}

#[test]
fn nan_payloads() {
    let mut server = Server::start();
    let (t, stale) = (server.now_ms, f64::from_bits(0x7ff0_0000_0000_0002));
    for (name, bits) in [
        ("quiet", 0x7ff8_0000_0000_0001),
        ("payload", 0x7ff8_dead_beef_cafe),
        ("negative", 0xfff8 << 48),
    ] {
        server.check_write(name, &one(&named(name), t, f64::from_bits(bits)), 204, "");
        assert!(
            server
                .api
                .instant(name, t)
                .unwrap()
                .only_value()
                .unwrap()
                .is_nan(),
            "{name}"
        );
        // The same bits again are no duplicate; another payload is.
        server.check_write(name, &one(&named(name), t, f64::from_bits(bits)), 204, "");
        server.check_write(
            name,
            &one(&named(name), t, f64::from_bits(bits ^ 2)),
            400,
            "duplicate sample for timestamp",
        );
    }
    server.check_write("a marker", &one(&named("ends"), t, 1.0), 204, "");
    server.check_write("a marker", &one(&named("ends"), t + 1, stale), 204, "");
    assert_eq!(server.api.instant("ends", t).unwrap().only_value().unwrap(), 1.0);
    server.check_series("ends", 0);
    server.check_series("count_over_time(ends[1m])", 1);
}

#[test]
fn far_past_and_future() {
    let mut server = Server::start();
    let now = server.now_ms;
    // Every shard must know what time it is.
    let present: Vec<Series> = (0..256)
        .map(|number| {
            Series::new(
                &[("__name__", "present"), ("number", &number.to_string())],
                &[(now, 1.0)],
            )
        })
        .collect();
    server.check_write("now", &present, 204, "");
    let known = [("__name__", "present"), ("number", "7")];
    server.check_write(
        "five minutes ahead",
        &one(&named("soon"), now + 5 * MINUTE_MS, 1.0),
        204,
        "",
    );
    for t in [now - 2 * HOUR_MS, 0, -1, i64::MIN] {
        server.check_write("the past", &one(&known, t, 1.0), 400, "out of bounds");
        server.check_write(
            "the past, new series",
            &one(&named("past"), t, 1.0),
            400,
            "out of bounds",
        );
    }
    for t in [now + 20 * MINUTE_MS, now + 1_000_000 * HOUR_MS, i64::MAX] {
        let text = "out of bounds";
        server.check_write("the future", &one(&known, t, 1.0), 400, text);
        server.check_write(
            "the future, new series",
            &one(&named("future"), t, 1.0),
            400,
            text,
        );
    }
    server.check_series("past or future", 0);
}

#[test]
fn out_of_order() {
    let mut server = Server::start();
    let now = server.now_ms;
    server.check_write("the first", &one(&named("ordered"), now, 1.0), 204, "");
    for back in [1, 1000, 30 * MINUTE_MS] {
        let late = one(&named("ordered"), now - back, 2.0);
        server.check_write("a late sample", &late, 400, "out of order sample");
    }
    server.check_write("the next", &one(&named("ordered"), now + 1, 3.0), 204, "");
    let shown = server.api.instant("ordered[1h]", now + 1).unwrap();
    assert_eq!(
        shown.series.values().next().unwrap(),
        &[(now, "1".to_owned()), (now + 1, "3".to_owned())]
    );
}

#[test]
fn duplicate_with_another_value() {
    let mut server = Server::start();
    let now = server.now_ms;
    server.check_write("the first", &one(&named("twice"), now, 1.0), 204, "");
    server.check_write("the same again", &one(&named("twice"), now, 1.0), 204, "");
    let text = format!("duplicate sample for timestamp {now}");
    server.check_write("another value", &one(&named("twice"), now, 2.0), 400, &text);
    assert_eq!(
        server.api.instant("twice", now).unwrap().only_value().unwrap(),
        1.0
    );
    server.check_write("zero", &one(&named("zero"), now, 0.0), 204, "");
    let minus_zero = one(&named("zero"), now, -0.0);
    server.check_write(
        "minus zero is other bits",
        &minus_zero,
        400,
        "duplicate sample for timestamp",
    );
}
