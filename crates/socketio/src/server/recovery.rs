//! Clients that were cut off and come back as the same socket (S21 to S24).
//!
//! ```text
//!            lost                  its time is over, or there are too many
//!  open ─────────────▶ away ──────────────────────────────────────────▶ forgotten
//!    ▲                  │ CONNECT with its pid
//!    └──────────────────┘ what it has missed, then the answer
//! ```

use super::log::{Audience, Log};
use super::sending::Unit;
use super::sockets::Stage;
use super::{DisconnectReason, Server, Socket};
use crate::packet::PacketKind;
use crate::sessions::Sessions;
use crate::{EncodedArgs, Recovery, json};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::mem::size_of;
use sansio_engineio::{CloseReason, NoEntropy, Session, SessionId};
use sansio_ws::deadlines::Instant;

/// What the server keeps for sockets that may come back.
pub(super) struct Keep {
    settings: Recovery,
    /// What all offsets of this run begin with: those of an earlier one are unknown.
    run: String,
    /// The number of the next event.
    next: u64,
    /// By the places of their namespaces.
    logs: BTreeMap<u32, Log>,
    log_bytes: usize,
    /// When it is looked next which events are old.
    look: Option<Instant>,
    /// The sockets that are away, by when they are forgotten.
    away: BTreeSet<(Instant, Socket)>,
    bytes: usize,
    /// The same by the first half of their pids.
    by_pid: BTreeMap<[u8; HALF], Socket>,
    forgotten: VecDeque<(Socket, Arc<str>)>,
}

const HALF: usize = SessionId::LEN / 2;

/// How many characters of a random id the offsets of a run begin with: 60 bits.
const RUN: usize = 10;

/// What is known of a socket that may come back. Shown to nobody: whoever knows a pid is that client.
pub(super) struct Identity {
    pub(super) handle: Socket,
    pid: SessionId,
    /// The first event that could be meant for it.
    begin: u64,
    /// Behind the last event that was meant for it while it was there.
    end: u64,
    /// Until when it is kept, if it was lost.
    due: Option<Instant>,
    /// The first event after that.
    lost: u64,
    /// Behind the last event that it had heard when it came back, and from which one on it was told again. Whoever has
    /// heard all before the one has missed nothing before the other.
    after: u64,
    from: u64,
    /// Whether it has come back.
    pub(super) is_recovered: bool,
    bytes: usize,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("due", &self.due).finish_non_exhaustive()
    }
}

/// Who a client says that it was, and the first event that it may have missed.
#[derive(Clone, Copy)]
pub(super) struct Claim {
    pub(super) socket: Socket,
    /// Behind the last event that it has heard.
    after: u64,
    from: u64,
}

impl Keep {
    pub(super) const fn new(settings: Recovery) -> Self {
        Self {
            settings,
            run: String::new(),
            next: 0,
            logs: BTreeMap::new(),
            log_bytes: 0,
            look: None,
            away: BTreeSet::new(),
            bytes: 0,
            by_pid: BTreeMap::new(),
            forgotten: VecDeque::new(),
        }
    }

    pub(super) const fn skips_admission(&self) -> bool {
        self.settings.skips_admission
    }

    /// Who a new socket is.
    pub(super) fn identity(
        &mut self,
        handle: Socket,
        source: &mut dyn FnMut() -> Result<SessionId, NoEntropy>,
    ) -> Result<Box<Identity>, NoEntropy> {
        if self.run.is_empty() {
            self.run.push_str(source()?.as_str().get(..RUN).unwrap_or_default());
        }
        Ok(Box::new(Identity {
            handle,
            pid: source()?,
            begin: self.next,
            end: 0,
            due: None,
            lost: 0,
            after: 0,
            from: 0,
            is_recovered: false,
            bytes: 0,
        }))
    }

