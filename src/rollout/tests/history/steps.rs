//! What can happen.

use proptest::prelude::*;
use proptest::sample::select;

use super::files::{Change, change};
use crate::rollout::Verb;

#[derive(Debug, Clone)]
pub enum Event {
    /// Seconds pass, or the clock is set back by some.
    Pass(i64),
    /// It is the time at which it is to be looked at again.
    Wake,
    /// Every node has what is asked for.
    Ack,
    /// The fleet is this one from now on; it has acknowledged what is asked for, or some of it.
    Fleet { nodes: u32, acked: u32, rejects: bool },
    /// The checks say good, bad, or nothing.
    Judge(Option<bool>),
    /// Endpoints are well as far as the bits say; not known, where the second are set.
    Health(u8, u8),
    /// Endpoints on their way out have no requests in flight, or they have.
    Empty(bool),
    /// Versions have no requests in flight.
    Idle(bool),
    /// The call that is wanted is answered.
    Answer(Reply),
    /// A person says something, meant for the state there is or for one before it.
    Say { verb: Verb, who: &'static str, stale: bool },
    /// The file is edited.
    Edit(Change),
    /// The server begins again.
    Restart,
    /// All goes well for a while.
    Calm,
}

#[derive(Debug, Clone, Copy)]
pub enum Reply {
    Go,
    Stop,
    Again,
}

pub fn steps() -> impl Strategy<Value = Vec<Event>> {
    let verbs = select(vec![
        Verb::Promote { full: false },
        Verb::Promote { full: false },
        Verb::Promote { full: true },
        Verb::Approve,
        Verb::Approve,
        Verb::Approve,
        Verb::Pause,
        Verb::Resume,
        Verb::Resume,
        Verb::Abort,
        Verb::Retry,
        Verb::Retry,
        Verb::Skip,
        Verb::Skip,
        Verb::Undo,
    ]);
    let step = prop_oneof![
        4 => select(vec![0, 1, 9, 30, 45, 3600, -5, -400, 86_400]).prop_map(Event::Pass),
        10 => Just(Event::Wake),
        12 => Just(Event::Ack),
        2 => (0..4_u32, 0..4_u32, prop::bool::weighted(0.3)).prop_map(|(nodes, acked, rejects)| Event::Fleet { nodes, acked: acked.min(nodes), rejects }),
        2 => select(vec![Some(true), Some(true), Some(false), None]).prop_map(Event::Judge),
        3 => (any::<u8>(), select(vec![0, 0, 0, 0x55])).prop_map(|(well, unknown)| Event::Health(well | 0x0f, unknown)),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(well, unknown)| Event::Health(well, unknown)),
        2 => any::<bool>().prop_map(Event::Empty),
        1 => any::<bool>().prop_map(Event::Idle),
        5 => select(vec![Reply::Go, Reply::Go, Reply::Stop, Reply::Again]).prop_map(Event::Answer),
        8 => (verbs, select(vec!["ann", "bob"]), prop::bool::weighted(0.1)).prop_map(|(verb, who, stale)| Event::Say { verb, who, stale }),
        4 => change().prop_map(Event::Edit),
        2 => Just(Event::Restart),
        3 => Just(Event::Calm),
    ];
    proptest::collection::vec(step, 1..40)
}
