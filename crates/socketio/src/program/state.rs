//! What the lock protects.

use super::carrying::Jobs;
use super::error::Error;
use super::inbox::{Answered, Inbox};
use crate::EncodedArgs;
use crate::client::{Client, EmitError, Event, Question, Socket, Unanswered};
use alloc::vec::Vec;
use core::mem;
use core::task::{Context, Waker};
use sansio_ws::deadlines::Instant;

pub(crate) struct State {
    pub(super) machine: Client,
    pub(super) inbox: Inbox,
    pub(super) jobs: Jobs,
    /// The program closes, and takes no more events before that is done.
    pub(crate) is_closing: bool,
    /// The client is gone.
    pub(super) stops: bool,
    /// The task that carries out, and that of the program.
    work: Option<Waker>,
    news: Option<Waker>,
    woken: Vec<Waker>,
}

impl State {
    pub(super) fn new(machine: Client) -> Self {
        Self {
            machine,
            inbox: Inbox::default(),
            jobs: Jobs::default(),
            is_closing: false,
            stops: false,
            work: None,
            news: None,
            woken: Vec::new(),
        }
    }

    /// Hands out what the machine has to say.
    pub(super) fn carry_out(&mut self, now: Instant) {
        loop {
            self.take_events();
            let Some(output) = self.machine.poll_output(now) else { break };
            self.jobs.add(output);
        }
    }

    /// An event that was returned; what is polled comes before it.
    pub(super) fn deliver(&mut self, event: Event<'static>) {
        self.take_events();
        self.woken.extend(self.inbox.put(event));
    }

    fn take_events(&mut self) {
        while let Some(event) = self.machine.poll_event() {
            self.woken.extend(self.inbox.put(event));
        }
    }

    /// Whether something may be read that the program may have to take.
    pub(crate) fn has_room(&self) -> bool {
        self.is_closing || !self.inbox.is_full()
    }

    /// Whether no event will come by itself.
    pub(crate) fn is_over(&self) -> bool {
        self.stops || self.machine.is_idle()
    }

    /// Whether all that was said before the client has closed has left, when nothing is under way any more.
    pub(crate) fn outcome_of_close(&mut self) -> Option<Result<(), Error>> {
        let is_at_rest = self.stops || (self.machine.is_idle() && self.jobs.is_at_rest());
        is_at_rest.then(|| {
            let waits = self.machine.sockets().any(|socket| self.machine.waiting(socket) > 0);
            let is_lost = self.machine.session().was_cut_off();
            if waits || is_lost { Err(Error::Unsent) } else { Ok(()) }
        })
    }

    /// Makes all sockets leave.
    pub(crate) fn close(&mut self, now: Instant) {
        self.machine.close(now);
        self.is_closing = true;
    }

    /// Sends an event. With retries it is told if it is never answered, so there has to be room for that.
    pub(super) fn emit(
        &mut self,
        now: Instant,
        socket: Socket,
        event: &EncodedArgs,
    ) -> Result<(), EmitError> {
        if self.machine.retries() && self.inbox.is_full() {
            self.inbox.want_room();
            return Err(EmitError::Full);
        }
        self.machine.emit(now, socket, event)
    }

    pub(crate) fn next_event(&mut self) -> Option<Event<'static>> {
        self.inbox.next()
    }

    /// Whether a socket was connected, if that is decided.
    pub(crate) fn outcome_of(&self, socket: Socket) -> Option<Result<(), Error>> {
        let outcome = self.inbox.outcome_of(socket);
        outcome.or_else(|| self.stops.then_some(Err(Error::Emit(EmitError::Gone))))
    }

    /// The answer, if it has come or will not. If neither, the task is woken when that changes.
    pub(super) fn answer(
        &mut self,
        question: Question,
        cx: Option<&Context<'_>>,
    ) -> Option<Answered> {
        let answer = self.inbox.take_answer(question, cx);
        answer.or_else(|| self.stops.then_some(Err(Unanswered::Disconnected)))
    }

    /// The next moment at which something is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.machine.poll_timeout()
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.machine.handle_timeout(now);
    }

    /// Ends whatever is under way: nothing will be carried out any more.
    pub(super) fn stop(&mut self) {
        self.stops = true;
        self.jobs.abort_all();
        self.woken.extend(self.inbox.waiting_tasks());
    }

    #[cfg(feature = "tokio")]
    pub(super) fn wait_for_work(&mut self, cx: &Context<'_>) {
        self.work = Some(cx.waker().clone());
    }

    #[cfg(feature = "tokio")]
    pub(super) fn wait_for_news(&mut self, cx: &Context<'_>) {
        self.news = Some(cx.waker().clone());
    }

    /// The tasks that may get on.
    pub(super) fn take_woken(&mut self) -> impl Iterator<Item = Waker> + use<> {
        let Self { woken, work, news, .. } = self;
        mem::take(woken).into_iter().chain(work.take()).chain(news.take())
    }
}