    /// The next moment at which something is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let away = self.away.first().map(|(due, _)| *due);
        [away, self.look].into_iter().flatten().min()
    }

    pub(super) fn poll_forgotten(&mut self) -> Option<(Socket, Arc<str>)> {
        let forgotten = self.forgotten.pop_front();
        super::give_back(&mut self.forgotten);
        forgotten
    }

    /// Forgets events that are too old. Their deadlines are not all kept: a sixteenth of the time later is early
    /// enough.
    fn look_at_logs(&mut self, now: Instant) {
        let Self { logs, settings, .. } = self;
        for log in logs.values_mut() {
            log.forget_until(now, settings.time);
        }
        self.log_bytes = logs.values().map(Log::bytes).sum();
        let oldest = logs.values().filter_map(Log::begin).min();
        let soon = now + settings.time / 16;
        self.look = oldest.map(|at| (at + settings.time).max(soon));
    }

    fn log(&mut self, now: Instant, place: u32, audience: Audience, unit: Unit) {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        let log = self.logs.entry(place).or_default();
        let others = self.log_bytes.saturating_sub(log.bytes());
        log.push((now, number), audience, unit, &self.settings, others);
        self.log_bytes = others.saturating_add(log.bytes());
        self.look.get_or_insert(now + self.settings.time);
    }

    /// The number of an offset of this run.
    fn number(&self, offset: &str) -> Option<u64> {
        let digits = offset.strip_prefix(&*self.run)?;
        let number = digits.parse().ok()?;
        (number < self.next && offset == self.offset(number)).then_some(number)
    }

    fn offset(&self, number: u64) -> String {
        format!("{}{number}", self.run)
    }

    fn forget_pid(&mut self, pid: &SessionId) {
        self.by_pid.remove(&half(pid));
    }
}

fn half(pid: &SessionId) -> [u8; HALF] {
    let mut half = [0; HALF];
    for (to, from) in half.iter_mut().zip(pid.as_str().bytes()) {
        *to = from;
    }
    half
}

/// Whether both are the same. How long it takes does not depend on where they differ.
fn matches(pid: &SessionId, text: &str) -> bool {
    let pairs = pid.as_str().bytes().zip(text.bytes());
    text.len() == SessionId::LEN && pairs.fold(0, |differences, (a, b)| differences | (a ^ b)) == 0
}

/// Whether a socket that leaves for this reason may come back (S23).
const fn is_loss(reason: DisconnectReason) -> bool {
    match reason {
        DisconnectReason::Session(reason) => !matches!(reason, CloseReason::ParseError),
        DisconnectReason::ServerShuttingDown => true,
        DisconnectReason::ClientNamespaceDisconnect
        | DisconnectReason::ServerNamespaceDisconnect => false,
    }
}

impl Server {
    /// Whether the socket was there before, was cut off, and has come back.
    #[must_use]
    pub fn is_recovered(&self, socket: Socket) -> bool {
        let identity = self.sockets.get(socket).and_then(|state| state.identity.as_ref());
        identity.is_some_and(|identity| identity.is_recovered)
    }

    /// Whether a socket is away: it was cut off, and may come back.
    #[must_use]
    pub fn is_away(&self, socket: Socket) -> bool {
        self.sockets.away(socket).is_some()
    }

    /// Keeps an event for a socket that could not take it, because it is [full](super::EmitError::Full), so that it is
    /// sent again when the client has been closed and comes back. Nothing happens without [`Recovery`].
    pub fn remember(&mut self, now: Instant, socket: Socket, event: &EncodedArgs) {
        let Some(place) = self.sockets.place_of(socket) else { return };
        if !self.may_come_back(socket) {
            return;
        }
        let name = self.sockets.name_of(place);
        let unit = Unit::with_offset(name, event, &self.next_offset(), true);
        self.log(now, place, &[socket], Audience::One(socket), unit);
    }

    /// The offset of the next event.
    pub(super) fn next_offset(&self) -> String {
        self.keep.as_ref().map(|keep| keep.offset(keep.next)).unwrap_or_default()
    }

    /// Logs the event that has the next offset. It was meant for these sockets, whether they got it or not.
    pub(super) fn log(
        &mut self,
        now: Instant,
        place: u32,
        meant: &[Socket],
        audience: Audience,
        unit: Unit,
    ) {
        let Some(keep) = &mut self.keep else { return };
        for socket in meant {
            let state = self.sockets.get_mut(*socket);
            // Who was cut off has all from then on before it.
            if let Some(identity) = state.and_then(|state| state.identity.as_mut())
                && identity.due.is_none()
            {
                identity.end = keep.next.saturating_add(1);
            }
        }
        keep.log(now, place, audience, unit);
    }

    /// Whether what is said to a socket that is not there, or ends, will be heard if it comes back.
    pub(super) fn may_come_back(&self, socket: Socket) -> bool {
        let Some(state) = self.sockets.get(socket) else { return self.is_away(socket) };
        let identity = state.identity.as_ref();
        identity.is_some_and(|identity| state.stage == Stage::Open || identity.due.is_some())
    }

    /// A socket leaves, perhaps for a time.
    pub(super) fn lose(&mut self, now: Instant, socket: Socket, reason: DisconnectReason) {
        if let Some(keep) = &self.keep
            && is_loss(reason)
            && let Some(state) = self.sockets.get_mut(socket)
            && let Some(identity) = &mut state.identity
            && state.stage == Stage::Open
        {
            identity.due = Some(now + keep.settings.time);
            identity.lost = keep.next;
        }
        self.part(socket, reason);
    }

