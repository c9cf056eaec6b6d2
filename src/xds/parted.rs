//! What is known of streams that ended while the conversation with their node goes on.
//!
//! On typed services one stream of several breaks, and is opened anew. In state of the world the client then tells no more than a version,
//! and in the middle of a change that is of no view that there was; but what clusters it was sent under that version is known here, and
//! they must not go while its routes lead to them. Routes are no matter of this: what was sent of them and not heard of again has to
//! pass the gate once more.

use super::board::Variant;
use super::channel::Channel;
use super::ledger::Ledger;
use crate::snapshot::{Kind, Version};

/// Streams that are remembered: a node has one for clusters, and it may break again before it is heard of.
const PARTED: usize = 4;

/// The newest streams of clusters that ended.
#[derive(Debug, Default)]
pub struct Parted(Vec<One>);

#[derive(Debug)]
struct One {
    /// Of the responses that the client may have taken last.
    versions: Vec<Version>,
    ledger: Ledger,
}

impl Parted {
    /// This channel's stream has ended.
    pub fn add(&mut self, channel: Channel) {
        if channel.variant() != Variant::Sotw || channel.kind() != Kind::Cluster {
            return;
        }
        let (versions, ledger) = channel.part();
        if self.0.len() == PARTED {
            self.0.remove(0);
        }
        self.0.push(One { versions, ledger });
    }

    /// What the client holds that comes back with this version of clusters, if it is known.
    pub fn take(&mut self, version: &str) -> Option<Ledger> {
        let at = self.0.iter().rposition(|one| one.versions.iter().any(|known| known.as_str() == version))?;
        Some(self.0.remove(at).ledger)
    }
}
