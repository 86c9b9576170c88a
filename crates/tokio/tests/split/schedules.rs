//! All orders in which tasks can be polled, dropped, and woken by the stream.
//!
//! Each poll holds the lock for all of its time, so nothing else can come in between: what is tried here is everything that
//! can happen. A schedule is a list of choices. After each run the last choice that has another possibility takes that one.

use crate::support::{Peer, Stream, frame, frames, poll_once, server_with};
use core::pin::{Pin, pin};
use core::task::{Context, Poll, Waker};
use sansio_ws::deadlines::Timeouts;
use sansio_ws::{Config, Limits};
use sansio_ws_tokio::{Error, Reader, Writer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

/// The choices of a schedule: which of how many.
#[derive(Default)]
struct Schedule {
    choices: Vec<(usize, usize)>,
    at: usize,
}

impl Schedule {
    fn choose(&mut self, of: usize) -> usize {
        assert!(of > 0);
        if self.at == self.choices.len() {
            self.choices.push((0, of));
        }
        let (choice, possible) = self.choices[self.at];
        assert_eq!(possible, of, "the same choices lead to the same place");
        self.at += 1;
        choice
    }

    /// The next schedule; `false` when all have been tried.
    fn advance(&mut self) -> bool {
        self.at = 0;
        while let Some((choice, of)) = self.choices.pop() {
            if choice + 1 < of {
                self.choices.push((choice + 1, of));
                return true;
            }
        }
        false
    }
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

type TaskFuture = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

struct Task {
    future: Option<TaskFuture>,
    woken: Arc<Flag>,
    /// Whether its end is awaited, and it is not dropped before.
    stays: bool,
}

impl Task {
    fn new(future: impl Future<Output = Result<(), Error>> + 'static, stays: bool) -> Self {
        let woken = Arc::new(Flag(AtomicBool::new(true)));
        Self { future: Some(Box::pin(future)), woken, stays }
    }

    fn is_ready(&self) -> bool {
        self.future.is_some() && self.woken.0.load(Ordering::Relaxed)
    }

    fn poll(&mut self) {
        self.woken.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&self.woken));
        let future = self.future.as_mut().unwrap();
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            done.unwrap();
            self.future = None;
        }
    }
}

#[derive(Clone, Copy)]
enum Step {
    Poll(usize),
    Drop(usize),
    Take,
}

/// Runs one schedule to its end: nobody is woken any more, and the stream takes everything. Those who stay must be done then.
fn run(
    schedule: &mut Schedule,
    tasks: &mut [Task],
    peer: &Peer,
    room: usize,
    takes: usize,
    drops: usize,
) {
    let (mut takes, mut drops) = (takes, drops);
    loop {
        let mut steps: Vec<Step> =
            (0..tasks.len()).filter(|&at| tasks[at].is_ready()).map(Step::Poll).collect();
        if drops > 0 {
            let droppable =
                (0..tasks.len()).filter(|&at| tasks[at].future.is_some() && !tasks[at].stays);
            steps.extend(droppable.map(Step::Drop));
        }
        if takes > 0 {
            steps.push(Step::Take);
        }
        if steps.is_empty() {
            break;
        }
        match steps[schedule.choose(steps.len())] {
            Step::Poll(at) => tasks[at].poll(),
            Step::Drop(at) => {
                drops -= 1;
                tasks[at].future = None;
            }
            Step::Take => {
                takes -= 1;
                peer.set_room(room);
            }
        }
    }
    // From here on only what was woken is polled.
    peer.set_room(usize::MAX);
    while let Some(task) = tasks.iter_mut().find(|task| task.is_ready()) {
        task.poll();
    }
    for (at, task) in tasks.iter().enumerate() {
        assert!(
            task.future.is_none() || !task.stays,
            "task {at} sleeps on: {:?}",
            schedule.choices
        );
    }
}

/// All schedules of these tasks. `check` gets the number of bytes that the peer has got by then, and what it gets in all.
fn explore(
    limit: usize,
    (room, takes, drops): (usize, usize, usize),
    tasks: impl Fn(Reader<Stream>, Writer<Stream>, &Peer) -> Vec<Task>,
    check: impl Fn(usize, &[(u8, Vec<u8>)]),
) -> usize {
    let mut schedule = Schedule::default();
    let mut count = 0;
    loop {
        let limits = Limits::default().max_queued_bytes(limit);
        let (socket, peer) = server_with(Config::default().limits(limits), Timeouts::NONE);
        peer.set_room(0);
        let (reader, writer) = socket.split();
        let mut tasks = tasks(reader, writer.clone(), &peer);
        run(&mut schedule, &mut tasks, &peer, room, takes, drops);
        let taken = peer.taken().len();
        // What those have left behind who were dropped is intact.
        let flushed = poll_once(pin!(writer.flush()));
        assert!(matches!(flushed, Poll::Ready(Ok(()))), "{:?}", schedule.choices);
        check(taken, &frames(&peer.taken()));
        count += 1;
        if !schedule.advance() {
            return count;
        }
    }
}

