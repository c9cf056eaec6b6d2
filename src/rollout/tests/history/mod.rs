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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn whatever_happens(first in files::file(), steps in steps::steps()) {
        play::play(&first, &steps)?;
    }
}

/// Ten thousand, unless the environment says otherwise.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(10_000)
}
