use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, stream};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::client::{RpcFailure, decode, unreachable};
use super::messages::{AppendRequest, AppendResult, decode_append_result, put_append};
use crate::transport::TransportError;

/// Appends taken from the library and not yet by the transport.
const QUEUED_APPENDS: usize = 8;

/// Sends a peer the appends of `input` over the messages and answers that `connect` ties together, of which `head`
/// is the first. Gives the answers in order; a refusal or a failure is the last. A peer that owes an answer for
/// `stall` is unreachable.
///
/// The connection is made when there is something to send: the library pauses after a failure by holding its next
/// request back, so a peer that refuses connections must not be tried without one.
///
/// A request that `is_void` fails the stream. When the log is purged while a lagging peer is being sent it, the
/// library may go on to ask for the purged entries, find none, and send empty requests for ever, even when a
/// snapshot has brought the peer up to date; after a failure it looks again at what the peer needs.
pub(super) fn answers<S, C, V>(
    mut input: S,
    head: Bytes,
    stall: Duration,
    is_void: V,
    connect: C,
) -> BoxStream<'static, Result<AppendResult, RpcFailure>>
where
    S: Stream<Item = AppendRequest> + Send + Unpin + 'static,
    C: FnOnce(BoxStream<'static, Bytes>) -> BoxStream<'static, Result<Bytes, TransportError>>
        + Send
        + 'static,
    V: Fn(&AppendRequest) -> bool + Send + 'static,
{
    let opening = async move {
        match input.next().await {
            None => stream::empty().boxed(),
            Some(first) if is_void(&first) => stream::iter([Err(purged())]).boxed(),
            Some(first) => {
                let source = Source { input, is_void };
                LogStream::open(source, [head, encode(&first)], stall, connect).into_answers()
            }
        }
    };
    stream::once(opening).flatten().boxed()
}

/// One stream of appends to a peer.
///
/// The library's request stream is owned and polled here, together with the answers, and only bytes go to the
/// transport. So it is dropped together with this stream, whatever the transport still does: while the next
/// request is awaited it holds a lock that the library wants again as soon as it is done with the answers. And a
/// request counts as owed from when it is taken, even if the connection never comes to be.
struct LogStream<S, V> {
    /// Until it ends, or nobody takes its requests any more.
    source: Option<(Source<S, V>, mpsc::Sender<Bytes>)>,
    answers: BoxStream<'static, Result<Bytes, TransportError>>,
    owed: u64,
    /// Since when an answer, or the end, is owed without any having come.
    owed_since: Instant,
    stall: Duration,
    /// The transport takes no more requests.
    refused: bool,
}

struct Source<S, V> {
    input: S,
    is_void: V,
}

enum Sent {
    One,
    /// There are no more.
    All,
    /// The transport takes no more.
    Refused,
    /// The next one is void.
    Void,
}

impl<S, V> LogStream<S, V>
where
    S: Stream<Item = AppendRequest> + Send + Unpin + 'static,
    V: Fn(&AppendRequest) -> bool + Send + 'static,
{
    fn open(
        source: Source<S, V>,
        head: [Bytes; 2],
        stall: Duration,
        connect: impl FnOnce(BoxStream<'static, Bytes>) -> BoxStream<'static, Result<Bytes, TransportError>>,
    ) -> Self {
        let (queue, mut queued) = mpsc::channel(QUEUED_APPENDS);
        let requests = stream::iter(head).chain(stream::poll_fn(move |cx| queued.poll_recv(cx)));
        Self {
            source: Some((source, queue)),
            answers: connect(requests.boxed()),
            owed: 1,
            owed_since: Instant::now(),
            stall,
            refused: false,
        }
    }

    fn into_answers(self) -> BoxStream<'static, Result<AppendResult, RpcFailure>> {
        stream::unfold(Some(self), |log_stream| async move {
            let mut log_stream = log_stream?;
            let answer = log_stream.next_answer().await?;
            let goes_on = matches!(answer, Ok(Ok(_)));
            Some((answer, goes_on.then_some(log_stream)))
        })
        .boxed()
    }

    async fn next_answer(&mut self) -> Option<Result<AppendResult, RpcFailure>> {
        loop {
            if self.owed == 0 && self.source.is_none() && !self.refused {
                return None;
            }
            let deadline = self.owed_since + self.stall;
            tokio::select! {
                biased;
                answer = self.answers.next() => {
                    let answer = answer?;
                    self.owed = self.owed.saturating_sub(1);
                    self.owed_since = Instant::now();
                    return Some(answer.map_err(unreachable).and_then(|bytes| decode(decode_append_result, bytes)));
                }
                () = tokio::time::sleep_until(deadline), if self.owed > 0 || self.refused => {
                    return Some(Err(unreachable(format!("no progress within {:?}", self.stall))));
                }
                Some(sent) = send_next(&mut self.source) => match sent {
                    Sent::One => {
                        if self.owed == 0 {
                            self.owed_since = Instant::now();
                        }
                        self.owed += 1;
                    }
                    Sent::All => self.source = None,
                    Sent::Void => return Some(Err(purged())),
                    // A last answer, which says why, may be on its way.
                    Sent::Refused => {
                        self.source = None;
                        self.refused = true;
                        self.owed_since = Instant::now();
                    }
                },
            }
        }
    }
}

/// Moves one request to the queue. Loses none when dropped.
async fn send_next<S, V>(source: &mut Option<(Source<S, V>, mpsc::Sender<Bytes>)>) -> Option<Sent>
where
    S: Stream<Item = AppendRequest> + Unpin,
    V: Fn(&AppendRequest) -> bool,
{
    let (Source { input, is_void }, queue) = source.as_mut()?;
    let Ok(place) = queue.reserve().await else {
        return Some(Sent::Refused);
    };
    let Some(request) = input.next().await else {
        return Some(Sent::All);
    };
    if is_void(&request) {
        return Some(Sent::Void);
    }
    place.send(encode(&request));
    Some(Sent::One)
}

fn purged() -> RpcFailure {
    unreachable("the entries to send are purged")
}

fn encode(request: &AppendRequest) -> Bytes {
    let mut out = Vec::new();
    put_append(&mut out, request);
    out.into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::network::messages::encode_append_result;
    use crate::raft_types::{Vote, log_id};

    const STALL: Duration = Duration::from_millis(100);

    fn request() -> AppendRequest {
        AppendRequest {
            vote: Vote::new(1, 1),
            prev_log_id: None,
            entries: Vec::new(),
            leader_commit: None,
        }
    }

    /// Keeps the requests and never answers.
    fn black_hole(requests: BoxStream<'static, Bytes>) -> BoxStream<'static, Result<Bytes, TransportError>> {
        requests
            .filter(|_| std::future::ready(false))
            .map(Ok)
            .chain(stream::pending())
            .boxed()
    }

    /// Answers the first `count` appends, and then no more.
    fn answering(
        count: usize,
    ) -> impl FnOnce(BoxStream<'static, Bytes>) -> BoxStream<'static, Result<Bytes, TransportError>> + Send
    {
        move |requests| {
            let answered = requests
                .skip(1)
                .enumerate()
                .take_while(move |(at, _)| std::future::ready(*at < count));
            answered
                .map(|(at, _)| Ok(encode_append_result(&Ok(Some(log_id(1, at as u64))))))
                .chain(stream::pending())
                .boxed()
        }
    }

    async fn collect(
        requests: usize,
        then_idle: bool,
        connect: impl FnOnce(BoxStream<'static, Bytes>) -> BoxStream<'static, Result<Bytes, TransportError>>
        + Send
        + 'static,
    ) -> (usize, bool) {
        let input = stream::iter(std::iter::repeat_with(request).take(requests));
        let input = if then_idle {
            input.chain(stream::pending()).boxed()
        } else {
            input.boxed()
        };
        let answers = answers(input, Bytes::new(), STALL, |_| false, connect);
        let all: Vec<_> = answers.collect().await;
        let good = all.iter().filter(|answer| answer.is_ok()).count();
        (good, all.last().is_some_and(|last| last.is_err()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_with_its_requests_and_fails_when_answers_stay_away() {
        assert_eq!(collect(3, false, answering(3)).await, (3, false));
        assert_eq!(
            collect(20, false, answering(20)).await,
            (20, false),
            "more than the queue holds"
        );
        assert_eq!(collect(3, true, answering(2)).await, (2, true));
        assert_eq!(
            collect(1, true, black_hole).await,
            (0, true),
            "a connection that never comes to be"
        );
        assert_eq!(collect(20, true, black_hole).await, (0, true));
        assert_eq!(
            collect(20, true, |_| stream::pending().boxed()).await,
            (0, true),
            "requests are refused"
        );
        assert_eq!(collect(20, true, |_| stream::empty().boxed()).await, (0, false));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_connected_or_owed_while_there_is_nothing_to_send() {
        let idle = collect(0, true, |_| panic!("connected without a request"));
        assert!(tokio::time::timeout(STALL * 100, idle).await.is_err());
        let answered = collect(2, true, answering(2));
        assert!(
            tokio::time::timeout(STALL * 100, answered).await.is_err(),
            "an idle stream stays open"
        );
    }

    #[tokio::test]
    async fn dropping_the_answers_drops_the_requests_though_the_transport_keeps_its_end() {
        let held = Arc::new(());
        let guard = held.clone();
        let input = stream::iter([request()])
            .chain(stream::pending())
            .inspect(move |_| drop(guard.clone()));
        let (keep, mut kept) = tokio::sync::oneshot::channel();
        let mut answers = answers(
            input.boxed(),
            Bytes::new(),
            STALL,
            |_| false,
            move |requests| {
                keep.send(requests).ok();
                stream::pending().boxed()
            },
        );
        assert!(futures::poll!(answers.next()).is_pending());
        drop(answers);
        assert_eq!(Arc::strong_count(&held), 1);
        // And the transport is told the end, after the head and the first request.
        assert_eq!(kept.try_recv().unwrap().count().await, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_void_request_fails_the_stream_wherever_it_comes() {
        for at in 0..3 {
            let input = stream::iter(0..3).map(move |index| AppendRequest {
                prev_log_id: (index == at).then(|| log_id(1, 0)),
                ..request()
            });
            let is_void = |request: &AppendRequest| request.prev_log_id.is_some();
            let all: Vec<_> = answers(input, Bytes::new(), STALL, is_void, answering(3))
                .collect()
                .await;
            assert!(all.last().is_some_and(Result::is_err), "{at}: {all:?}");
        }
    }
}
