//! Random histories of a rollout, and what holds in each of them, whatever happens in whatever order.
//!
//! Time passes, goes back and leaps; nodes acknowledge, reject, leave; checks judge, hooks answer, endpoints fall ill; people say things,
//! some of them meant for what is not any more; files are edited; the server is started anew and knows only what was written down.
//!
//! - shares add up, are of versions of the file, and nothing is sent to a version that has no endpoint in service while the other has;
//! - the candidate's share grows by a step or a wave whose conditions are met, and by nothing else;
//! - what was called off gets nothing until a person or a new file says so, and less and less while endpoints go back;
//! - the same look twice changes nothing, and no alarm is missing or in the past;
//! - everything that people can see is told, once;
//! - no call that was answered is wanted again, and no two calls share a name;
//! - an endpoint is in one place, and no wave takes more than the file allows.

mod files;
mod play;
mod rules;
mod steps;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

proptest! {
    #![proptest_config(histories())]

    #[test]
    fn whatever_happens(first in files::file(), steps in steps::steps()) {
        play::play(&first, &steps)?;
    }
}

/// Ten thousand, and the same each time, unless the environment asks for a number: then they are other ones at every run.
fn histories() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    let rng_seed = if asked.is_some() { RngSeed::Random } else { RngSeed::Fixed(41) };
    ProptestConfig { cases: asked.unwrap_or(10_000), rng_seed, failure_persistence: None, ..ProptestConfig::default() }
}
