use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

const PIECE_BYTES: usize = 1 << 20;
const ANSWER_DEADLINE: Duration = Duration::from_secs(60);

/// How a request body too large to be held is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLength {
    /// By Content-Length, so a server may refuse before reading.
    Declared,
    /// In chunks, so a server must count.
    Chunked,
}

/// POSTs `total_bytes` of noise to `127.0.0.1:port`, but stops at the first answer.
/// Returns its status and how many body bytes had gone out by then.
pub fn early_answer(port: u16, path: &str, length: BodyLength, total_bytes: u64) -> Result<(u16, u64)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).context("connect")?;
    stream
        .set_write_timeout(Some(ANSWER_DEADLINE))
        .context("set a write timeout")?;
    let framing = match length {
        BodyLength::Declared => format!("Content-Length: {total_bytes}"),
        BodyLength::Chunked => "Transfer-Encoding: chunked".to_owned(),
    };
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/x-protobuf\r\n\
         Content-Encoding: snappy\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\n{framing}\r\n\r\n"
    );
    stream
        .write_all(head.as_bytes())
        .context("send the request head")?;

    let mut reader = stream.try_clone().context("share the connection")?;
    reader
        .set_read_timeout(Some(ANSWER_DEADLINE))
        .context("set a read timeout")?;
    let answer = std::thread::spawn(move || read_status(&mut reader));

    let piece: Vec<u8> = (0..PIECE_BYTES)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 7) as u8)
        .collect();
    let mut sent = 0;
    while sent < total_bytes && !answer.is_finished() {
        let part = &piece[..piece.len().min((total_bytes - sent) as usize)];
        if send_piece(&mut stream, part, length).is_err() {
            // The server has closed its side; what it said before that is with the reader.
            break;
        }
        sent += part.len() as u64;
    }
    if sent == total_bytes && length == BodyLength::Chunked {
        stream.write_all(b"0\r\n\r\n").context("end the request body")?;
    }
    match answer.join() {
        Ok(status) => Ok((status?, sent)),
        Err(_) => bail!("the reader of the answer panicked"),
    }
}

fn send_piece(stream: &mut TcpStream, piece: &[u8], length: BodyLength) -> std::io::Result<()> {
    if length == BodyLength::Chunked {
        write!(stream, "{:x}\r\n", piece.len())?;
    }
    stream.write_all(piece)?;
    if length == BodyLength::Chunked {
        stream.write_all(b"\r\n")?;
    }
    Ok(())
}

fn read_status(stream: &mut TcpStream) -> Result<u16> {
    let started = Instant::now();
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.windows(2).any(|pair| pair == b"\r\n") {
        let count = stream.read(&mut buffer).context("read the answer")?;
        if count == 0 {
            bail!("the server closed the connection without an answer");
        }
        head.extend_from_slice(&buffer[..count]);
        if started.elapsed() > ANSWER_DEADLINE {
            bail!("no complete status line after {ANSWER_DEADLINE:?}");
        }
    }
    let text = String::from_utf8_lossy(&head);
    let status = text.split(' ').nth(1).context("find the status code")?;
    status
        .parse()
        .with_context(|| format!("parse the status code {status:?}"))
}