    /// Sets a socket aside that was lost. Returns whether it is kept.
    pub(super) fn set_aside(&mut self, socket: Socket) -> bool {
        let Some(keep) = &mut self.keep else { return false };
        let Some(state) = self.sockets.get_mut(socket) else { return false };
        let rooms = state.rooms.iter().map(|room| room.len().saturating_add(ROOM));
        let bytes = rooms.fold(ROOM_FOR_ONE, usize::saturating_add);
        let Some(identity) = &mut state.identity else { return false };
        let Some(due) = identity.due else { return false };
        let Recovery { max_sockets, max_socket_bytes, .. } = keep.settings;
        if max_sockets == 0 || bytes > max_socket_bytes {
            return false;
        }
        identity.bytes = bytes;
        let pid = half(&identity.pid);
        while let Some(keep) = &self.keep
            && (keep.away.len() >= max_sockets
                || keep.bytes.saturating_add(bytes) > max_socket_bytes)
            && let Some((due, first)) = keep.away.first().copied()
        {
            self.forget_away(due, first);
        }
        if let Some(keep) = &mut self.keep {
            keep.away.insert((due, socket));
            keep.bytes = keep.bytes.saturating_add(bytes);
            keep.by_pid.insert(pid, socket);
        }
        self.sockets.set_aside(socket);
        true
    }

    /// Takes a socket that is away back, as one that waits for admission.
    pub(super) fn take_back(&mut self, session: Session, claim: Claim) -> Option<()> {
        let Claim { socket, after, from } = claim;
        let keep = self.keep.as_mut()?;
        let state = self.sockets.take_back(socket, session)?;
        let identity = state.identity.as_mut()?;
        (identity.after, identity.from) = (after, from);
        keep.away.remove(&(identity.due?, socket));
        keep.bytes = keep.bytes.saturating_sub(identity.bytes);
        keep.forget_pid(&identity.pid);
        self.clients.get_mut(session)?.sockets.push(socket);
        Some(())
    }

    /// Forgets a socket if it is away, as the application wishes. One that leaves is not kept.
    pub(super) fn forget_if_away(&mut self, socket: Socket) {
        if let Some(state) = self.sockets.get_mut(socket)
            && let Some(identity) = &mut state.identity
            && state.stage == Stage::Leaving
        {
            identity.due = None;
        }
        let away = self.sockets.away(socket);
        if let Some(due) = away.and_then(|state| state.identity.as_ref()?.due) {
            self.forget_away(due, socket);
        }
    }

    /// A socket that is away will not come back.
    fn forget_away(&mut self, due: Instant, socket: Socket) {
        let Some(keep) = &mut self.keep else { return };
        keep.away.remove(&(due, socket));
        let Some((state, name)) = self.sockets.remove_away(socket) else { return };
        if let Some(identity) = &state.identity {
            keep.bytes = keep.bytes.saturating_sub(identity.bytes);
            keep.forget_pid(&identity.pid);
        }
        keep.forgotten.push_back((socket, name));
        self.forget_log(state.namespace);
    }

    /// Nobody is in a namespace any more, and nobody can come back to it.
    pub(super) fn forget_log(&mut self, place: u32) {
        if let Some(keep) = &mut self.keep
            && !self.sockets.has_namespace(place)
        {
            let bytes = keep.logs.remove(&place).map_or(0, |log| log.bytes());
            keep.log_bytes = keep.log_bytes.saturating_sub(bytes);
            if keep.logs.is_empty() {
                keep.look = None;
            }
        }
    }

    /// Forgets what is too old.
    pub(super) fn forget_old(&mut self, now: Instant) {
        while let Some(keep) = &mut self.keep
            && keep.next_due().is_some_and(|due| due <= now)
        {
            match keep.away.first() {
                Some((due, socket)) if *due <= now => {
                    let (due, socket) = (*due, *socket);
                    self.forget_away(due, socket);
                }
                _ => keep.look_at_logs(now),
            }
        }
    }

