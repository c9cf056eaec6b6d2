//! How long to wait before a call is made again.

use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Wait after the first failure, in milliseconds.
const FIRST: u64 = 1_000;
/// Longest wait, in milliseconds, before it is spread.
const LONGEST: u64 = 60_000;

/// The wait after so many failures, the first is 1: a second, doubled up to a minute, and spread by up to a fifth either way, so that
/// calls which failed together do not come back together. The spread follows from the token and the attempt alone: asked again, also after a
/// restart, it is the same.
pub fn backoff(token: &str, attempt: u32) -> Duration {
    let doubled = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(LONGEST);
    let fifth = doubled / 5;
    let spread = xxh3_64_with_seed(token.as_bytes(), u64::from(attempt)) % (2 * fifth + 1);
    Duration::from_millis(doubled - fifth + spread)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_doubles_up_to_a_minute_within_a_fifth(token in ".*", attempt in prop_oneof![0..12_u32, Just(u32::MAX)]) {
            let plain = [1, 1, 2, 4, 8, 16, 32].get(attempt as usize).copied().unwrap_or(60) * 1000;
            let wait = u64::try_from(backoff(&token, attempt).as_millis()).unwrap();
            prop_assert!((plain * 4 / 5..=plain * 6 / 5).contains(&wait), "{wait} ms");
            prop_assert_eq!(backoff(&token, attempt), backoff(&token, attempt));
        }
    }

    #[test]
    fn tokens_are_spread() {
        let waits: BTreeSet<Duration> = (0..100).map(|token| backoff(&format!("token-{token}"), 7)).collect();
        let (Some(first), Some(last)) = (waits.first(), waits.last()) else { panic!("no wait") };
        assert!(*last - *first > Duration::from_secs(18), "from {first:?} to {last:?}");
    }
}
