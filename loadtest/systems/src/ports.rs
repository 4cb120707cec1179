use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, bail};

/// Below the kernel's range for outgoing connections, so that no client takes the port between here and the server.
const FIRST_PORT: u32 = 20_000;
const PORTS: u32 = 12_000;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A loopback port nobody listens on; every call gives another one.
pub fn free_port() -> Result<u16> {
    // Test binaries run side by side: each starts its search elsewhere.
    let start = std::process::id().wrapping_mul(97);
    for _ in 0..PORTS {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = (FIRST_PORT + start.wrapping_add(step) % PORTS) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!(
        "no free loopback port from {FIRST_PORT} to {}",
        FIRST_PORT + PORTS
    )
}
