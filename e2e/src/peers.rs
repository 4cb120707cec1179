use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use vigie_systems::{Api, Process, free_port, tools_dir, wait_until};

const START_DEADLINE: Duration = Duration::from_secs(60);
const MARIADB_PASSWORD: &str = "exporter";

/// An exporter, running on loopback.
#[derive(Debug)]
pub struct Peer {
    pub process: Process,
    pub port: u16,
}

impl Peer {
    /// `127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn base_url(&self) -> String {
        format!("http://{}", self.address())
    }
}

pub fn node_exporter(dir: &Path) -> Result<Peer> {
    let port = free_port()?;
    let args = [
        format!("--web.listen-address=127.0.0.1:{port}"),
        "--log.level=warn".to_owned(),
    ];
    exporter(
        "node_exporter",
        &tools_dir().join("node_exporter"),
        port,
        &args,
        &[],
        dir,
    )
}

/// Debian's exporter, monitoring `server`.
pub fn mysqld_exporter(dir: &Path, server: &MariaDb) -> Result<Peer> {
    let port = free_port()?;
    let args = [
        format!("--web.listen-address=127.0.0.1:{port}"),
        "--log.level=warn".to_owned(),
    ];
    let source = format!("exporter:{MARIADB_PASSWORD}@(127.0.0.1:{})/", server.port);
    let program = Path::new("/usr/bin/prometheus-mysqld-exporter");
    exporter(
        "mysqld_exporter",
        program,
        port,
        &args,
        &[("DATA_SOURCE_NAME", source)],
        dir,
    )
}

fn exporter(
    name: &str,
    program: &Path,
    port: u16,
    args: &[String],
    env: &[(&str, String)],
    dir: &Path,
) -> Result<Peer> {
    let mut process = Process::spawn(name, program, args, env, dir)?;
    let api = Api::new(&format!("http://127.0.0.1:{port}"))?;
    process.wait_ready(START_DEADLINE, || Ok(api.get("/metrics")?.status == 200))?;
    Ok(Peer { process, port })
}

/// A MariaDB server of its own: private data folder, socket and port, and a user for the exporter.
#[derive(Debug)]
pub struct MariaDb {
    _process: Process,
    pub port: u16,
    socket: PathBuf,
}

impl MariaDb {
    pub fn start(dir: &Path) -> Result<Self> {
        let data = dir.join("mariadb");
        let user = current_user()?;
        run(Command::new("mariadb-install-db")
            .arg("--no-defaults")
            .arg(format!("--datadir={}", data.display()))
            .arg(format!("--user={user}"))
            .args(["--auth-root-authentication-method=normal", "--skip-test-db"]))?;
        let port = free_port()?;
        // The path of a socket has at most 107 bytes: a name relative to the working folder is short.
        let socket = dir.join("mariadb.sock");
        let args = [
            "--no-defaults".to_owned(),
            format!("--datadir={}", data.display()),
            format!("--socket={}", socket.display()),
            format!("--user={user}"),
            format!("--port={port}"),
            "--bind-address=127.0.0.1".to_owned(),
            "--innodb-buffer-pool-size=32M".to_owned(),
        ];
        let mut process = Process::spawn("mariadbd", Path::new("/usr/sbin/mariadbd"), &args, &[], dir)?;
        process.wait_ready(START_DEADLINE, || Ok(socket.exists()))?;
        let server = Self {
            _process: process,
            port,
            socket,
        };
        let grants = format!(
            "CREATE USER exporter@'127.0.0.1' IDENTIFIED BY '{MARIADB_PASSWORD}';\
             GRANT PROCESS, REPLICATION CLIENT, SLAVE MONITOR, SELECT ON *.* TO exporter@'127.0.0.1';\
             CREATE DATABASE shop; CREATE TABLE shop.orders (id INT AUTO_INCREMENT PRIMARY KEY, total DOUBLE);"
        );
        wait_until("MariaDB to take statements", START_DEADLINE, || {
            server.execute(&grants).map(|()| true)
        })?;
        Ok(server)
    }

    /// Runs statements as root through the command-line client.
    pub fn execute(&self, statements: &str) -> Result<()> {
        let mut client = Command::new("mariadb")
            .arg("--no-defaults")
            .arg(format!("--socket={}", self.socket.display()))
            .args(["--user=root", "--batch", "--silent"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("start the MariaDB client")?;
        let mut input = client.stdin.take().context("reach the MariaDB client")?;
        input
            .write_all(statements.as_bytes())
            .context("send statements")?;
        drop(input);
        let output = client.wait_with_output().context("wait for the MariaDB client")?;
        if !output.status.success() {
            bail!(
                "MariaDB refused the statements: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(())
    }
}

fn current_user() -> Result<String> {
    let output = Command::new("id")
        .arg("-un")
        .output()
        .context("ask for the user's name")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn run(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("run {}", command.get_program().display()))?;
    if !output.status.success() {
        bail!(
            "{} failed ({}): {}",
            command.get_program().display(),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}
