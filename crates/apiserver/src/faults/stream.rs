//! Watches that begin well and end badly.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::WatchEnd;
use crate::error::ApiError;

/// What the client of a struck watch reads: what comes through `chunks` (a line an event), until so many events or so
/// much time, then the end.
pub fn strike(
    mut chunks: mpsc::Receiver<Bytes>,
    end: WatchEnd,
    events: Option<u64>,
    open: Option<Duration>,
) -> mpsc::Receiver<Bytes> {
    // One chunk ahead: as much as the writer of an honest watch may be, less its own queue.
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let until = open.map(|time| Instant::now() + time);
        let mut left = events;
        let mut torn = None;
        while left != Some(0) {
            let chunk = tokio::select! {
                chunk = chunks.recv() => chunk,
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => break,
                () = sender.closed() => return,
            };
            let Some(chunk) = chunk else { return };
            let (pass, rest) = split(chunk, &mut left);
            torn = rest;
            if sender.send(pass).await.is_err() {
                return;
            }
        }
        match end {
            WatchEnd::Close => {}
            WatchEnd::Tear => {
                let half = torn.unwrap_or_else(|| Bytes::from_static(b"{\"type\":\"MODIFIED\",\"object\":{"));
                let line = half.iter().position(|b| *b == b'\n').unwrap_or(half.len());
                let _ = sender.send(half.slice(..line / 2 + 1)).await;
            }
            WatchEnd::Gone => {
                let status = ApiError::expired("too old resource version").to_status();
                let event = serde_json::json!({"type": "ERROR", "object": status});
                let _ = sender.send(Bytes::from(format!("{event}\n"))).await;
            }
            WatchEnd::Stall => {
                drop(chunks);
                sender.closed().await;
            }
        }
    });
    receiver
}

/// The part of a chunk within the events that are left, and what follows it.
fn split(chunk: Bytes, left: &mut Option<u64>) -> (Bytes, Option<Bytes>) {
    let Some(left) = left else { return (chunk, None) };
    let mut chunk = BytesMut::from(chunk);
    for at in 0..chunk.len() {
        if chunk[at] == b'\n' {
            *left -= 1;
            if *left == 0 {
                let rest = chunk.split_off(at + 1).freeze();
                return (chunk.freeze(), (!rest.is_empty()).then_some(rest));
            }
        }
    }
    (chunk.freeze(), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(end: WatchEnd, events: u64) -> String {
        let (sender, receiver) = mpsc::channel(4);
        sender.send(Bytes::from_static(b"{1}\n{2}\n{3333}\n")).await.unwrap();
        let mut struck = strike(receiver, end, Some(events), None);
        let mut text = String::new();
        while let Some(chunk) = struck.recv().await {
            text.push_str(&String::from_utf8_lossy(&chunk));
        }
        text
    }

    #[tokio::test]
    async fn so_many_events_pass_and_then_it_ends() {
        assert_eq!(read(WatchEnd::Close, 2).await, "{1}\n{2}\n");
        assert_eq!(read(WatchEnd::Tear, 2).await, "{1}\n{2}\n{333");
        assert!(read(WatchEnd::Gone, 1).await.starts_with("{1}\n{\"object\":{"));
    }
}
