//! The `vigie` binary: command line, assembly of roles, orderly end.
//!
//! Without arguments it is a complete monitoring system on this machine. With `--target` it is one
//! role of a cluster; roles in one process call each other directly, roles in several by gRPC.

mod adapters;
mod assembly;
mod features;
mod flags;
mod grpc;
mod lifecycle;
mod notifications;
mod role;
mod settings;
mod tenants;

use std::process::ExitCode;

use clap::Parser;
use vigie_runtime::init_logging;

use crate::flags::Flags;
use crate::settings::Settings;

/// RocksDB allocates through it too. Its arenas fragment less than the system's under many threads.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    if std::env::args_os()
        .nth(1)
        .is_some_and(|command| command == "promql")
    {
        // Its own command line; the name of the program stays in front for its help.
        return vigie_tool::main(
            std::env::args_os()
                .enumerate()
                .filter(|(at, _)| *at != 1)
                .map(|(_, text)| text),
        );
    }
    let flags = Flags::parse();
    match run(flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_last(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(flags: Flags) -> anyhow::Result<()> {
    let settings = Settings::from_flags(flags)?;
    init_logging(settings.log_level, settings.log_format)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("vigie")
        .build()?;
    runtime.block_on(assembly::run(settings))
}

/// Not through the log, whose level or format may be what is wrong.
#[expect(clippy::print_stderr, reason = "the last word of a process that cannot start")]
fn say_last(error: &anyhow::Error) {
    eprintln!("vigie: {error:#}");
}
