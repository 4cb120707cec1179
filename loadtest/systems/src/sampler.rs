use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::account::{Account, own_cpu_seconds};
use crate::system::System;

/// A disk is walked at most this often, in samples: that costs more than all the rest.
const DISK_EVERY: u32 = 10;

/// What a system and the generator beside it had cost at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AccountSample {
    /// Since the sampler started.
    pub at_seconds: f64,
    pub account: Account,
    /// CPU seconds of the process that samples: the generator.
    pub own_cpu_seconds: f64,
}

/// A thread that writes down the account of a system at an interval; ended by [`Self::finish`] or by dropping it.
#[derive(Debug)]
pub struct Sampler {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    stop: AtomicBool,
    samples: Mutex<Vec<AccountSample>>,
}

impl Sampler {
    /// A moment at which the system cannot be read, as between a kill and a restart, is left out.
    pub fn start(system: Arc<System>, interval: Duration) -> Self {
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            samples: Mutex::default(),
        });
        let of_thread = shared.clone();
        let thread = std::thread::spawn(move || of_thread.run(&system, interval));
        Self {
            shared,
            thread: Some(thread),
        }
    }

    /// What was written down so far.
    pub fn samples(&self) -> Vec<AccountSample> {
        self.shared.lock().clone()
    }

    pub fn finish(mut self) -> Vec<AccountSample> {
        self.end();
        std::mem::take(&mut *self.shared.lock())
    }

    fn end(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panic there has been printed, and the samples before it are good.
            let _ = thread.join();
        }
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn run(&self, system: &System, interval: Duration) {
        let started = Instant::now();
        let mut disk_bytes = 0;
        for number in 0.. {
            let account = if number % DISK_EVERY == 0 {
                system.account()
            } else {
                system.account_without_disk()
            };
            if let (Ok(mut account), Ok(own_cpu_seconds)) = (account, own_cpu_seconds()) {
                if number % DISK_EVERY == 0 {
                    disk_bytes = account.disk_bytes;
                }
                account.disk_bytes = disk_bytes;
                self.lock().push(AccountSample {
                    at_seconds: started.elapsed().as_secs_f64(),
                    account,
                    own_cpu_seconds,
                });
            }
            // Due by the clock, not by the end of the last one, so that samples don't drift.
            let due = interval * (number + 1);
            while started.elapsed() < due {
                if self.stop.load(Ordering::Relaxed) {
                    return;
                }
                std::thread::park_timeout(due.saturating_sub(started.elapsed()));
            }
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<AccountSample>> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
