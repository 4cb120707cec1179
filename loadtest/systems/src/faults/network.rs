use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::run::{need_root, run};

/// The name of this machine itself in a [`Network`]: where the load comes from.
pub const HOST: &str = "host";

/// Namespaces are called so, followed by the process that made them.
pub(super) const NAMESPACE_PREFIX: &str = "vigie-net-";
/// Where `ip` keeps named namespaces.
pub(super) const NAMESPACES: &str = "/run/netns";
const LOCK: &str = "/run/vigie-net.lock";
/// The first two bytes of every address; the third is the network's.
const SUBNET: &str = "10.213";
/// Every pair has a cable of its own, so their number grows with the square.
const MOST_NODES: usize = 12;
/// Of a slowed line; what waits longer is dropped.
const QUEUE: &str = "1s";

/// Named places for processes, each a network namespace with one address, and between every two of them (and this
/// machine, [`HOST`]) a cable of its own that can be cut or made slow:
///
/// ```text
///   node a            switch                     node b
///   eB ──────────── pA-B ─ [bridge] ─ pB-A ──────────── eA
/// ```
///
/// A cut takes the bridge in the middle down. Both ends keep their carrier, so packets vanish without a word, as they do
/// when a switch fails: no refused connections, no unreachable errors. Removed when dropped; end the processes first.
#[derive(Debug)]
pub struct Network {
    /// The node's place in the list is its number; the host is the last.
    nodes: Vec<String>,
    /// The prefix of all namespaces of this network.
    prefix: String,
    subnet: u8,
}

/// What a slow line does in each direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slowness {
    /// Bandwidth; a second's worth is queued and the rest dropped.
    pub bits_per_second: u64,
    /// Added to each packet. More than 0 needs a kernel with the netem queueing discipline.
    #[serde(default)]
    pub delay_ms: u32,
}

impl Network {
    /// Makes a place for each of `names` (letters, digits and hyphens), connected with each other and the host.
    pub fn create(names: &[&str]) -> Result<Self> {
        need_root("a network of its own")?;
        if names.is_empty() || names.len() > MOST_NODES {
            bail!("a network has 1 to {MOST_NODES} nodes, not {}", names.len());
        }
        for (number, name) in names.iter().enumerate() {
            let is_plain = name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            if !is_plain || name.is_empty() || *name == HOST || names[..number].contains(name) {
                bail!(
                    "{name:?} is no name for a node: letters, digits and hyphens, once each, and not {HOST:?}"
                );
            }
        }
        let one_at_a_time = lock()?;
        let subnet = free_subnet()?;
        let network = Self {
            nodes: names.iter().copied().chain([HOST]).map(str::to_owned).collect(),
            prefix: format!("{NAMESPACE_PREFIX}{}-{subnet}-", std::process::id()),
            subnet,
        };
        let laid_out = network.lay_out();
        // Before the network can be dropped, which takes the lock too.
        drop(one_at_a_time);
        laid_out.map(|()| network)
    }

    /// The namespace and the address of a node, for [`crate::StartOptions::namespace`].
    pub fn place(&self, name: &str) -> Result<(String, String)> {
        let number = self.number(name)?;
        if name == HOST {
            bail!("{HOST:?} is this machine, and no namespace");
        }
        Ok((self.namespace(number), self.address(number)))
    }

    /// From now on no packet gets from one to the other, in either direction, and nobody is told.
    pub fn cut(&self, a: &str, b: &str) -> Result<()> {
        let (a, b) = self.pair(a, b)?;
        self.in_switch(&format!("link set {} down\n", bridge(a, b)))
    }

    pub fn slow(&self, a: &str, b: &str, slowness: &Slowness) -> Result<()> {
        let (a, b) = self.pair(a, b)?;
        if slowness.bits_per_second == 0 {
            bail!("a line without bandwidth is a cut one");
        }
        let rate = format!("{}bit", slowness.bits_per_second);
        // A thirtieth of a second's worth, and never less than the largest packets the kernel hands over in one piece.
        let burst = (slowness.bits_per_second / 8 / 30).max(65_536).to_string();
        let delay = format!("{}ms", slowness.delay_ms);
        for port in [port(a, b), port(b, a)] {
            let line = ["qdisc", "replace", "dev", &port, "root"];
            let kind: &[&str] = if slowness.delay_ms > 0 {
                &["netem", "delay", &delay, "rate", &rate]
            } else {
                &["tbf", "rate", &rate, "burst", &burst, "latency", QUEUE]
            };
            self.tc(&[&line[..], kind].concat())
                .context("slow a line down (a delay needs netem in the kernel)")?;
        }
        Ok(())
    }

    /// Takes back [`Self::cut`] and [`Self::slow`].
    pub fn heal(&self, a: &str, b: &str) -> Result<()> {
        let (a, b) = self.pair(a, b)?;
        for port in [port(a, b), port(b, a)] {
            // Fails where nothing was slowed.
            let _ = self.tc(&["qdisc", "del", "dev", &port, "root"]);
        }
        self.in_switch(&format!("link set {} up\n", bridge(a, b)))
    }

