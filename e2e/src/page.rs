use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use anyhow::{Context, Result};

/// A scrape target on loopback that answers every request with one page; its threads live as long as the test.
#[derive(Debug)]
pub struct PageTarget {
    port: u16,
}

impl PageTarget {
    pub fn start(content_type: &str, body: &[u8]) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("listen as a scrape target")?;
        let port = listener.local_addr().context("learn the target's port")?.port();
        let mut answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        )
        .into_bytes();
        answer.extend_from_slice(body);
        let answer: Arc<[u8]> = answer.into();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = Arc::clone(&answer);
                std::thread::spawn(move || {
                    // A scraper that gives up closes the connection; that is its good right.
                    let _ = serve(stream, &answer);
                });
            }
        });
        Ok(Self { port })
    }

    /// `host:port`, as it stands in a scrape configuration.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

fn serve(stream: TcpStream, answer: &[u8]) -> std::io::Result<()> {
    let mut writer = stream.try_clone()?;
    for line in BufReader::new(stream).lines() {
        if line?.is_empty() {
            break;
        }
    }
    writer.write_all(answer)
}
