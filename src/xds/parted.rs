//! What is known of streams that ended while the conversation with their node goes on.
//!
//! On typed services one stream of several breaks, and is opened anew. In state of the world the client then tells no more than a version,
//! and in the middle of a change that is of no view that there was; but what it was sent under that version is known here.

use super::board::Variant;
use super::channel::Channel;
use super::ledger::Ledger;
use super::request::SotwRequest;
use crate::snapshot::{Kind, Version};

/// Streams that are remembered: more than break at a time, of those that are opened anew.
const PARTED: usize = 16;

/// The newest streams that ended.
#[derive(Debug, Default)]
pub struct Parted(Vec<One>);

#[derive(Debug)]
struct One {
    kind: Kind,
    /// Of the responses that the client may have taken last.
    versions: Vec<Version>,
    ledger: Ledger,
}

impl Parted {
    /// This channel's stream has ended.
    pub fn add(&mut self, channel: Channel) {
        let kind = channel.kind();
        if channel.variant() != Variant::Sotw || !matches!(kind, Kind::Cluster | Kind::Route) {
            return;
        }
        let (versions, ledger) = channel.part();
        if self.0.len() == PARTED {
            self.0.remove(0);
        }
        self.0.push(One { kind, versions, ledger });
    }

    /// What the client holds that comes back with this request, if it is known.
    pub fn take(&mut self, kind: Kind, request: &SotwRequest) -> Option<Ledger> {
        let asks = |one: &One| request.names.iter().any(|name| one.ledger.get(name).is_some());
        let told = |one: &One| one.versions.iter().any(|known| known.as_str() == request.version);
        let of = |one: &One| one.kind == kind && told(one) && (kind == Kind::Cluster || asks(one));
        let at = self.0.iter().rposition(of)?;
        Some(self.0.remove(at).ledger)
    }
}