    /// Who a client says that it was, by what it sends with its CONNECT (S22).
    pub(super) fn claim(&self, now: Instant, namespace: &str, auth: &str) -> Option<Claim> {
        let keep = self.keep.as_ref()?;
        let pid = json::unquote(json::member(auth, "pid")?)?;
        let socket = *keep.by_pid.get(&first_half(&pid)?)?;
        let state = self.sockets.away(socket)?;
        let identity = state.identity.as_ref()?;
        if !matches(&identity.pid, &pid)
            || identity.due.is_none_or(|due| due <= now)
            || self.sockets.name_of(state.namespace) != namespace
        {
            return None;
        }
        let heard = match json::member(auth, "offset") {
            Some(offset) => Some(keep.number(&json::unquote(offset)?)?),
            None => None,
        };
        // Nobody is told what was said before it came.
        let after = heard.map_or(0, |heard| heard.saturating_add(1)).max(identity.begin);
        // Whoever has heard the last that was said to it has missed nothing until it was lost.
        let from = if after >= identity.end {
            after.max(identity.lost)
        } else if after >= identity.after {
            after.max(identity.from)
        } else {
            after
        };
        Some(Claim { socket, after, from })
    }

    /// What a socket has missed, if the log reaches back to that, and if there is room for it.
    pub(super) fn missed(
        &self,
        sessions: &impl Sessions,
        session: Session,
        Claim { socket, from, .. }: Claim,
    ) -> Option<Vec<(u64, Unit)>> {
        let state = self.sockets.get(socket).or_else(|| self.sockets.away(socket))?;
        let keep = self.keep.as_ref()?;
        let missed = match keep.logs.get(&state.namespace) {
            Some(log) => log.missed(from, socket, &state.rooms)?,
            // Nothing was ever said there.
            None => Vec::new(),
        };
        let units = missed.iter().map(|(_, unit)| unit);
        let answer = self.sockets.name_of(state.namespace).len().saturating_add(ANSWER);
        let (packets, bytes) = units.fold((1_usize, answer), |(packets, bytes), unit| {
            (packets.saturating_add(unit.packets()), bytes.saturating_add(unit.len()))
        });
        sessions.has_room(session, packets, bytes).then_some(missed)
    }

    /// Whether a socket that waits for admission was there before.
    pub(super) fn comes_back(&self, socket: Socket) -> bool {
        let state = self.sockets.get(socket).filter(|state| state.stage == Stage::Asking);
        state.is_some_and(|state| state.identity.is_some())
    }

    /// Lets a socket in that was there before and has waited for that. If it cannot be told any more all that it has
    /// missed, its session ends, and it is away again.
    pub(super) fn readmit(
        &mut self,
        sessions: &mut impl Sessions,
        socket: Socket,
    ) -> Option<Socket> {
        let state = self.sockets.get(socket)?;
        let session = state.session;
        let Identity { after, from, .. } = **state.identity.as_ref()?;
        let Some(missed) = self.missed(sessions, session, Claim { socket, after, from }) else {
            sessions.close(session);
            return None;
        };
        self.open_again(sessions, socket, &missed)
    }

    /// Tells a client what it has missed, and then that its socket is open.
    pub(super) fn open_again(
        &mut self,
        sessions: &mut impl Sessions,
        socket: Socket,
        missed: &[(u64, Unit)],
    ) -> Option<Socket> {
        let state = self.sockets.get(socket)?;
        let session = state.session;
        // There was room for all of it.
        if missed.iter().any(|(_, unit)| unit.answer(sessions, session).is_err()) {
            sessions.close(session);
            return None;
        }
        let data = connect_data(&state.id, state.identity.as_deref());
        let namespace = self.sockets.name_of(state.namespace);
        if !self.reply(sessions, session, PacketKind::Connect, namespace, &data) {
            return None;
        }
        let identity = self.sockets.open_again(socket)?;
        identity.due = None;
        identity.is_recovered = true;
        let end = missed.last().map_or(0, |(number, _)| number.saturating_add(1));
        identity.end = identity.end.max(end);
        self.has_joined(session);
        Some(socket)
    }
}

/// A socket in the room of its id, without that name: the state, what is known of it, and its entries in sets.
const ROOM_FOR_ONE: usize = 400;

/// Another room, without its name: the entry, and the counts of who has the name.
const ROOM: usize = 2 * size_of::<Arc<str>>();

/// No answer to CONNECT is longer, without the name of the namespace.
const ANSWER: usize = 100;

fn first_half(text: &str) -> Option<[u8; HALF]> {
    text.as_bytes().first_chunk().copied()
}

/// The answer to CONNECT.
pub(super) fn connect_data(id: &str, identity: Option<&Identity>) -> String {
    match identity {
        Some(Identity { pid, .. }) => format!("{{\"sid\":\"{id}\",\"pid\":\"{}\"}}", pid.as_str()),
        None => format!("{{\"sid\":\"{id}\"}}"),
    }
}
