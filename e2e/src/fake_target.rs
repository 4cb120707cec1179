use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};

/// What a scrape target does to whoever scrapes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Takes the request and never answers.
    Hangs,
    /// Says 200 and text, and sends bytes that are no exposition.
    SendsGarbage,
    /// A well-formed page with this many series.
    ManySeries(u32),
    /// A well-formed page that never ends.
    NeverEnds,
    /// A well-formed page of one sample, to see that the scraper goes on.
    IsFine,
    /// This page, in the text format.
    Page(&'static str),
}

/// A target on loopback; its threads live as long as the test.
#[derive(Debug)]
pub struct FakeTarget {
    port: u16,
    scrapes: Arc<AtomicU64>,
}

impl FakeTarget {
    pub fn start(behaviour: Behaviour) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("listen as a scrape target")?;
        let port = listener.local_addr().context("learn the target's port")?.port();
        let scrapes = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&scrapes);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counter = Arc::clone(&counter);
                std::thread::spawn(move || {
                    // A scraper that gives up closes the connection; that is its good right.
                    let _ = serve(stream, behaviour, &counter);
                });
            }
        });
        Ok(Self { port, scrapes })
    }

    /// `host:port`, as it stands in a scrape configuration.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Requests begun so far.
    pub fn scrapes(&self) -> u64 {
        self.scrapes.load(Ordering::Relaxed)
    }
}

fn serve(stream: TcpStream, behaviour: Behaviour, scrapes: &AtomicU64) -> std::io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut lines = BufReader::new(stream).lines();
    // One request per connection: every answer below ends with it.
    for line in lines.by_ref() {
        if line?.is_empty() {
            break;
        }
    }
    scrapes.fetch_add(1, Ordering::Relaxed);
    if behaviour == Behaviour::Hangs {
        // Ends when the scraper hangs up.
        lines.next();
        return Ok(());
    }
    writer.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nConnection: close\r\n\r\n",
    )?;
    match behaviour {
        Behaviour::Hangs => Ok(()),
        Behaviour::SendsGarbage => writer.write_all(b"\xff{{{ 12 = \"\n\x80\x81 }} \x00 what\n"),
        Behaviour::IsFine => writer.write_all(b"# TYPE fine gauge\nfine 1\n"),
        Behaviour::Page(text) => writer.write_all(text.as_bytes()),
        Behaviour::ManySeries(count) => write_series(&mut writer, u64::from(count)),
        Behaviour::NeverEnds => write_series(&mut writer, u64::MAX),
    }
}

fn write_series(writer: &mut TcpStream, count: u64) -> std::io::Result<()> {
    const LINES_PER_WRITE: u64 = 1000;
    let mut piece = String::new();
    let mut next = 0;
    while next < count {
        piece.clear();
        for number in next..count.min(next.saturating_add(LINES_PER_WRITE)) {
            let _ = writeln!(
                piece,
                "flood{{series=\"{number}\",path=\"/some/longer/value/{number}\"}} {number}"
            );
        }
        next = next.saturating_add(LINES_PER_WRITE);
        writer.write_all(piece.as_bytes())?;
    }
    Ok(())
}
