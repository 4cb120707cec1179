use bytes::Bytes;
use futures::{StreamExt, stream};

use super::single::Node;
use crate::error::RpcError;

/// Version 1, kind "vote", then the address as [`Node`] has it.
fn vote_message(group: u64) -> Vec<u8> {
    let mut message = vec![1, 2];
    message.extend_from_slice(&[9; 16]);
    message.extend_from_slice(&group.to_le_bytes());
    message.extend_from_slice(&1_u64.to_le_bytes());
    // Term, candidate, not committed, no log, no transfer.
    message.extend_from_slice(&1_000_u64.to_le_bytes());
    message.extend_from_slice(&77_u64.to_le_bytes());
    message.extend_from_slice(&[0, 0, 0]);
    message
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_for_others_and_garbage_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::start(dir.path()).await;
    let call = |message: Vec<u8>| node.replica.handle_call(message.into());
    let good = vote_message(5);
    call(good.clone()).await.unwrap();

    let refused = call(vote_message(6)).await;
    assert!(matches!(refused, Err(RpcError::WrongReplica)), "{refused:?}");
    for cut in 0..good.len() {
        let refused = call(good[..cut].to_vec()).await;
        assert!(
            matches!(refused, Err(RpcError::Malformed(_))),
            "cut at {cut}: {refused:?}"
        );
    }
    let refused = call([good, vec![0]].concat()).await;
    assert!(matches!(refused, Err(RpcError::Malformed(_))), "{refused:?}");

    // A snapshot's head with the empty position, and then nothing, not even the mark of its end.
    let mut head = vote_message(5);
    head[1] = 6;
    head.truncate(head.len() - 2);
    head.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let answers = node
        .replica
        .handle_stream(stream::iter([Bytes::from(head)]).boxed());
    let answers: Vec<_> = answers.collect().await;
    let [Err(RpcError::Malformed(reason))] = &answers[..] else {
        panic!("{answers:?}")
    };
    assert_eq!(reason, "snapshot ends early");
    node.crash().await;
}
