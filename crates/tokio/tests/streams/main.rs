//! A connection in one piece.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets an error fails")]

mod cancelling;
mod deadlines;
mod ends;
mod opening;
mod sending;
mod stream_and_sink;
#[path = "../support/mod.rs"]
mod support;
