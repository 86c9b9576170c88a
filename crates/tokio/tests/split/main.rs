//! A connection whose halves are in several tasks.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that meets an error fails")]

mod halves;
mod schedules;
#[path = "../support/mod.rs"]
mod support;
mod tls;
