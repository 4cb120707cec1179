//! The mechanics of sending, against a small HTTP receiver in this process.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use vigie_loadtest::send::{Endpoint, Fleet, FleetOptions, Pace, Parcel, Source, Stretch};

/// What the receiver answers to its n-th request, and after which pause.
type Script = fn(usize) -> (u16, Option<&'static str>, Duration);

struct Receiver {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    _runtime: tokio::runtime::Runtime,
}

impl Receiver {
    fn start(script: Script) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let counter = Arc::clone(&counter);
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(script, Arc::clone(&counter), request));
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            address,
            requests,
            _runtime: runtime,
        }
    }
}

async fn answer(
    script: Script,
    counter: Arc<AtomicUsize>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let number = counter.fetch_add(1, Ordering::SeqCst);
    let _ = request.into_body().collect().await;
    let (status, retry_after, pause) = script(number);
    tokio::time::sleep(pause).await;
    let mut response = Response::builder().status(status);
    if let Some(seconds) = retry_after {
        response = response.header("Retry-After", seconds);
    }
    Ok(response.body(Full::new(Bytes::from_static(b"because"))).unwrap())
}

struct Counted {
    left: u32,
    time_ms: i64,
    every: Duration,
    place: Duration,
}

impl Source for Counted {
    fn next(&mut self, parcel: &mut Parcel) -> anyhow::Result<bool> {
        if self.left == 0 {
            return Ok(false);
        }
        self.left -= 1;
        self.time_ms += 1000;
        *parcel = Parcel {
            body: Bytes::from_static(b"body"),
            samples: 10,
            time_ms: self.time_ms,
            place: self.place,
            ..Parcel::default()
        };
        self.place += self.every;
        Ok(true)
    }
}

/// Sends `requests` each of `senders`, one every 20 ms if the loop is open.
fn send(script: Script, pace: Pace, senders: u32, requests: u32) -> (Stretch, usize) {
    let receiver = Receiver::start(script);
    let options = FleetOptions {
        endpoint: Endpoint::new(
            &format!("http://{}/api/v1/write", receiver.address),
            Duration::from_secs(5),
        )
        .unwrap(),
        pace,
        give_up_after: Duration::from_secs(10),
    };
    let sources = (0..senders)
        .map(|_| {
            Box::new(Counted {
                left: requests,
                time_ms: 0,
                every: Duration::from_millis(20),
                place: Duration::ZERO,
            }) as Box<dyn Source>
        })
        .collect();
    let fleet = Fleet::start(options, sources).unwrap();
    let frontiers = fleet.frontiers();
    let recorder = fleet.join().unwrap();
    assert_eq!(frontiers.complete_before_ms(), i64::MAX);
    (recorder.total(), receiver.requests.load(Ordering::SeqCst))
}

const AT_ONCE: Duration = Duration::ZERO;

fn open(queue_ms: u64) -> Pace {
    Pace::Open {
        speed: 1.0,
        queue: Duration::from_millis(queue_ms),
    }
}

#[test]
fn closed_loop_sends_everything_once() {
    let (total, arrived) = send(|_| (204, None, AT_ONCE), Pace::Closed, 3, 50);
    assert_eq!(arrived, 150);
    assert_eq!(total.counts.acked_samples, 1500);
    assert_eq!(total.latency.count(), 150);
}

/// One answer takes half a second; 25 requests fall due meanwhile. A sender that counted from the moment of sending
/// would report one slow request in 100, and a median of what it should be.
#[test]
fn a_stall_is_charged_to_every_request_that_had_to_wait() {
    let stall: Script = |number| {
        (
            200,
            None,
            Duration::from_millis(if number == 10 { 500 } else { 0 }),
        )
    };
    let (total, ..) = send(stall, open(20_000), 1, 100);
    assert_eq!(total.counts.acked_requests, 100);
    assert!(total.latency.max_us() >= Some(500_000), "{:?}", total.latency);
    // 20 of the 100 requests waited for more than 100 ms, so the 90th percentile shows it.
    assert!(
        total.latency.quantile_us(0.9) >= Some(100_000),
        "{:?}",
        total.latency
    );
}

#[test]
fn what_the_queue_does_not_hold_is_counted_as_missed() {
    let stall: Script = |number| {
        (
            200,
            None,
            Duration::from_millis(if number == 10 { 500 } else { 0 }),
        )
    };
    let (total, arrived) = send(stall, open(100), 1, 100);
    let counts = total.counts;
    assert_eq!(counts.acked_requests + counts.missed_requests, 100);
    assert!(counts.missed_requests >= 10, "{counts:?}");
    assert_eq!(arrived as u64, counts.acked_requests);
}

#[test]
fn open_loop_keeps_its_timetable() {
    let started = Instant::now();
    let (total, ..) = send(|_| (200, None, AT_ONCE), open(20_000), 2, 26);
    assert_eq!(total.counts.acked_requests, 52);
    assert!(started.elapsed() >= Duration::from_millis(500));
}

#[test]
fn full_and_failing_servers_are_tried_again() {
    let script: Script = |number| match number {
        1 => (429, Some("0"), AT_ONCE),
        2 => (503, None, AT_ONCE),
        _ => (200, None, AT_ONCE),
    };
    let (total, arrived) = send(script, Pace::Closed, 1, 5);
    assert_eq!(arrived, 7);
    assert_eq!((total.counts.shed, total.counts.failed), (1, 1));
    assert_eq!(total.counts.acked_requests, 5);
}

#[test]
fn a_bad_request_is_not_tried_again() {
    let script: Script = |number| (if number == 2 { 400 } else { 200 }, None, AT_ONCE);
    let (total, arrived) = send(script, Pace::Closed, 1, 4);
    assert_eq!(arrived, 4);
    assert_eq!(total.counts.refused_samples, 10);
    assert_eq!(total.counts.acked_requests, 3);
}

#[test]
fn nobody_there_is_missed_and_not_unknown() {
    let options = FleetOptions {
        // A port that was free a moment ago.
        endpoint: {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}/", listener.local_addr().unwrap());
            Endpoint::new(&url, Duration::from_secs(1)).unwrap()
        },
        pace: Pace::Closed,
        give_up_after: Duration::from_millis(100),
    };
    let source = Box::new(Counted {
        left: 1,
        time_ms: 0,
        every: Duration::ZERO,
        place: Duration::ZERO,
    }) as Box<dyn Source>;
    let recorder = Fleet::start(options, vec![source]).unwrap().join().unwrap();
    assert_eq!(recorder.total().counts.missed_samples, 10);
    assert!(
        recorder.texts()[0].starts_with("connect: "),
        "{:?}",
        recorder.texts()
    );
}
