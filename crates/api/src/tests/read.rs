use prost::Message;

use super::*;
use crate::remote_read::{ACCEPTS_CHUNKS, LabelMatcher, Query, ReadRequest};

/// One query for `up{cluster="blue"}` from 1 s to 2 s.
fn asked(accepted: Vec<i32>) -> Vec<u8> {
    let matcher = |name: &str, value: &str| LabelMatcher {
        kind: 0,
        name: name.to_owned(),
        value: value.to_owned(),
    };
    let query = Query {
        start_timestamp_ms: 1000,
        end_timestamp_ms: 2000,
        matchers: vec![matcher("__name__", "up"), matcher("cluster", "blue")],
    };
    let request = ReadRequest {
        queries: vec![query],
        accepted_response_types: accepted,
    };
    snap::raw::Encoder::new()
        .compress_vec(&request.encode_to_vec())
        .unwrap()
}

async fn read(options: ApiOptions, body: Vec<u8>) -> Answer {
    send_to(
        edge_of(options, backends()),
        request("POST", "/api/v1/read", &[], body),
    )
    .await
}

/// The series of the fake with the external labels it lacks; the matcher for one of them asks for its absence.
fn expected_labels() -> Vec<u8> {
    let mut wire = Vec::new();
    for (name, value) in [
        ("__name__", "up"),
        ("cluster", "blue"),
        ("job", "real"),
        ("request", "__name__=\"up\"cluster=\"\""),
    ] {
        let mut label = vec![0x0a, name.len() as u8];
        label.extend_from_slice(name.as_bytes());
        label.extend_from_slice(&[0x12, value.len() as u8]);
        label.extend_from_slice(value.as_bytes());
        wire.extend_from_slice(&[0x0a, label.len() as u8]);
        wire.extend_from_slice(&label);
    }
    wire
}

#[tokio::test]
async fn samples_are_one_message() {
    let answer = read(options(), asked(Vec::new())).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/x-protobuf");
    assert_eq!(answer.header("content-encoding"), "snappy");
    let message = snap::raw::Decoder::new().decompress_vec(&answer.body).unwrap();
    let mut series = expected_labels();
    for (value, time) in [(1.0_f64, [0xe8, 0x07]), (2.0, [0xd0, 0x0f])] {
        series.extend_from_slice(&[0x12, 12, 0x09]);
        series.extend_from_slice(&value.to_le_bytes());
        series.push(0x10);
        series.extend_from_slice(&time);
    }
    let mut result = vec![0x0a, series.len() as u8];
    result.extend_from_slice(&series);
    let mut expected = vec![0x0a, result.len() as u8];
    expected.extend_from_slice(&result);
    assert_eq!(message, expected);
}

#[tokio::test]
async fn chunks_come_in_frames() {
    let answer = read(options(), asked(vec![7, ACCEPTS_CHUNKS, 0])).await;
    assert_eq!(answer.status, 200);
    let content_type = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";
    assert_eq!(answer.header("content-type"), content_type);
    let (&length, rest) = answer.body.split_first().unwrap();
    let (checksum, message) = rest.split_at(4);
    assert_eq!(message.len(), usize::from(length));
    assert_eq!(checksum, crc32c::crc32c(message).to_be_bytes());
    let labels = expected_labels();
    assert!(message.windows(labels.len()).any(|part| part == labels));
}

#[tokio::test]
async fn what_cannot_be_read_says_why() {
    let limited = ApiOptions {
        remote_read: crate::RemoteReadOptions {
            max_samples: 1,
            ..Default::default()
        },
        ..options()
    };
    for (options, body, text) in [
        (options(), b"x".to_vec(), "snappy: corrupt input\n"),
        (options(), Vec::new(), "snappy: corrupt input\n"),
        (
            options(),
            vec![0xff, 0xff, 0xff, 0x7f],
            "snappy: decoded length 268435455 exceeds limit 33554432\n",
        ),
        (limited, asked(Vec::new()), "exceeded sample limit (1)\n"),
    ] {
        let answer = read(options, body).await;
        assert_eq!((answer.status, answer.text().as_str()), (400, text));
    }
    assert_eq!(read(options(), asked(vec![9])).await.status, 400);
}
