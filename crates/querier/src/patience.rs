//! How long an evaluation may wait for ingesters.

use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::watch;
use vigie_promql::{Interrupt, SourceError};

/// Held by whoever wants the answer. Once it is dropped, the evaluation stops: at once where it waits, and at its
/// next look where it computes.
#[derive(Debug)]
pub(crate) struct Asker {
    _alive: watch::Sender<()>,
}

/// Waits until the asker has gone or the deadline has passed. Shared by the threads of an evaluation.
#[derive(Debug, Clone)]
pub(crate) struct Patience {
    asker: watch::Receiver<()>,
    deadline: Option<Instant>,
}

impl Patience {
    pub(crate) fn new(deadline: Option<Instant>) -> (Asker, Patience) {
        let (alive, asker) = watch::channel(());
        (Asker { _alive: alive }, Patience { asker, deadline })
    }

    pub(crate) fn interrupted(&self) -> Option<Interrupt> {
        if self.asker.has_changed().is_err() {
            Some(Interrupt::Canceled)
        } else if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            Some(Interrupt::Timeout)
        } else {
            None
        }
    }

    /// Waits for `output` on a thread that may block. An error means that waiting no longer makes sense, for
    /// the reason [`Patience::interrupted`] gives.
    pub(crate) fn wait<T>(
        &self,
        runtime: &Handle,
        output: impl Future<Output = T>,
    ) -> Result<T, SourceError> {
        let mut asker = self.asker.clone();
        let timeout = async {
            match self.deadline {
                Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        };
        runtime.block_on(async {
            // Who has gone comes first: a stream that is always ready must not hide it. The timer comes last, as
            // setting it costs more than most waits.
            tokio::select! {
                biased;
                // Nothing is ever sent, so it only resolves when the asker is dropped.
                _ = asker.changed() => Err(given_up("nobody waits for the answer any more")),
                output = output => Ok(output),
                () = timeout => Err(given_up("ingesters did not answer in time")),
            }
        })
    }
}

fn given_up(message: &str) -> SourceError {
    SourceError {
        message: message.to_owned(),
        retryable: true,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn waiting_ends_when_the_asker_goes() {
        let (asker, patience) = Patience::new(None);
        let runtime = Handle::current();
        assert_eq!(patience.interrupted(), None);
        let (began, has_begun) = tokio::sync::oneshot::channel();
        let waiting = tokio::task::spawn_blocking(move || {
            let never = async {
                began.send(()).unwrap();
                std::future::pending::<()>().await;
            };
            let outcome = patience.wait(&runtime, never);
            (outcome, patience.interrupted())
        });
        has_begun.await.unwrap();
        drop(asker);
        let (outcome, interrupt) = waiting.await.unwrap();
        assert!(outcome.is_err());
        assert_eq!(interrupt, Some(Interrupt::Canceled));
    }

    #[tokio::test]
    async fn waiting_ends_at_the_deadline() {
        let (_asker, patience) = Patience::new(Some(Instant::now() + Duration::from_millis(1)));
        let runtime = Handle::current();
        let waiting = tokio::task::spawn_blocking(move || {
            let outcome = patience.wait(&runtime, std::future::pending::<()>());
            (outcome, patience.interrupted())
        });
        let (outcome, interrupt) = waiting.await.unwrap();
        assert!(outcome.is_err());
        assert_eq!(interrupt, Some(Interrupt::Timeout));
    }
}
