use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use vigie_systems::{Api, ProcStat, Process, free_port, tools_dir};

use crate::remote_write::WriteClient;

const START_DEADLINE: Duration = Duration::from_secs(60);

/// How the system under test is laid out in processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One `vigie` with every role.
    AllInOne,
    /// One `vigie` per role, over sockets on loopback.
    Roles,
    /// The real Prometheus in place of Vigie: shows that a test asks for what Prometheus does.
    Prometheus,
}

/// What a system under test is started with.
#[derive(Debug, Clone)]
pub struct TargetOptions {
    pub layout: Layout,
    pub vigie: PathBuf,
    /// An existing folder for data, configuration and logs.
    pub dir: PathBuf,
    /// More arguments for the process that receives writes.
    pub write_args: Vec<String>,
    /// The text of prometheus.yml; empty for a system that scrapes nothing.
    pub config: String,
    /// More flags for a system of one process.
    pub flags: Vec<String>,
}

/// The system under test: its processes, and where to write and to ask. Addresses survive a restart.
#[derive(Debug)]
pub struct Target {
    parts: Vec<Part>,
    dir: PathBuf,
    write_base: String,
    query_base: String,
    scrape_base: String,
}

/// One process of the system, restartable.
#[derive(Debug)]
struct Part {
    name: &'static str,
    program: PathBuf,
    args: Vec<String>,
    env: Vec<(&'static str, String)>,
    ready: Api,
    process: Option<Process>,
}

impl TargetOptions {
    /// `VIGIE_E2E_TARGET=prometheus` puts the real Prometheus in place of either layout.
    pub fn new(layout: Layout, vigie: &Path, dir: &Path) -> Self {
        let swapped = std::env::var("VIGIE_E2E_TARGET").is_ok_and(|target| target == "prometheus");
        let layout = if swapped { Layout::Prometheus } else { layout };
        Self {
            layout,
            vigie: vigie.to_owned(),
            dir: dir.to_owned(),
            write_args: Vec::new(),
            config: String::new(),
            flags: Vec::new(),
        }
    }
}

impl Target {
    pub fn start(options: &TargetOptions) -> Result<Self> {
        let config_file = options.dir.join("target.yml");
        fs::write(&config_file, &options.config).context("write the configuration under test")?;
        let config = format!("--config.file={}", config_file.display());
        let data = options.dir.join("data");
        let storage = format!("--storage.tsdb.path={}", data.display());
        let mut target = Self {
            parts: Vec::new(),
            dir: options.dir.clone(),
            write_base: String::new(),
            query_base: String::new(),
            scrape_base: String::new(),
        };
        match options.layout {
            Layout::AllInOne => {
                let args = [
                    vec![config, storage],
                    options.flags.clone(),
                    options.write_args.clone(),
                ]
                .concat();
                let base = target.add("vigie", &options.vigie, args)?;
                target.serve_all(&base);
            }
            Layout::Prometheus => {
                let receiver = "--web.enable-remote-write-receiver".to_owned();
                let lifecycle = "--web.enable-lifecycle".to_owned();
                let program = tools_dir().join("prometheus");
                let args = [vec![config, storage, receiver, lifecycle], options.flags.clone()].concat();
                let base = target.add("prometheus-under-test", &program, args)?;
                target.serve_all(&base);
            }
            Layout::Roles => {
                let ingester = format!("127.0.0.1:{}", free_port()?);
                let distributor = format!("127.0.0.1:{}", free_port()?);
                let to_ingester = format!("--ingester.address={ingester}");
                let to_distributor = format!("--distributor.address={distributor}");
                let serve = |address: &str| format!("--server.grpc-listen-address={address}");
                let role = |name: &str| format!("--target={name}");
                let program = &options.vigie;
                target.add(
                    "ingester",
                    program,
                    vec![role("ingester"), serve(&ingester), storage],
                )?;
                let mut args = vec![role("distributor"), serve(&distributor), to_ingester.clone()];
                args.extend_from_slice(&options.write_args);
                target.write_base = target.add("distributor", program, args)?;
                let unused = || -> Result<String> { Ok(serve(&format!("127.0.0.1:{}", free_port()?))) };
                let args = vec![role("querier"), unused()?, to_ingester.clone()];
                target.query_base = target.add("querier", program, args)?;
                let args = vec![role("scraper"), unused()?, to_distributor, to_ingester, config];
                target.scrape_base = target.add("scraper", program, args)?;
            }
        }
        target.start_missing()?;
        Ok(target)
    }

