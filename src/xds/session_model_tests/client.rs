//! What a world asks of the client that lives in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::TestCaseError;

use super::files::Files;
use crate::snapshot::{Kind, Resource, View};
use crate::xds::request::{Request, Response};
use crate::xds::sequence::Timing;
use crate::xds::session::Session;
use crate::xds::subscription::Name;

/// Resources of one kind, by name.
pub type Held = BTreeMap<Name, Arc<Resource>>;

/// What a stream is for: a kind, and on typed services perhaps the one name that it asks for.
pub type Lane = (Kind, Option<Name>);

/// What a client does.
#[derive(Debug)]
pub enum Said {
    /// It sends a request; the stream is opened by its first.
    Request(Lane, Request),
    /// It ends a stream.
    End(Lane),
}

/// How a client reads a response.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reading {
    /// It rejects it, and applies this part of it all the same if it is one that does: a bit for each resource.
    pub reject: Option<u8>,
    /// It is busy, and keeps back what it would ask for because of it.
    pub busy: bool,
}

/// A client, and all that is known of it.
pub trait Client {
    /// Whether each lane is a stream of its own.
    fn is_typed(&self) -> bool {
        false
    }

    /// A server's session with it.
    fn session(&self, view: Arc<View>, generation: u64, timing: Timing) -> Session {
        if self.is_typed() { Session::typed(view, generation, timing) } else { Session::new(view, generation, timing) }
    }

    /// What it should be served.
    fn view(&self, files: &Files, before: Option<&View>) -> Arc<View>;

    /// The same program, started anew.
    fn restarted(&self) -> Self;

    /// Responses that may be on their way to it at once.
    fn window(&self) -> usize;

    /// What a connection begins with. Where it does not tell what it holds, the server has to think that it holds nothing.
    fn hello(&mut self, tells: bool) -> Vec<Said>;

    /// One stream is opened again.
    fn again(&mut self, lane: &Lane) -> Vec<Said>;

    /// The server takes the version that was told of a kind for that of this view.
    fn recognised(&mut self, _: Kind, _: &View) {}

    /// The server does not know the version that was told of a lane.
    fn unknown(&mut self, _: &Lane) {}

    /// Takes or rejects a response. One that is early was sent before the server could know that the client asks for clusters.
    fn receive(&mut self, lane: &Lane, response: &Response, early: bool, reading: Reading) -> Vec<Said>;

    /// It is busy no more, and says what it kept back.
    fn resume(&mut self) -> Vec<Said> {
        Vec::new()
    }

    /// Its configuration asks for something more.
    fn want(&mut self, which: u8) -> Vec<Said>;

    /// Its configuration asks for it no more.
    fn unwant(&mut self, which: u8) -> Vec<Said>;

    /// What it waits for has had its time. Nothing said if it does not wait.
    fn give_up_waiting(&mut self) -> Vec<Said>;

    /// What it holds of a kind.
    fn held(&self, kind: Kind) -> &Held;

    /// Whether it asks for this.
    fn asks(&self, kind: Kind, name: &str) -> bool;

    /// Something it asks for, that there is and that it neither holds nor has rejected.
    fn forgotten(&self, there: &View) -> Option<(Kind, Name)>;

    /// Whether it holds things that no server can know of.
    fn may_hold_more(&self) -> bool {
        false
    }

    /// Whether it has good reason to hold something that is not there.
    fn needs(&self, _there: &View, _kind: Kind, _name: &str) -> bool {
        false
    }

    /// What may never be. `forced` says that the client was too slow, so that routes did not wait for it.
    ///
    /// # Errors
    /// It is.
    fn check(&self, forced: bool) -> Result<(), TestCaseError>;
}
