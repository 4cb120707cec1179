use tracing_subscriber::EnvFilter;

use crate::testkit::{LedgerSubject, SimOptions, simulate};

/// Set it to replay one seed.
const SEED: &str = "VIGIE_SIM_SEED";

/// `RUST_LOG` shows what happens in a run.
async fn check(seed: u64) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off"));
    drop(
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(false)
            .try_init(),
    );
    let seed = std::env::var(SEED).map_or(seed, |given| given.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    match simulate(SimOptions::new(seed), LedgerSubject, dir.path()).await {
        Ok(report) => {
            println!("{SEED}={seed}: {report:?}");
            assert!(
                report.acked > 50,
                "{SEED}={seed} made too little progress: {report:?}"
            );
            assert!(report.snapshots_installed > 0, "{SEED}={seed}");
        }
        Err(error) => panic!("{SEED}={seed}: {error}"),
    }
}

macro_rules! seeds {
    ($($name:ident: $seed:literal),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            check($seed).await;
        }
    )*};
}

seeds! {
    seed_1: 1,
    seed_2: 2,
    seed_3: 3,
    seed_4: 4,
}
