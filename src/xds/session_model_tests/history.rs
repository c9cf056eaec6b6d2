//! Random histories, and what must hold after each.

use std::time::Duration;

use proptest::prelude::*;

use super::client::{Client, Reading};
use super::envoy::Envoy;
use super::files::{Files, files};
use super::world::World;
use crate::snapshot::Kind;
use crate::xds::board::Variant;

/// What can happen.
#[derive(Debug, Clone)]
pub enum Step {
    /// The files change.
    Retarget(Files),
    /// The server sends the next response, if it has one.
    Send(usize),
    /// The client reads the next response, and takes or rejects it.
    Receive { which: usize, reading: Reading },
    /// The server reads the next request.
    Hear(usize),
    /// Seconds pass.
    Sleep(u64),
    /// The connection breaks; the client comes back to a server like this one, or to one that is behind.
    Reconnect { behind: bool, tells: bool },
    /// The client ends, and is started anew.
    Restart,
    /// One stream of several breaks.
    Break(usize),
    /// The client asks for something more, or for something less.
    Want { which: u8, more: bool },
    /// All is delivered that there is.
    Rest,
}

/// Histories in which everything happens.
pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let reject = prop::option::weighted(0.1, any::<u8>());
    histories(reject.boxed())
}

/// Histories in which nothing is rejected, with rests.
pub fn peaceful() -> impl Strategy<Value = Vec<Step>> {
    histories(Just(None).boxed())
}

fn histories(reject: BoxedStrategy<Option<u8>>) -> impl Strategy<Value = Vec<Step>> {
    let reading = (reject, prop::bool::weighted(0.3)).prop_map(|(reject, busy)| Reading { reject, busy });
    let step = prop_oneof![
        6 => files().prop_map(Step::Retarget),
        16 => (0..4_usize).prop_map(Step::Send),
        16 => (0..4_usize, reading).prop_map(|(which, reading)| Step::Receive { which, reading }),
        16 => (0..4_usize).prop_map(Step::Hear),
        4 => prop_oneof![Just(1), Just(3), Just(6)].prop_map(Step::Sleep),
        2 => (any::<bool>(), prop::bool::weighted(0.8)).prop_map(|(behind, tells)| Step::Reconnect { behind, tells }),
        1 => Just(Step::Restart),
        1 => (0..4_usize).prop_map(Step::Break),
        2 => (0..4_u8, any::<bool>()).prop_map(|(which, more)| Step::Want { which, more }),
        1 => Just(Step::Rest),
    ];
    prop::collection::vec(step, 1..80)
}

/// A change of everything, so that what was rejected may be tried again.
fn last() -> Files {
    Files { services: [(0, 1), (1, 2)].into(), endpoints: 9, content: 9, scoped: true }
}

impl<C: Client> World<C> {
    fn step(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match step {
            Step::Retarget(files) => self.retarget(files),
            Step::Send(which) => drop(self.send(*which)?),
            Step::Receive { which, reading } => drop(self.receive(*which, *reading)?),
            Step::Hear(which) => drop(self.hear(*which)),
            Step::Sleep(seconds) => self.sleep(Duration::from_secs(*seconds)),
            Step::Reconnect { behind, tells } => self.reconnect(*behind, *tells),
            Step::Restart => self.restart(),
            Step::Break(which) => self.break_one(*which),
            Step::Want { which, more } => self.want(*which, *more),
            Step::Rest => self.settle()?,
        }
        Ok(())
    }
}

/// Plays a history with a client, and what must hold after any.
///
/// # Errors
/// It does not.
pub fn history<C: Client>(client: C, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut world = World::new(client);
    for step in steps {
        world.step(step)?;
        world.is_as_far_as_told()?;
    }
    world.settle()?;
    world.retarget(&last());
    world.settle()?;
    world.converged()?;
    world.is_quiet()
}

/// Plays a history with an Envoy in each variant.
///
/// # Errors
/// They do not hold the same when they rest.
pub fn agreement(typed: bool, steps: &[Step]) -> Result<(), TestCaseError> {
    let mut sotw = World::new(Envoy::new(Variant::Sotw, typed));
    let mut delta = World::new(Envoy::new(Variant::Delta, typed));
    for step in steps.iter().chain([&Step::Rest]) {
        sotw.step(step)?;
        delta.step(step)?;
        if matches!(step, Step::Rest) {
            sotw.converged()?;
            delta.converged()?;
            same(&sotw, &delta)?;
        }
    }
    Ok(())
}

fn same(sotw: &World<Envoy>, delta: &World<Envoy>) -> Result<(), TestCaseError> {
    for kind in Kind::ALL {
        prop_assert_eq!(sotw.held_of_target(kind), delta.held_of_target(kind), "{:?}", kind);
    }
    Ok(())
}
