//! Models of real clients against the session, in random histories.
//!
//! Two clients are played: Envoy's multiplexer, on ADS and on typed services, and gRPC without a proxy. Requests and responses queue up
//! in both directions and are read when the history says so; files change, connections break, servers take each other's place, and
//! clients reject things. Whatever the history:
//!
//! - no route leads to a cluster that the client does not hold, or that has never been warm (Envoy);
//! - no response carries a name twice, or one that was not asked for, and kinds follow each other in their order;
//! - a cluster that waits for endpoints gets them, and nothing that was asked for is forgotten;
//! - the two come to rest, and then nothing more is sent, however long one waits: there is no loop, and no alarm is missing;
//! - at rest the client holds just what the server wants it to, and is told to have all of the newest generation;
//! - what it is told to have it has, or something newer;
//! - without rejections, state of the world and delta hold the same each time they rest.

mod client;
mod envoy;
mod files;
mod grpc;
mod history;
mod world;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::board::Variant;
use envoy::Envoy;
use grpc::Grpc;
use history::{agreement, history, peaceful, steps};

proptest! {
    #![proptest_config(histories())]

    #[test]
    fn envoy_on_ads_in_delta(steps in steps()) {
        history(Envoy::new(Variant::Delta, false), &steps)?;
    }

    #[test]
    fn envoy_on_ads_in_state_of_the_world(steps in steps()) {
        history(Envoy::new(Variant::Sotw, false), &steps)?;
    }

    #[test]
    fn envoy_on_typed_services_in_delta(steps in steps()) {
        history(Envoy::new(Variant::Delta, true), &steps)?;
    }

    #[test]
    fn envoy_on_typed_services_in_state_of_the_world(steps in steps()) {
        history(Envoy::new(Variant::Sotw, true), &steps)?;
    }

    #[test]
    fn grpc_in_state_of_the_world(steps in steps()) {
        history(Grpc::new(), &steps)?;
    }

    #[test]
    fn both_variants_hold_the_same_at_rest(typed in any::<bool>(), steps in peaceful()) {
        agreement(typed, &steps)?;
    }
}

/// The same histories at every run; with `PROPTEST_CASES` as many others of each client.
fn histories() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    let rng_seed = if asked.is_some() { RngSeed::Random } else { RngSeed::Fixed(41) };
    ProptestConfig { cases: asked.unwrap_or(3_400), rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}
