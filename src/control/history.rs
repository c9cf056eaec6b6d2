//! What happened, as the journal has it.

use serde::{Deserialize, Serialize};

use crate::rollout::Event;
use crate::store::Entry;

/// Something that happened to a service.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEntry {
    /// Its number: grows over all services, and is never used again.
    pub sequence: u64,
    /// The service.
    pub service: String,
    /// What happened.
    pub event: Event,
    /// The generation of files that was in force.
    pub generation: u64,
}

/// As it is written.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    #[serde(flatten)]
    event: Event,
    generation: u64,
}

impl HistoryEntry {
    /// `None` for a text that a later tidegate has written otherwise; it stays in the journal.
    pub(super) fn read(entry: Entry) -> Option<HistoryEntry> {
        let Written { event, generation } = serde_json::from_str(&entry.text).ok()?;
        Some(HistoryEntry { sequence: entry.sequence, service: entry.service, event, generation })
    }
}

/// The text of an entry.
pub(super) fn text(event: &Event, generation: u64) -> String {
    serde_json::to_string(&Written { event: event.clone(), generation }).unwrap_or_default()
}
