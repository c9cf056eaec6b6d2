//! `windows`.

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use super::fields::{Fields, each, one_or_more};
use super::scalar::any_scalar;
use crate::model::notes::Notes;
use crate::model::words::quoted;
use crate::model::yaml::Node;
use crate::model::{Days, Weekly, Windows, code};

const WEEK: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

/// Reads `windows`.
pub(super) fn read(notes: &mut Notes, node: &Node) -> Option<Windows> {
    let fields = Fields::of(notes, node, "`windows`", &["only", "except"])?;
    let only = fields.get("only").map(|node| {
        let items = one_or_more(notes, node, "`only`")?;
        each(items, |item| weekly(notes, item))
    });
    let except = fields.get("except").map(|node| {
        let items = one_or_more(notes, node, "`except`")?;
        each(items, |item| days(notes, item))
    });
    Some(Windows { only: only.unwrap_or(Some(Vec::new()))?, except: except.unwrap_or(Some(Vec::new()))? })
}

fn weekly(notes: &mut Notes, node: &Node) -> Option<Weekly> {
    const FORM: &str = "write days, times and a time zone: `Mon-Thu 09:00-16:00 Europe/Berlin`";
    let text = &any_scalar(notes, node, "a window")?.text;
    let words: Vec<&str> = text.split_whitespace().collect();
    let reason = match words.as_slice() {
        [days, times, zone] => match (weekdays(days), span(times), TimeZone::get(zone)) {
            (None, ..) => format!("{} are no days", quoted(days)),
            (_, None, _) => format!("{} are no times", quoted(times)),
            (.., Err(_)) => format!("{} is no time zone", quoted(zone)),
            (Some(days), Some((from, to)), Ok(zone)) => return Some(Weekly { days, from, to, zone }),
        },
        _ => format!("{} is no window", quoted(text)),
    };
    notes.error(code::BAD_WINDOW, &node.span, reason).help(FORM);
    None
}

/// `Mon-Thu`, `Mon,Wed`, `Fri-Mon`, `daily`: the days in the order of the week.
fn weekdays(text: &str) -> Option<Vec<Weekday>> {
    if text == "daily" {
        return Some(WEEK.map(|(_, day)| day).to_vec());
    }
    let index = |name: &str| WEEK.iter().position(|(day, _)| *day == name);
    let mut found = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (index(first)?, index(last)?);
        (0..=(last + 7 - first) % 7).for_each(|ahead| found[(first + ahead) % 7] = true);
    }
    Some(WEEK.iter().zip(found).filter(|(_, found)| *found).map(|((_, day), _)| *day).collect())
}

/// `09:00-16:00`.
fn span(text: &str) -> Option<(Time, Time)> {
    let (from, to) = text.split_once('-')?;
    let (from, to) = (time(from)?, time(to)?);
    (from != to).then_some((from, to))
}

fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !two_digits(hour) || !two_digits(minute) {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

fn days(notes: &mut Notes, node: &Node) -> Option<Days> {
    let text = &any_scalar(notes, node, "a date")?.text;
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let read: Option<(Date, Date)> = first.parse().ok().zip(last.parse().ok());
    match read {
        Some((first, last)) if first <= last => Some(Days { first, last }),
        other => {
            let title = if other.is_some() { "ends before it begins" } else { "is no date and no range of dates" };
            let help = "write `2026-12-24` or `2026-12-24..2027-01-02`";
            notes.error(code::BAD_WINDOW, &node.span, format!("{} {title}", quoted(text))).help(help);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_go_round_the_week() {
        assert_eq!(weekdays("Mon-Thu").map(|days| days.len()), Some(4));
        assert_eq!(weekdays("Sat-Mon"), Some(vec![Weekday::Monday, Weekday::Saturday, Weekday::Sunday]));
        assert_eq!(weekdays("Wed,Mon"), Some(vec![Weekday::Monday, Weekday::Wednesday]));
        assert_eq!(weekdays("daily").map(|days| days.len()), Some(7));
        assert_eq!(weekdays("mon"), None);
        assert_eq!(weekdays(""), None);
    }

    #[test]
    fn times_are_four_digits() {
        assert!(span("22:30-06:00").is_some());
        for text in ["9:00-16:00", "09:00", "09:00-24:00", "09:60-10:00", "09:00-09:00", "+9:00-10:00"] {
            assert_eq!(span(text), None, "{text}");
        }
    }
}
