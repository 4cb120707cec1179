//! Whose query runs next.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashMap;
use tokio::sync::oneshot;
use vigie_model::TenantId;

/// A bounded number of queries run; the others wait, each tenant's in a queue of its own.
///
/// The next turn goes to the waiting tenant that has the fewest queries running, and between equals to the one
/// that has waited longest since its last: however many queries a tenant asks, another's first one waits for one
/// of them to end and not for all.
#[derive(Debug)]
pub(crate) struct Turns {
    max_running: usize,
    max_waiting_per_tenant: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    /// Only of tenants that run or wait.
    tenants: HashMap<TenantId, Tenant>,
    /// Counts turns, for the order between tenants.
    clock: u64,
}

#[derive(Debug, Default)]
struct Tenant {
    running: usize,
    waiting: VecDeque<oneshot::Sender<Turn>>,
    /// When it got a turn last, or began to wait for its first.
    since: u64,
}

/// The tenant has too many queries waiting already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueFull;

/// A place among the running queries until dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    /// `None` once it was given back by other means.
    held: Option<(Arc<Turns>, TenantId)>,
}

impl Turns {
    pub(crate) fn new(max_running: usize, max_waiting_per_tenant: usize) -> Arc<Turns> {
        Arc::new(Turns {
            max_running: max_running.max(1),
            max_waiting_per_tenant,
            state: Mutex::default(),
        })
    }

    /// Waits for a turn. Whoever stops waiting leaves the queue.
    pub(crate) async fn acquire(self: &Arc<Turns>, tenant: &TenantId) -> Result<Turn, QueueFull> {
        let receiver = {
            let mut state = self.lock();
            state.clock += 1;
            let clock = state.clock;
            let is_free = state.running < self.max_running;
            let entry = state.tenants.entry(tenant.clone()).or_insert_with(|| Tenant {
                since: clock,
                ..Tenant::default()
            });
            // Those that gave up no longer count.
            entry.waiting.retain(|waiting| !waiting.is_closed());
            if is_free {
                // Nobody waits while there is room: a turn that ends is passed on at once.
                entry.running += 1;
                entry.since = clock;
                state.running += 1;
                return Ok(self.turn(tenant.clone()));
            }
            if entry.waiting.len() >= self.max_waiting_per_tenant {
                state.forget_if_idle(tenant);
                return Err(QueueFull);
            }
            let (sender, receiver) = oneshot::channel();
            entry.waiting.push_back(sender);
            receiver
        };
        // A sender is only dropped by giving a turn, or after its receiver.
        receiver.await.map_err(|_| QueueFull)
    }

    fn turn(self: &Arc<Turns>, tenant: TenantId) -> Turn {
        Turn {
            held: Some((Arc::clone(self), tenant)),
        }
    }

    fn end(self: &Arc<Turns>, ended: &TenantId) {
        let mut state = self.lock();
        state.running -= 1;
        if let Some(tenant) = state.tenants.get_mut(ended) {
            tenant.running -= 1;
        }
        while state.running < self.max_running
            && let Some((name, waiting)) = state.next()
        {
            if let Err(mut unwanted) = waiting.send(self.turn(name.clone())) {
                // It gave up. Its turn must not come back here, where the lock is held.
                unwanted.held = None;
                continue;
            }
            state.clock += 1;
            let clock = state.clock;
            state.running += 1;
            if let Some(tenant) = state.tenants.get_mut(&name) {
                tenant.running += 1;
                tenant.since = clock;
            }
        }
        state.forget_if_idle(ended);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes the query whose turn it is out of its queue.
    fn next(&mut self) -> Option<(TenantId, oneshot::Sender<Turn>)> {
        for tenant in self.tenants.values_mut() {
            tenant.waiting.retain(|waiting| !waiting.is_closed());
        }
        self.tenants
            .retain(|_, tenant| tenant.running > 0 || !tenant.waiting.is_empty());
        let (name, tenant) = self
            .tenants
            .iter_mut()
            .filter(|(_, tenant)| !tenant.waiting.is_empty())
            .min_by_key(|(_, tenant)| (tenant.running, tenant.since))?;
        let waiting = tenant.waiting.pop_front()?;
        Some((name.clone(), waiting))
    }

    fn forget_if_idle(&mut self, tenant: &TenantId) {
        let is_idle = |tenant: &Tenant| tenant.running == 0 && tenant.waiting.is_empty();
        if self.tenants.get(tenant).is_some_and(is_idle) {
            self.tenants.remove(tenant);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some((turns, tenant)) = self.held.take() {
            turns.end(&tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn tenant(name: &str) -> TenantId {
        TenantId::new(name).unwrap()
    }

    /// Whether the future is done, without waiting.
    fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    #[test]
    fn a_tenant_with_few_queries_does_not_wait_for_all_of_another() {
        let turns = Turns::new(2, 10);
        let (many, few) = (tenant("many"), tenant("few"));
        let first = poll(pin!(turns.acquire(&many))).unwrap().unwrap();
        let second = poll(pin!(turns.acquire(&many))).unwrap().unwrap();
        let mut third = pin!(turns.acquire(&many));
        let mut fourth = pin!(turns.acquire(&many));
        let mut other = pin!(turns.acquire(&few));
        for waiting in [third.as_mut(), fourth.as_mut(), other.as_mut()] {
            assert!(poll(waiting).is_none());
        }
        drop(first);
        assert!(poll(third.as_mut()).is_none());
        let other = poll(other).unwrap().unwrap();
        drop(second);
        let third = poll(third).unwrap().unwrap();
        assert!(poll(fourth.as_mut()).is_none());
        drop(other);
        let fourth = poll(fourth).unwrap().unwrap();
        drop((third, fourth));
        assert!(turns.lock().tenants.is_empty());
        assert_eq!(turns.lock().running, 0);
    }

    #[test]
    fn queues_are_bounded_each_by_itself() {
        let turns = Turns::new(1, 1);
        let (one, two) = (tenant("one"), tenant("two"));
        let _running = poll(pin!(turns.acquire(&one))).unwrap().unwrap();
        let mut waiting = pin!(turns.acquire(&one));
        assert!(poll(waiting.as_mut()).is_none());
        assert_eq!(poll(pin!(turns.acquire(&one))).unwrap().unwrap_err(), QueueFull);
        assert!(poll(pin!(turns.acquire(&two))).is_none());
    }

    #[test]
    fn who_gives_up_frees_its_place_and_its_turn() {
        let turns = Turns::new(1, 1);
        let one = tenant("one");
        let running = poll(pin!(turns.acquire(&one))).unwrap().unwrap();
        {
            let mut given_up = pin!(turns.acquire(&one));
            assert!(poll(given_up.as_mut()).is_none());
        }
        let mut waiting = pin!(turns.acquire(&one));
        assert!(poll(waiting.as_mut()).is_none());
        drop(running);
        // Its turn came, and it goes away without having looked.
        assert_eq!(turns.lock().running, 1);
        waiting.set(turns.acquire(&one));
        assert!(poll(waiting).unwrap().is_ok());
        assert_eq!(turns.lock().running, 0);
    }
}
