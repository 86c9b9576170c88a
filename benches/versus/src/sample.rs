//! What one run of the load generator finds.

use serde::{Deserialize, Serialize};

/// Figures of a scenario; those that do not apply are absent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Figures {
    /// Messages (deliveries for broadcasts, connections for `connect`) a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// CPU time of the server for each of them, in nanoseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_ns: Option<f64>,
    /// How much of its core the load generator was using; near 1 it is the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_busy: Option<f64>,
    /// Round trip in microseconds, at depth 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50_us: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_us: Option<f64>,
    /// User-space memory of the server in bytes for each idle connection, before and after a
    /// message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<[f64; 2]>,
    /// Bytes of a reply without its header, on average, where the server compresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_bytes: Option<f64>,
    /// All messages, those before and after the measured time included.
    pub messages: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sample {
    pub round: u32,
    pub scenario: String,
    pub server: String,
    #[serde(flatten)]
    pub figures: Figures,
}

/// Everything one command found.
#[derive(Debug, Serialize, Deserialize)]
pub struct Results {
    pub seed: u64,
    pub rounds: u32,
    pub seconds: f64,
    pub machine: String,
    pub versions: Vec<String>,
    /// What did not work, and why.
    pub failures: Vec<String>,
    pub samples: Vec<Sample>,
}
