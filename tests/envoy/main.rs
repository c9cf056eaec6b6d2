//! End to end on real Envoys: from the file that is saved to the request that is answered.
//!
//! Each test has a server, an Envoy and toy services of its own, on ports that the system picks; Envoys are installed on first use.
//! What must hold for every Envoy is run on the newest and the oldest, in both variants of the protocol.

mod cutover;
mod listeners;
mod restart;
mod rules;
mod scale;
mod split;
mod trouble;
mod world;

/// Runs an `async fn(Setup)` of the parent module on every Envoy and in both variants.
macro_rules! on_every_envoy {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use crate::world::Setup;
            use tidegate::testbed::{DEFAULT_VERSION, OLDEST_VERSION};
            use tidegate::translate::XdsVariant::{Delta, Sotw};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn newest_delta() {
                super::$name(Setup { version: DEFAULT_VERSION, variant: Delta, ..Setup::default() }).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn newest_sotw() {
                super::$name(Setup { version: DEFAULT_VERSION, variant: Sotw, ..Setup::default() }).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn oldest_delta() {
                super::$name(Setup { version: OLDEST_VERSION, variant: Delta, ..Setup::default() }).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn oldest_sotw() {
                super::$name(Setup { version: OLDEST_VERSION, variant: Sotw, ..Setup::default() }).await;
            }
        }
    )+};
}

use on_every_envoy;
