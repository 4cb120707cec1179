use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{ServerOptions, serve};

/// Far longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(30);

struct Running {
    address: std::net::SocketAddr,
    query: Arc<FakeQuery>,
    shutdown: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

async fn start(options: ServerOptions) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let query = Arc::new(FakeQuery::default());
    let edge = edge_of(
        super::options(),
        Backends {
            query: Some(query.clone()),
            ..backends()
        },
    );
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(serve(listener, edge, options, shutdown.clone()));
    Running {
        address,
        query,
        shutdown,
        task,
    }
}

async fn ask(running: &Running, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn read_all(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut answer))
        .await
        .unwrap()
        .unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_client_that_goes_away_stops_its_query() {
    let running = start(ServerOptions::default()).await;
    let client = ask(&running, "/api/v1/query?query=hang").await;
    timeout(DEADLINE, running.query.begun.notified()).await.unwrap();
    drop(client);
    timeout(DEADLINE, running.query.dropped.notified()).await.unwrap();
}

#[tokio::test]
async fn shutdown_lets_requests_finish() {
    let running = start(ServerOptions::default()).await;
    let client = ask(&running, "/api/v1/query?query=wait").await;
    timeout(DEADLINE, running.query.begun.notified()).await.unwrap();
    running.shutdown.cancel();
    running.query.go_on.notify_one();
    let answer = read_all(client).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    timeout(DEADLINE, running.task).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let options = ServerOptions {
        drain_timeout: Duration::ZERO,
        ..ServerOptions::default()
    };
    let running = start(options).await;
    let _client = ask(&running, "/api/v1/query?query=hang").await;
    timeout(DEADLINE, running.query.begun.notified()).await.unwrap();
    running.shutdown.cancel();
    timeout(DEADLINE, running.task).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let options = ServerOptions {
        max_connections: 1,
        ..ServerOptions::default()
    };
    let running = start(options).await;
    let first = ask(&running, "/api/v1/query?query=wait").await;
    timeout(DEADLINE, running.query.begun.notified()).await.unwrap();
    let second = ask(&running, "/-/healthy").await;
    running.query.go_on.notify_one();
    assert!(read_all(first).await.contains("\"vector\""));
    assert!(read_all(second).await.contains("Healthy"));
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off() {
    let options = ServerOptions {
        read_timeout: Duration::from_millis(20),
        ..ServerOptions::default()
    };
    let running = start(options).await;
    let mut client = TcpStream::connect(running.address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
    let answer = read_all(client).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
}