    fn lay_out(&self) -> Result<()> {
        self.make_namespaces()?;
        for a in 0..self.nodes.len() {
            for b in a + 1..self.nodes.len() {
                self.lay_cable(a, b)
                    .with_context(|| format!("connect {} and {}", self.nodes[a], self.nodes[b]))?;
            }
        }
        Ok(())
    }

    fn make_namespaces(&self) -> Result<()> {
        for number in 0..self.nodes.len() - 1 {
            let name = self.namespace(number);
            run("ip", &["netns", "add", &name], "").context("make a network namespace")?;
            run("ip", &["-n", &name, "link", "set", "lo", "up"], "")?;
        }
        run("ip", &["netns", "add", &self.switch()], "").context("make a network namespace")?;
        Ok(())
    }

    fn lay_cable(&self, a: usize, b: usize) -> Result<()> {
        let mut batch = String::new();
        let bridge = bridge(a, b);
        let _ = writeln!(batch, "link add {bridge} type bridge\nlink set {bridge} up");
        for (near, far) in [(a, b), (b, a)] {
            let port = port(near, far);
            let end = self.end(near, far);
            let _ = write!(batch, "link add {port} type veth peer name {end} netns ");
            let _ = if self.nodes[near] == HOST {
                writeln!(batch, "{}", std::process::id())
            } else {
                writeln!(batch, "{}", self.namespace(near))
            };
            let _ = writeln!(batch, "link set {port} master {bridge}\nlink set {port} up");
        }
        self.in_switch(&batch)?;
        for (near, far) in [(a, b), (b, a)] {
            let (end, from, to) = (self.end(near, far), self.address(near), self.address(far));
            let batch = format!(
                "addr add {from}/32 dev {end}\nlink set {end} up\nroute add {to}/32 dev {end} src {from}\n"
            );
            if self.nodes[near] == HOST {
                run("ip", &["-batch", "-"], &batch)?;
            } else {
                run("ip", &["-n", &self.namespace(near), "-batch", "-"], &batch)?;
            }
        }
        Ok(())
    }

    fn in_switch(&self, batch: &str) -> Result<()> {
        run("ip", &["-n", &self.switch(), "-batch", "-"], batch)?;
        Ok(())
    }

    fn tc(&self, args: &[&str]) -> Result<()> {
        let switch = self.switch();
        run("tc", &[&["-n", &*switch][..], args].concat(), "")?;
        Ok(())
    }

    fn pair(&self, a: &str, b: &str) -> Result<(usize, usize)> {
        let (a, b) = (self.number(a)?, self.number(b)?);
        if a == b {
            bail!("there is no line from {} to itself", self.nodes[a]);
        }
        Ok((a.min(b), a.max(b)))
    }

    fn number(&self, name: &str) -> Result<usize> {
        let found = self.nodes.iter().position(|node| node == name);
        found.with_context(|| format!("find {name:?} among the nodes {}", self.nodes.join(", ")))
    }

    fn namespace(&self, number: usize) -> String {
        format!("{}{}", self.prefix, self.nodes[number])
    }

    /// No node has a dot in its name.
    fn switch(&self) -> String {
        format!("{}.switch", self.prefix)
    }

    fn address(&self, number: usize) -> String {
        let last = if self.nodes[number] == HOST {
            254
        } else {
            number + 1
        };
        format!("{SUBNET}.{}.{last}", self.subnet)
    }

    /// The device of `near` towards `far`; that of the host is among devices of others, so it says whose it is.
    fn end(&self, near: usize, far: usize) -> String {
        if self.nodes[near] == HOST {
            format!("vigie{}e{far}", self.subnet)
        } else {
            format!("e{far}")
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _one_at_a_time = lock();
        let host = self.nodes.len() - 1;
        for number in 0..host {
            // With its namespace the other end would go too, but only some time later.
            let _ = run("ip", &["link", "del", &self.end(host, number)], "");
            delete_namespace(&self.namespace(number));
        }
        delete_namespace(&self.switch());
    }
}

/// Best effort. A namespace in which a process still runs loses its name now and goes with that process.
pub(super) fn delete_namespace(name: &str) {
    let _ = run("ip", &["netns", "del", name], "");
}

fn bridge(a: usize, b: usize) -> String {
    format!("b{a}-{b}")
}

/// The switch's socket for the cable of `near` towards `far`.
fn port(near: usize, far: usize) -> String {
    format!("p{near}-{far}")
}

/// Held while namespaces come and go: `ip` mounts the folder of their names on the way, and two at once fail. Between
/// processes too, or two networks could take the same subnet.
fn lock() -> Result<File> {
    let file = File::create(LOCK).with_context(|| format!("open {LOCK}"))?;
    file.lock().with_context(|| format!("lock {LOCK}"))?;
    Ok(file)
}

/// One that no other network on this machine uses.
fn free_subnet() -> Result<u8> {
    let used: Vec<String> = fs::read_dir(Path::new(NAMESPACES))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let start = std::process::id() as u8;
    let is_free = |subnet: &u8| {
        let third = subnet.to_string();
        !used.iter().any(|name| {
            let numbers = name.strip_prefix(NAMESPACE_PREFIX).unwrap_or_default();
            numbers.split('-').nth(1) == Some(&third)
        })
    };
    (0..=u8::MAX)
        .map(|step| start.wrapping_add(step))
        .find(is_free)
        .context("find a free subnet: 256 networks are in use")
}
