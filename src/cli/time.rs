//! Times: durations in flags, ages in texts.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Reads a duration with its unit: `2s`, `20ms`, `1h30m`.
///
/// # Errors
/// A bare number, a negative duration, or anything else that is no duration.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no duration: write it with its unit, for example `20ms`, `2s` or `1h30m`");
    let signed: SignedDuration = text.trim().parse().map_err(|_| wrong())?;
    Duration::try_from(signed).map_err(|_| wrong())
}

/// The same, and not nothing: for what is done every so often.
///
/// # Errors
/// As [`duration`], and for less than a millisecond.
pub fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    if interval < Duration::from_millis(1) { Err("at least 1ms is needed".to_owned()) } else { Ok(interval) }
}

/// A moment of the API as a timestamp.
pub fn moment(at: Option<prost_types::Timestamp>) -> Option<Timestamp> {
    at.and_then(|at| Timestamp::new(at.seconds, at.nanos).ok())
}

/// How long ago something was, in at most two units: `5s`, `3m`, `2h5m`, `4d`. Clocks of two machines may differ; the future is `0s`.
pub fn age(now: Timestamp, then: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m"),
        3600..86400 if minutes % 60 == 0 => format!("{hours}h"),
        3600..86400 => format!("{hours}h{}m", minutes % 60),
        _ => format!("{days}d"),
    }
}

/// How long it is until something, as [`age`] has it; what is over takes no time.
pub fn left(now: Timestamp, until: Timestamp) -> String {
    age(until, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, milliseconds) in [("2s", 2000), ("20ms", 20), ("1h30m", 5_400_000), (" 0s ", 0), ("1m 30s", 90_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["2", "0", "", "-2s", "2 bananas", "1d"] {
            let said = duration(text).unwrap_err();
            assert!(said.contains("with its unit"), "{text}: {said}");
        }
    }

    #[test]
    fn what_is_done_every_so_often_is_not_done_all_the_time() {
        assert!(interval("0s").is_err() && interval("999us").is_err());
        assert_eq!(interval("1ms"), Ok(Duration::from_millis(1)));
    }

    #[test]
    fn ages_are_short() {
        let ago = |seconds| age(Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds), Timestamp::UNIX_EPOCH);
        let said: Vec<String> = [-5, 0, 59, 60, 3599, 3600, 7500, 86399, 400_000].into_iter().map(ago).collect();
        assert_eq!(said, ["0s", "0s", "59s", "1m", "59m", "1h", "2h5m", "23h59m", "4d"]);
    }
}