fn send(writer: &Writer<Stream>, text: &'static str, stays: bool) -> Task {
    let writer = writer.clone();
    Task::new(async move { writer.send_text(text).await }, stays)
}

fn has(frames: &[(u8, Vec<u8>)], text: &str) -> bool {
    frames.iter().any(|frame| *frame == (1, text.as_bytes().to_vec()))
}

#[test]
fn three_writers_of_which_any_two_may_be_dropped() {
    let count = explore(
        1000,
        (3, 2, 2),
        |_, writer, _| {
            vec![
                send(&writer, "aaaa", false),
                send(&writer, "bbbb", false),
                send(&writer, "cccc", true),
            ]
        },
        |_, frames| assert!(has(frames, "cccc")),
    );
    assert!(count > 1000, "{count}");
}

/// A large message is offered to the stream together with what is queued, which others may be waiting for.
#[test]
fn a_large_message_takes_the_others_along() {
    let count = explore(
        1000,
        (200_000, 1, 1),
        |_, writer, _| {
            let large = writer.clone();
            let sending = Task::new(async move { large.send_binary(&[7; 70_000]).await }, true);
            let others = [send(&writer, "aaaa", false), send(&writer, "bbbb", true)];
            others.into_iter().chain([send(&writer, "cccc", true), sending]).collect()
        },
        |_, frames| assert!(has(frames, "bbbb") && has(frames, "cccc")),
    );
    assert!(count > 100, "{count}");
}

/// A queue of one byte is full with any message, so all wait for room, and then for their position.
#[test]
fn writers_that_wait_for_room() {
    let count = explore(
        1,
        (7, 2, 1),
        |_, writer, _| {
            let fed = writer.clone();
            let feeding = Task::new(
                async move {
                    fed.feed_text("dddd").await?;
                    fed.flush().await
                },
                true,
            );
            vec![send(&writer, "aaaa", false), send(&writer, "bbbb", true), feeding]
        },
        |_, frames| assert!(has(frames, "bbbb") && has(frames, "dddd")),
    );
    assert!(count > 1000, "{count}");
}

/// The reader answers a ping, and may stop reading at any time.
#[test]
fn a_reader_beside_two_writers() {
    let count = explore(
        1000,
        (5, 2, 2),
        |mut reader, writer, peer| {
            peer.send(&frame(9, b"ping"));
            let reading = Task::new(
                async move {
                    while reader.read().await?.is_some() {}
                    Ok(())
                },
                false,
            );
            vec![reading, send(&writer, "aaaa", false), send(&writer, "bbbb", true)]
        },
        |_, frames| assert!(has(frames, "bbbb")),
    );
    assert!(count > 1000, "{count}");
}

/// What is fed, and the pong, leave without another send as long as the reader is polled.
#[test]
fn a_reader_that_writes_what_is_fed() {
    let count = explore(
        1000,
        (5, 2, 1),
        |mut reader, writer, peer| {
            peer.send(&frame(9, b"ping"));
            let reading = Task::new(
                async move {
                    reader.read().await?;
                    reader.read().await.map(|_| ())
                },
                false,
            );
            let fed = writer.clone();
            let feeding = Task::new(async move { fed.feed_text("dddd").await }, true);
            vec![reading, feeding, send(&writer, "aaaa", false)]
        },
        |_, _| {},
    );
    assert!(count > 100, "{count}");
    // The same without drops: then all of it has left.
    let count = explore(
        1000,
        (5, 3, 0),
        |mut reader, writer, peer| {
            peer.send(&frame(9, b"ping"));
            let reading = async move {
                while reader.read().await?.is_some() {}
                Ok(())
            };
            let fed = writer.clone();
            let feeding = async move { fed.feed_text("dddd").await };
            let sending = send(&writer, "aaaa", true);
            vec![Task::new(reading, false), Task::new(feeding, true), sending]
        },
        |taken, frames| {
            assert_eq!(taken, 3 * 6, "nothing was left behind");
            assert!(has(frames, "aaaa") && has(frames, "dddd"));
            assert!(frames.contains(&(10, b"ping".to_vec())));
        },
    );
    assert!(count > 100, "{count}");
}
