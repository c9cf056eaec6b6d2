//! Shares of traffic: fixed-point per cent, never a float, so that 33.3 % + 33.3 % + 33.4 % is 100 %.

use std::fmt;

/// A share of traffic in thousandths of a per cent: `Share(5_000)` is 5 %, `Share(1)` is 0.001 %, the smallest there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
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

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 1000, self.0 % 1000);
        if rest == 0 {
            return write!(f, "{whole}%");
        }
        let digits = format!("{rest:03}");
        write!(f, "{whole}.{}%", digits.trim_end_matches('0'))
    }
}

/// How traffic is divided between versions: every version of the service once, in file order, zero shares included, so that
/// the order of the weights never changes within a release.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
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
