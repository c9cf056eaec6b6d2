//! Lengths of time as files write them: `400ms`, `10m`, `1h30m`, `365d`.

use std::time::Duration;

use thiserror::Error;

/// The longest that can be written, ten years: beyond it lies a typing error.
const LONGEST: Duration = Duration::from_secs(3650 * 24 * 3600);

/// Units in the order in which they may follow each other, with their length in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Why a text is no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DurationError {
    /// A number alone.
    #[error("has no unit")]
    NoUnit,
    /// Nothing that looks like one.
    #[error("is no duration")]
    Malformed,
    /// Nothing at all, as a length of time.
    #[error("is zero, and zero never means \"for ever\"")]
    Zero,
    /// More than ten years.
    #[error("is longer than ten years")]
    TooLong,
}

/// Reads a duration: numbers with units `d`, `h`, `m`, `s`, `ms`, greater units first, each once. Zero is refused.
///
/// # Errors
/// Says what is wrong with the text.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(if text.bytes().all(|b| b == b'0') { DurationError::Zero } else { DurationError::NoUnit });
    }
    let (mut rest, mut units, mut millis) = (text, &UNITS[..], 0_u64);
    while !rest.is_empty() {
        let (count, after) = number(rest)?;
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let at = units.iter().position(|(unit, _)| *unit == &after[..letters]).ok_or(DurationError::Malformed)?;
        let part = count.checked_mul(units[at].1).ok_or(DurationError::TooLong)?;
        millis = millis.checked_add(part).ok_or(DurationError::TooLong)?;
        (rest, units) = (&after[letters..], &units[at + 1..]);
    }
    checked(text, Duration::from_millis(millis))
}

/// A duration as files write it; what is less than a millisecond is left out.
pub fn duration_text(time: Duration) -> String {
    let mut rest = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, millis) in UNITS {
        let count = rest / millis;
        if count > 0 {
            text += &format!("{count}{unit}");
            rest %= millis;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

fn checked(text: &str, duration: Duration) -> Result<Duration, DurationError> {
    match duration {
        _ if text.is_empty() => Err(DurationError::Malformed),
        Duration::ZERO => Err(DurationError::Zero),
        long if long > LONGEST => Err(DurationError::TooLong),
        good => Ok(good),
    }
}

fn number(text: &str) -> Result<(u64, &str), DurationError> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    match digits {
        0 => Err(DurationError::Malformed),
        _ => text[..digits].parse().map(|count| (count, &text[digits..])).map_err(|_| DurationError::TooLong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, millis) in
            [("400ms", 400), ("10m", 600_000), ("1h30m", 5_400_000), ("365d", 31_536_000_000), ("1d2h3m4s5ms", 93_784_005)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for text in ["400ms", "10m", "1h30m", "365d", "1d2h3m4s5ms"] {
            assert_eq!(parse_duration(text).map(duration_text).as_deref(), Ok(text));
        }
    }

    #[test]
    fn refuses_the_rest_with_a_reason() {
        for (text, want) in [
            ("10", DurationError::NoUnit),
            ("0", DurationError::Zero),
            ("0s", DurationError::Zero),
            ("", DurationError::Malformed),
            ("m", DurationError::Malformed),
            ("1.5s", DurationError::Malformed),
            ("-1s", DurationError::Malformed),
            ("30m1h", DurationError::Malformed),
            ("1m1m", DurationError::Malformed),
            ("1 m", DurationError::Malformed),
            ("5min", DurationError::Malformed),
            ("1h30", DurationError::Malformed),
            ("3651d", DurationError::TooLong),
            ("99999999999999999999999d", DurationError::TooLong),
            ("18446744073709551615d", DurationError::TooLong),
        ] {
            assert_eq!(parse_duration(text), Err(want), "{text}");
        }
    }
}
