//! Windows: when steps may be taken.

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

/// When steps may be taken. The default is always.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Windows {
    /// Only then; empty for any time.
    pub only: Vec<Weekly>,
    /// But not on these days, in the time zone of each window, or in UTC where there is none. A window that goes into the next day
    /// belongs to the day that it begins on.
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

impl Windows {
    /// Whether steps may be taken at that moment.
    pub fn is_open(&self, at: Timestamp) -> bool {
        if self.only.is_empty() {
            return self.exception(TimeZone::UTC.to_datetime(at).date()).is_none();
        }
        self.only.iter().any(|weekly| self.spans(weekly, at).take_while(|(from, _)| *from <= at).any(|(_, to)| at < to))
    }

    /// The next moment after this one at which windows open or close; `None` if that never happens. Where one closes as another opens,
    /// nothing changes at it.
    pub fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        let later = |change: &Timestamp| *change > at;
        if self.only.is_empty() {
            return self.except.iter().flat_map(Days::in_utc).filter(later).min();
        }
        let next = |weekly| self.spans(weekly, at).flat_map(|(from, to)| [from, to]).find(later);
        self.only.iter().filter_map(next).min()
    }

    /// A window's times in their order, from those on that may hold the moment. Of a time that the clocks leave out or go through
    /// twice it is jiff's choice that counts: the later of what is left out, the first of two.
    fn spans(&self, weekly: &Weekly, at: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        // A span may have begun the day before; where a whole day is left out of the calendar, the day before that.
        let today = weekly.zone.to_datetime(at).date();
        let begin = today.checked_sub(jiff::Span::new().days(2)).unwrap_or(today);
        self.days(weekly, begin).filter_map(|day| weekly.on(day)).filter(|(from, to)| from < to)
    }

    /// The days of a window that no exception takes out.
    fn days(&self, weekly: &Weekly, begin: Date) -> impl Iterator<Item = Date> {
        // Exceptions are leapt over, so that one of a century costs no more than one of a day.
        let mut next = Some(begin).filter(|_| !weekly.days.is_empty());
        std::iter::from_fn(move || {
            loop {
                let day = next?;
                let left_out = self.exception(day);
                next = left_out.map_or(day, |days| days.last).tomorrow().ok();
                if left_out.is_none() && weekly.days.contains(&day.weekday()) {
                    return Some(day);
                }
            }
        })
    }

    fn exception(&self, day: Date) -> Option<&Days> {
        self.except.iter().find(|days| (days.first..=days.last).contains(&day))
    }
}

impl Weekly {
    /// From when to when it is open, of the window that begins on that day.
    fn on(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        let last = if self.to > self.from { day } else { day.tomorrow().ok()? };
        let moment = |day: Date, time| self.zone.to_timestamp(day.to_datetime(time)).ok();
        Some((moment(day, self.from)?, moment(last, self.to)?))
    }
}

impl Days {
    /// The moments at which they begin and are over, by UTC.
    fn in_utc(&self) -> impl Iterator<Item = Timestamp> {
        let begin = |day: Date| TimeZone::UTC.to_timestamp(day.to_datetime(Time::midnight())).ok();
        [begin(self.first), self.last.tomorrow().ok().and_then(begin)].into_iter().flatten()
    }
}

#[cfg(test)]
mod tests;
