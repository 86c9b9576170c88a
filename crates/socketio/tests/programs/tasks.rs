//! What is the tokio client's own.

use super::{PATIENCE, serve};
use sansio_socketio::client::{Reconnection, Transport, Unanswered};
use sansio_socketio::tokio::{Client, Error, Event};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};

/// Polls a future once, and drops it.
async fn once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// What has to come. A task that is not woken fails, and does not wait for ever.
async fn in_time<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it comes")
}

#[tokio::test]
async fn futures_that_are_dropped_have_lost_nothing() {
    const NUMBER: u32 = 2_000;
    let server = serve();
    let mut client = in_time(Client::connect(&server.url)).await.unwrap();
    client.emit("flood", &(NUMBER,)).unwrap();
    let mut expected = 0;
    while expected < NUMBER {
        let event = match once(client.next()).await {
            Some(event) => event,
            None => in_time(client.next()).await,
        };
        if let Event::Event { args, .. } = event.unwrap() {
            assert_eq!(args.get::<u32>(0).unwrap(), expected);
            expected += 1;
        }
    }
    // An answer that nobody waits for is nobody's.
    drop(client.ask("plus", &(0, 0), PATIENCE));
    let mut answer = pin!(client.ask("plus", &(1, 2), PATIENCE));
    assert!(once(answer.as_mut()).await.is_none());
    assert_eq!(in_time(answer).await.unwrap().get::<i64>(0).unwrap(), 3);
    // It goes on closing, and what is left can be waited for again.
    assert!(once(client.disconnect()).await.is_none());
    in_time(client.disconnect()).await.unwrap();
    tokio::task::spawn_blocking(|| server.end()).await.unwrap();
}

/// Many questions are under way at once, each waited for in its own task.
#[tokio::test]
async fn answers_come_to_whoever_has_asked() {
    let server = serve();
    let client = in_time(Client::connect(&server.url)).await.unwrap();
    let tasks: Vec<_> =
        (0..100).map(|number| tokio::spawn(client.ask("plus", &(number, 1), PATIENCE))).collect();
    for (number, task) in (1..).zip(tasks) {
        assert_eq!(in_time(task).await.unwrap().unwrap().get::<i64>(0).unwrap(), number);
    }
    let late = client.ask("nobody-answers", &(), Duration::from_millis(1)).await;
    assert!(matches!(late, Err(Error::Unanswered(Unanswered::TimedOut))), "{late:?}");
    drop(client);
    tokio::task::spawn_blocking(|| server.end()).await.unwrap();
}

/// The client stops with the runtime on which it was made, and tells those who wait.
#[test]
fn a_runtime_that_ends_is_told_of() {
    let server = serve();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut client = runtime.block_on(Client::connect(&server.url)).unwrap();
    let answer = client.ask("nobody-answers", &(), PATIENCE);
    drop(runtime);
    let other = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let told = other.block_on(in_time(answer));
    assert!(matches!(told, Err(Error::Unanswered(Unanswered::Disconnected))), "{told:?}");
    let rest = async { while client.next().await.is_some() {} };
    other.block_on(in_time(rest));
    server.end();
}

#[test]
fn without_a_runtime_there_is_no_client() {
    assert!(matches!(Client::builder("http://127.0.0.1:1").start(), Err(Error::Io(_))));
}

/// Nobody listens there, which the system says at once: all of the time passes between the attempts, on the clock of tokio.
#[tokio::test(start_paused = true)]
async fn attempts_come_when_they_are_due() {
    let begun = Instant::now();
    let reconnection = Reconnection::new().jitter(0).attempts(5);
    let mut client = Client::builder("http://127.0.0.1:1")
        .transports([Transport::Polling])
        .reconnection(reconnection)
        .start()
        .unwrap();
    let mut attempts = vec![];
    let mut last = None;
    while let Some(event) = in_time(client.next()).await {
        if let Event::Reconnecting { attempt } = event {
            attempts.push((attempt, begun.elapsed().as_secs()));
        }
        last = Some(event);
    }
    assert_eq!(attempts, [(1, 1), (2, 3), (3, 7), (4, 12), (5, 17)]);
    assert!(matches!(last, Some(Event::ReconnectError(_))), "{last:?}");
}

/// A request that is held, and the connection of it, end with the client.
#[tokio::test]
async fn nothing_is_left_of_a_client_that_is_dropped() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let client = Client::builder(&url).transports([Transport::Polling]).start().unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let mut buffer = vec![0; 4096];
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        stream.readable().await.unwrap();
        if let Ok(read @ 1..) = stream.try_read(&mut buffer) {
            head.extend_from_slice(&buffer[..read]);
        }
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    assert!(!head.contains("content-length") && !head.contains("user-agent"), "{head}");
    drop(client);
    loop {
        stream.readable().await.unwrap();
        match stream.try_read(&mut buffer) {
            Ok(0) => break,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            other => panic!("{other:?}"),
        }
    }
}
