//! How batches are cut from the queue.

use super::*;
use crate::pipeline::counter::{Command, Counter, add};

/// The numbers in the next batch.
async fn next(queue: &mut QueueReceiver<Counter>) -> Vec<i64> {
    let batch = queue.next_batch().await.unwrap();
    let number = |job: &Job<Counter>| match job.request.command {
        Command::Add(number) => number,
        _ => panic!("not asked for"),
    };
    batch.iter().map(number).collect()
}

fn queue(limits: QueueLimits) -> (QueueSender<Counter>, QueueReceiver<Counter>) {
    bounded(limits, CancellationToken::new())
}

#[tokio::test]
async fn a_batch_is_what_waits_up_to_its_number_of_commands() {
    let (sender, mut receiver) = queue(QueueLimits { batch_commands: 2, ..Default::default() });
    for number in 1..=5 {
        sender.try_push(add(1, number)).unwrap();
    }
    assert_eq!(sender.depth(), 5);
    assert_eq!(next(&mut receiver).await, [1, 2]);
    assert_eq!(sender.depth(), 3);
    assert_eq!(next(&mut receiver).await, [3, 4]);
    assert_eq!(next(&mut receiver).await, [5]);
    assert_eq!(sender.depth(), 0);
}

#[tokio::test]
async fn a_batch_is_full_with_the_command_that_reaches_its_bytes() {
    let (sender, mut receiver) = queue(QueueLimits { batch_bytes: 100, ..Default::default() });
    for (weight, number) in [(50, 1), (49, 2), (70, 3), (100, 4), (1, 5), (300, 6), (99, 7)] {
        sender.try_push(Request { weight, ..add(1, number) }).unwrap();
    }
    assert_eq!(next(&mut receiver).await, [1, 2, 3]);
    assert_eq!(next(&mut receiver).await, [4]);
    assert_eq!(next(&mut receiver).await, [5, 6]);
    assert_eq!(next(&mut receiver).await, [7]);
}

#[tokio::test]
async fn carried_requests_come_first_and_count() {
    let (sender, mut receiver) = queue(QueueLimits { batch_commands: 3, ..Default::default() });
    for number in 1..=5 {
        sender.try_push(add(1, number)).unwrap();
    }
    let batch = receiver.next_batch().await.unwrap();
    receiver.carry(batch.into_iter().skip(1).collect());
    assert_eq!(next(&mut receiver).await, [2, 3, 4]);
    assert_eq!(next(&mut receiver).await, [5]);
}
