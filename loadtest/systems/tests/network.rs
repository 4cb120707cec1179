//! A network of namespaces that is cut, slowed and healed. Needs root, `ip` and `tc`.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use vigie_systems::faults::{HOST, Network, Slowness};
use vigie_systems::{Launch, Placement, Process, wait_until};

const PORT: u16 = 9000;
const DEADLINE: Duration = Duration::from_secs(20);
/// Of a connection that must not come about.
const CUT_TIMEOUT: Duration = Duration::from_millis(300);

/// Runs `act` on a thread that has moved into a namespace; sockets it makes stay there.
fn inside<T: Send>(namespace: &str, act: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let file = std::fs::File::open(Path::new("/run/netns").join(namespace)).unwrap();
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            act()
        });
        thread.join().unwrap()
    })
}

/// Answers each byte with itself, for as long as the process lives.
fn echo_server(network: &Network, node: &str) -> SocketAddr {
    let (namespace, address) = network.place(node).unwrap();
    let address: SocketAddr = format!("{address}:{PORT}").parse().unwrap();
    let listener = inside(&namespace, || TcpListener::bind(address).unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut buffer = vec![0; 1 << 16];
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    if stream.write_all(&buffer[..count]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// From `node`, or from here, to `address` and back.
fn reaches(network: &Network, node: &str, address: SocketAddr) -> bool {
    let ask = || {
        let Ok(mut stream) = TcpStream::connect_timeout(&address, CUT_TIMEOUT) else {
            return false;
        };
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(&[7]).unwrap();
        let mut back = [0];
        stream.read_exact(&mut back).is_ok() && back == [7]
    };
    if node == HOST {
        ask()
    } else {
        inside(&network.place(node).unwrap().0, ask)
    }
}

#[test]
fn a_cut_stands_between_two_nodes_only_and_is_silent() {
    let network = Network::create(&["a", "b", "c"]).unwrap();
    let (a, b) = (echo_server(&network, "a"), echo_server(&network, "b"));
    let all = |network: &Network| {
        [
            reaches(network, "a", b),
            reaches(network, "b", a),
            reaches(network, "c", a),
            reaches(network, HOST, a),
        ]
    };
    assert_eq!(all(&network), [true; 4]);

    // An open connection neither breaks nor hears of the cut: its bytes arrive after it.
    let mut open = inside(&network.place("a").unwrap().0, || TcpStream::connect(b).unwrap());
    network.cut("b", "a").unwrap();
    assert_eq!(all(&network), [false, false, true, true]);
    open.write_all(&[1]).unwrap();
    open.set_read_timeout(Some(CUT_TIMEOUT)).unwrap();
    let mut back = [0];
    let silent = open.read_exact(&mut back).unwrap_err().kind();
    assert_eq!(silent, std::io::ErrorKind::WouldBlock);
    network.heal("a", "b").unwrap();
    open.set_read_timeout(Some(DEADLINE)).unwrap();
    open.read_exact(&mut back).unwrap();
    assert_eq!((all(&network), back), ([true; 4], [1]));

    network.cut(HOST, "a").unwrap();
    assert_eq!(all(&network), [true, true, true, false]);
    assert!(network.cut("a", "a").is_err() && network.cut("a", "d").is_err());
}

#[test]
fn a_slow_line_takes_its_time() {
    let network = Network::create(&["a"]).unwrap();
    let a = echo_server(&network, "a");
    let slowness = Slowness {
        bits_per_second: 4_000_000,
        delay_ms: 0,
    };
    network.slow(HOST, "a", &slowness).unwrap();
    let mut stream = TcpStream::connect(a).unwrap();
    let bytes = vec![0; 1 << 18];
    let started = Instant::now();
    stream.write_all(&bytes).unwrap();
    stream.read_exact(&mut vec![0; bytes.len()]).unwrap();
    // 256 KiB at 500 kB/s less the 64 KiB that go at once. How much longer it takes is the machine's business.
    assert!(
        started.elapsed() > Duration::from_millis(300),
        "{:?}",
        started.elapsed()
    );
    network.heal(HOST, "a").unwrap();
    assert!(reaches(&network, HOST, a));
}

#[test]
fn a_process_lives_in_its_place_and_nothing_stays_behind() {
    let dir = tempfile::tempdir().unwrap();
    let network = Network::create(&["a", "b"]).unwrap();
    let (namespace, address) = network.place("a").unwrap();
    let launch = Launch {
        name: "looker",
        program: Path::new("/bin/sh"),
        args: &[
            "-c".to_owned(),
            "ip -o -4 addr; echo end; exec sleep 100".to_owned(),
        ],
        env: &[],
        dir: dir.path(),
        placement: Placement {
            cores: &[0],
            namespace: Some(&namespace),
        },
    };
    let process = Process::launch(&launch).unwrap();
    wait_until("the process to look around", DEADLINE, || {
        Ok(process.log_tail().contains("end"))
    })
    .unwrap();
    let said = process.log_tail();
    assert!(said.contains(&format!("{address}/32")), "{said}");
    drop(process);
    let prefix = namespace.trim_end_matches('a').to_owned();
    let panicked = std::thread::spawn(move || {
        let _network = network;
        panic!("on purpose");
    });
    assert!(panicked.join().is_err());
    let left: Vec<String> = std::fs::read_dir("/run/netns")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(&prefix))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    let names_of_devices = std::fs::read_dir("/sys/class/net").unwrap().flatten();
    let subnet = address.split('.').nth(2).unwrap().to_owned();
    let devices: Vec<String> = names_of_devices
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(&format!("vigie{subnet}e")))
        .collect();
    assert!(devices.is_empty(), "{devices:?}");
}

#[test]
fn names_are_checked() {
    for names in [&["a", "a"][..], &["host"], &["a b"], &[""], &[]] {
        assert!(Network::create(names).is_err(), "{names:?}");
    }
}
