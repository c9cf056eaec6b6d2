//! Shares of traffic: fixed-point per cent, never a float, so that 33.3 % + 33.3 % + 33.4 % is 100 %.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

/// A share of traffic in thousandths of a per cent: `Share(5_000)` is 5 %, `Share(1)` is 0.001 %, the smallest there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize)]
pub struct Share(u32);

impl Share {
    /// All of the traffic, 100 %. It is also the constant total of the weights of every split that Envoy is sent: a total that
    /// moves would move users between versions of a hash-sticky split.
    pub const FULL: Share = Share(100_000);
    /// No traffic at all.
    pub const ZERO: Share = Share(0);

    /// A share of so many thousandths of a per cent; `None` above 100 %.
    pub fn from_thousandths(thousandths: u32) -> Option<Share> {
        (thousandths <= Self::FULL.0).then_some(Share(thousandths))
    }

    /// The share in thousandths of a per cent, 0 to 100 000.
    pub fn thousandths(self) -> u32 {
        self.0
    }

    /// What is left of `self` when `other` is taken away; nothing below zero.
    pub fn saturating_sub(self, other: Share) -> Share {
        Share(self.0.saturating_sub(other.0))
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Share, D::Error> {
        Share::from_thousandths(u32::deserialize(from)?).ok_or_else(|| serde::de::Error::custom("a share above 100%"))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&percent(u64::from(self.0)))
    }
}

/// Thousandths of a per cent as text; also of sums beyond 100 %.
pub(crate) fn percent(thousandths: u64) -> String {
    let (whole, rest) = (thousandths / 1000, thousandths % 1000);
    if rest == 0 {
        return format!("{whole}%");
    }
    let digits = format!("{rest:03}");
    format!("{whole}.{}%", digits.trim_end_matches('0'))
}

/// Why a text is no share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ShareError {
    /// A number without `%`.
    #[error("has no unit")]
    NoUnit,
    /// Nothing that looks like one.
    #[error("is no share")]
    Malformed,
    /// More than three digits behind the point.
    #[error("is finer than 0.001%, the smallest step there is")]
    TooFine,
    /// More than 100 %.
    #[error("is more than 100%")]
    TooGreat,
}

impl FromStr for Share {
    type Err = ShareError;

    /// Reads `5%`, `0.5%`, `33.333%`.
    fn from_str(text: &str) -> Result<Share, ShareError> {
        let Some(number) = text.strip_suffix('%') else {
            let numeric = text.parse::<f64>().is_ok_and(f64::is_finite);
            return Err(if numeric { ShareError::NoUnit } else { ShareError::Malformed });
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(ShareError::Malformed);
        }
        if fraction.len() > 3 {
            return Err(ShareError::TooFine);
        }
        let thousandths = format!("{whole}{fraction:0<3}").parse().map_err(|_| ShareError::TooGreat)?;
        Share::from_thousandths(thousandths).ok_or(ShareError::TooGreat)
    }
}

/// How traffic is divided between versions: every version of the service once, in file order, zero shares included, so that
/// the order of the weights never changes within a release.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Split(Vec<(String, Share)>);

impl Split {
    /// A split from shares that add up to 100 %; `None` if they do not.
    pub fn new(shares: Vec<(String, Share)>) -> Option<Split> {
        let sum: u64 = shares.iter().map(|(_, share)| u64::from(share.thousandths())).sum();
        (sum == u64::from(Share::FULL.thousandths())).then_some(Split(shares))
    }

    /// The shares, in the order in which they are sent.
    pub fn shares(&self) -> &[(String, Share)] {
        &self.0
    }

    /// The share of one version; zero when it has none.
    pub fn share_of(&self, version: &str) -> Share {
        self.0.iter().find(|(name, _)| name == version).map_or(Share::ZERO, |(_, share)| *share)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn thirds_are_exact() {
        let share = |text: &str| text.parse::<Share>().expect("a share");
        let thirds = ["33.3%", "33.3%", "33.4%"].map(|text| (text.to_owned(), share(text)));
        assert!(Split::new(thirds.to_vec()).is_some());
        assert_eq!(share("0.5%").thousandths(), 500);
        assert_eq!(share("007%").thousandths(), 7000);
        assert_eq!(share("100%"), Share::FULL);
    }

    #[test]
    fn refuses_the_rest_with_a_reason() {
        for (text, want) in [
            ("5", ShareError::NoUnit),
            ("0.5", ShareError::NoUnit),
            ("1e3", ShareError::NoUnit),
            ("inf", ShareError::Malformed),
            ("", ShareError::Malformed),
            ("%", ShareError::Malformed),
            (".5%", ShareError::Malformed),
            ("5.%", ShareError::Malformed),
            ("5 %", ShareError::Malformed),
            ("-5%", ShareError::Malformed),
            ("1e1%", ShareError::Malformed),
            ("0.0001%", ShareError::TooFine),
            ("100.001%", ShareError::TooGreat),
            ("99999999999%", ShareError::TooGreat),
        ] {
            assert_eq!(text.parse::<Share>(), Err(want), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(thousandths in 0..=100_000_u32) {
            let share = Share::from_thousandths(thousandths).expect("at most 100 %");
            prop_assert_eq!(share.to_string().parse(), Ok(share));
        }

        #[test]
        fn any_text_is_answered(text in ".*") {
            let _ = text.parse::<Share>();
        }
    }
}