    /// Endpoint of remote write.
    pub fn write_url(&self) -> String {
        format!("{}/api/v1/write", self.write_base)
    }

    pub fn writer(&self) -> Result<WriteClient> {
        WriteClient::new(&self.write_url())
    }

    pub fn write_port(&self) -> Result<u16> {
        let (_, port) = self
            .write_base
            .rsplit_once(':')
            .context("find the port of the write endpoint")?;
        port.parse().context("parse the port of the write endpoint")
    }

    /// Where queries are answered.
    pub fn api(&self) -> Result<Api> {
        Api::new(&self.query_base)
    }

    /// Where the state of scrape targets is shown.
    pub fn scrape_api(&self) -> Result<Api> {
        Api::new(&self.scrape_base)
    }

    pub fn part_names(&self) -> Vec<&'static str> {
        self.parts.iter().map(|part| part.name).collect()
    }

    /// SIGKILL to the named parts, to all if `names` is empty.
    pub fn kill9(&mut self, names: &[&str]) -> Result<()> {
        for part in &mut self.parts {
            let meant = names.is_empty() || names.contains(&part.name);
            if let Some(mut process) = part.process.take_if(|_| meant) {
                // It may have ended by itself.
                if process.check_running().is_ok() {
                    process.kill9()?;
                }
            }
        }
        Ok(())
    }

    /// Starts the parts that are not running and waits until each is ready. Returns how long that took.
    pub fn start_missing(&mut self) -> Result<Duration> {
        let started = Instant::now();
        for part in self.parts.iter_mut().filter(|part| part.process.is_none()) {
            part.process = Some(Process::spawn(
                part.name,
                &part.program,
                &part.args,
                &part.env,
                &self.dir,
            )?);
        }
        for part in &mut self.parts {
            let api = &part.ready;
            if let Some(process) = &mut part.process {
                process.wait_ready(START_DEADLINE, || api.is_ready())?;
            }
        }
        Ok(started.elapsed())
    }

    /// Sets what the processes find in their environment when they are started next.
    pub fn set_env(&mut self, env: &[(&'static str, String)]) {
        for part in &mut self.parts {
            part.env = env.to_vec();
        }
    }

    /// Fails if a part has died by itself.
    pub fn check_running(&mut self) -> Result<()> {
        self.parts
            .iter_mut()
            .filter_map(|part| part.process.as_mut())
            .try_for_each(Process::check_running)
    }

    /// All processes together.
    pub fn stat(&self) -> Result<ProcStat> {
        let mut sum = ProcStat::default();
        for process in self.parts.iter().filter_map(|part| part.process.as_ref()) {
            sum = sum.plus(process.stat()?);
        }
        Ok(sum)
    }

    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    pub fn log_tails(&self) -> String {
        let tails = self.parts.iter().filter_map(|part| part.process.as_ref());
        tails
            .map(|process| format!("--- {}\n{}", process.name(), process.log_tail()))
            .collect()
    }

    /// Adds a part with its own HTTP address; returns the address as a base URL.
    fn add(&mut self, name: &'static str, program: &Path, mut args: Vec<String>) -> Result<String> {
        let address = format!("127.0.0.1:{}", free_port()?);
        args.push(format!("--web.listen-address={address}"));
        let base = format!("http://{address}");
        let ready = Api::new(&base)?;
        self.parts.push(Part {
            name,
            program: program.to_owned(),
            args,
            env: Vec::new(),
            ready,
            process: None,
        });
        Ok(base)
    }

    fn serve_all(&mut self, base: &str) {
        base.clone_into(&mut self.write_base);
        base.clone_into(&mut self.query_base);
        base.clone_into(&mut self.scrape_base);
    }
}
