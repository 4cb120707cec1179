use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;
use parking_lot::Mutex;

/// The first half of a stream cut in two: what the transport pulls from.
///
/// The library holds a lock inside the request stream while the next request is awaited, and wants that lock
/// again as soon as it is done with the responses. So the stream must be gone by then, whatever the
/// transport still does with it.
pub(crate) struct Severable<S>(Arc<Mutex<Option<S>>>);

/// Drops the stream when it is dropped itself.
pub(crate) struct Sever<S>(Arc<Mutex<Option<S>>>);

pub(crate) fn severable<S>(stream: S) -> (Severable<S>, Sever<S>) {
    let shared = Arc::new(Mutex::new(Some(stream)));
    (Severable(shared.clone()), Sever(shared))
}

impl<S: Stream + Unpin> Stream for Severable<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        match &mut *self.0.lock() {
            None => Poll::Ready(None),
            Some(stream) => Pin::new(stream).poll_next(cx),
        }
    }
}

impl<S> Drop for Sever<S> {
    fn drop(&mut self) {
        let stream = self.0.lock().take();
        drop(stream);
    }
}
