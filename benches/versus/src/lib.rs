//! Servers, a load generator, and the table of what is measured: see the README beside this crate.

pub mod compressed;
pub mod event_loop;
pub mod frame;
pub mod json;
pub mod machine;
pub mod plot;
pub mod process;
pub mod report;
pub mod sample;
pub mod scenario;
pub mod serve;
