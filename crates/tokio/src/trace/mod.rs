//! What a subscriber of `tracing` hears of a connection. Without the feature it is nothing, and costs nothing.

#[cfg(feature = "tracing")]
mod frames;
#[cfg(not(feature = "tracing"))]
mod off;
#[cfg(feature = "tracing")]
mod on;

#[cfg(not(feature = "tracing"))]
pub(crate) use off::Trace;
#[cfg(feature = "tracing")]
pub(crate) use on::Trace;
