//! What people who watch the process should know, and who watches.

use parking_lot::Mutex;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use vigie_api::Notification;

pub(crate) const RELOAD_FAILED: &str = "Configuration reload has failed.";
pub(crate) const STARTING: &str = "Prometheus is starting and replaying the write-ahead log (WAL).";
pub(crate) const STOPPING: &str = "Prometheus is shutting down and gracefully stopping all operations.";

/// Changes that a slow listener may lag behind; it misses what comes after.
const LISTENER_DEPTH: usize = 16;

#[derive(Debug)]
pub(crate) struct Notifications {
    max_listeners: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    active: Vec<Notification>,
    listeners: Vec<Sender<Notification>>,
    is_over: bool,
}

impl Notifications {
    pub(crate) fn new(max_listeners: usize) -> Notifications {
        Notifications {
            max_listeners,
            state: Mutex::default(),
        }
    }

    /// Begins it, or confirms that it goes on.
    pub(crate) fn begin(&self, text: &str, now_ms: i64) {
        let mut state = self.state.lock();
        state.active.retain(|known| known.text != text);
        let notification = Notification {
            text: text.to_owned(),
            date_ms: now_ms,
            active: true,
        };
        state.active.push(notification.clone());
        state.tell(&notification);
    }

    pub(crate) fn end(&self, text: &str) {
        let mut state = self.state.lock();
        if let Some(position) = state.active.iter().position(|known| known.text == text) {
            let mut notification = state.active.remove(position);
            notification.active = false;
            state.tell(&notification);
        }
    }

    /// Lets the listeners go, so that their connections can end.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.listeners.clear();
        state.is_over = true;
    }

    pub(crate) fn active(&self) -> Vec<Notification> {
        self.state.lock().active.clone()
    }

    /// `None` if as many as may listen do, or the process ends.
    pub(crate) fn listen(&self) -> Option<Receiver<Notification>> {
        let mut state = self.state.lock();
        state.listeners.retain(|listener| !listener.is_closed());
        if state.is_over || state.listeners.len() >= self.max_listeners {
            return None;
        }
        let (sender, receiver) = channel(LISTENER_DEPTH);
        for notification in &state.active {
            // There are fewer kinds than places.
            let _ = sender.try_send(notification.clone());
        }
        state.listeners.push(sender);
        Some(receiver)
    }
}

impl State {
    fn tell(&self, notification: &Notification) {
        for listener in &self.listeners {
            // Nobody waits for a listener that does not read.
            let _ = listener.try_send(notification.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_hear_what_is_and_what_changes() {
        let notifications = Notifications::new(1);
        notifications.begin("a", 1);
        let mut listener = notifications.listen().unwrap();
        assert!(notifications.listen().is_none());
        notifications.begin("a", 2);
        notifications.end("a");
        notifications.end("never begun");
        notifications.close();
        let heard: Vec<_> = std::iter::from_fn(|| listener.try_recv().ok())
            .map(|heard| (heard.date_ms, heard.active))
            .collect();
        assert_eq!(heard, [(1, true), (2, true), (2, false)]);
        assert!(notifications.active().is_empty());
        assert!(notifications.listen().is_none());
    }
}
