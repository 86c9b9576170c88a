//! Memory that large messages have needed. It serves the next ones, and goes back when nothing has
//! come for a second.

use crate::connection::Connection;
use crate::recv_buffer::RecvBuffer;
use core::time::Duration;

/// How long a read waits while it holds more memory than it needs.
pub(super) const KEPT_TIME: Duration = Duration::from_secs(1);

/// Bounds the `wait` of a read to `KEPT_TIME` if there is memory to be given back then. If a read
/// can't time out, the memory goes back at once.
pub(super) fn bound(
    wait: Option<Duration>,
    can_time_out: bool,
    rx: &mut RecvBuffer,
    connection: &mut Connection,
) -> Option<Duration> {
    if !rx.has_grown() && !connection.outgoing().has_grown() {
        return wait;
    }
    if !can_time_out {
        shrink(rx, connection);
        return wait;
    }
    Some(wait.map_or(KEPT_TIME, |wait| wait.min(KEPT_TIME)))
}

/// Gives back what nobody uses.
pub(super) fn shrink(rx: &mut RecvBuffer, connection: &mut Connection) {
    rx.shrink();
    connection.outgoing().shrink_to_fit();
}
