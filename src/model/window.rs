//! Windows: when steps may be taken.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

/// When steps may be taken. The default is always.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Windows {
    /// Only then; empty for any time.
    pub only: Vec<Weekly>,
    /// But not on these days, in the time zone of each window, or in UTC where there is none.
    pub except: Vec<Days>,
}

/// `Mon-Thu 09:00-16:00 Europe/Berlin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weekly {
    /// On these days; never empty, in the order of the week.
    pub days: Vec<Weekday>,
    /// From this time on.
    pub from: Time,
    /// Until before this time; of the next day, if it is not after `from`.
    pub to: Time,
    /// Where the clock hangs.
    pub zone: TimeZone,
}

/// `2026-12-24..2027-01-02`: first and last day, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// First.
    pub first: Date,
    /// Last, not before the first.
    pub last: Date,
}
