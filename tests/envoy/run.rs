//! How a test is run: on which Envoy, and for how long at most.

use std::time::Duration;

use tidegate::testbed::{DEFAULT_VERSION, OLDEST_VERSION};
use tidegate::translate::XdsVariant;

/// Longest time for a whole test, its wait for others' loads included. It ends a hanging test and is no measure of speed.
const LIMIT: Duration = Duration::from_secs(120);

/// Which Envoy, and how it speaks.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// Its version.
    pub envoy: &'static str,
    /// Its variant of the protocol.
    pub variant: XdsVariant,
    /// Whether it asks the typed services, each on a stream of its own, and not the aggregated one.
    pub typed: bool,
}

impl Setup {
    /// The newest Envoy, incremental.
    pub const USUAL: Setup = Setup { envoy: DEFAULT_VERSION, variant: XdsVariant::Delta, typed: false };
    /// The newest Envoy, state of the world.
    pub const SOTW: Setup = Setup { envoy: DEFAULT_VERSION, variant: XdsVariant::Sotw, typed: false };
    /// The oldest Envoy, incremental.
    pub const OLDEST: Setup = Setup { envoy: OLDEST_VERSION, variant: XdsVariant::Delta, typed: false };
    /// The oldest Envoy, state of the world.
    pub const OLDEST_SOTW: Setup = Setup { envoy: OLDEST_VERSION, variant: XdsVariant::Sotw, typed: false };
}

/// Runs a test to its end, or until its time is up. What it holds is dropped while the panic unwinds, so that it can tell of itself.
pub fn bounded(test: impl Future<Output = ()>) {
    bounded_by(LIMIT, test);
}

/// As [`bounded`], with a time of its own.
pub fn bounded_by(limit: Duration, test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut test = std::pin::pin!(test);
        if tokio::time::timeout(limit, &mut test).await.is_err() {
            panic!("not finished after {} s", limit.as_secs());
        }
    });
}

/// Makes four tests out of a function that takes a [`Setup`].
macro_rules! on_every_envoy {
    ($test:ident) => {
        mod $test {
            use crate::run::{Setup, bounded};

            #[test]
            fn usual() {
                bounded(super::$test(Setup::USUAL));
            }

            #[test]
            fn sotw() {
                bounded(super::$test(Setup::SOTW));
            }

            #[test]
            fn oldest() {
                bounded(super::$test(Setup::OLDEST));
            }

            #[test]
            fn oldest_sotw() {
                bounded(super::$test(Setup::OLDEST_SOTW));
            }
        }
    };
}

/// Makes two tests out of a function that takes a [`Setup`]: one on the newest Envoy, one on the oldest.
macro_rules! on_newest_and_oldest {
    ($test:ident) => {
        mod $test {
            use crate::run::{Setup, bounded};

            #[test]
            fn newest() {
                bounded(super::$test(Setup::USUAL));
            }

            #[test]
            fn oldest() {
                bounded(super::$test(Setup::OLDEST));
            }
        }
    };
}

pub(crate) use {on_every_envoy, on_newest_and_oldest};
