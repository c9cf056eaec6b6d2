//! Windows at moments, in Berlin mostly: +02:00 in summer, +01:00 in winter.

use super::*;

const EVERY_DAY: [Weekday; 7] =
    [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday, Weekday::Saturday, Weekday::Sunday];

fn at(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

fn weekly(days: &[Weekday], from: (i8, i8), to: (i8, i8)) -> Weekly {
    let time = |(hour, minute)| Time::new(hour, minute, 0, 0).expect("a time");
    let zone = TimeZone::get("Europe/Berlin").expect("a zone");
    Weekly { days: days.to_vec(), from: time(from), to: time(to), zone }
}

fn only(weekly: Weekly) -> Windows {
    Windows { only: vec![weekly], except: vec![] }
}

fn days(first: &str, last: &str) -> Days {
    Days { first: first.parse().expect("a date"), last: last.parse().expect("a date") }
}

/// The changes behind a moment, each found from the one before, and that it is open behind the first, closed behind the second…
fn assert_changes(windows: &Windows, from: &str, open: bool, changes: &[&str]) {
    let (mut now, mut open) = (at(from), open);
    assert_eq!(windows.is_open(now), open, "{now}");
    for change in changes {
        let next = windows.next_change(now).unwrap_or_else(|| panic!("a change behind {now}"));
        assert_eq!(next, at(change), "behind {now}");
        assert_eq!(windows.is_open(next - jiff::SignedDuration::from_nanos(1)), open, "just before {next}");
        open = !open;
        assert_eq!(windows.is_open(next), open, "{next}");
        now = next;
    }
}

#[test]
fn without_windows_it_is_always_open() {
    let windows = Windows::default();
    assert!(windows.is_open(at("2026-03-29T01:30:00Z")));
    assert_eq!(windows.next_change(at("2026-03-29T01:30:00Z")), None);
}

#[test]
fn a_window_keeps_to_the_clock_on_the_wall_when_clocks_go_forward() {
    let windows = only(weekly(&EVERY_DAY, (9, 0), (16, 0)));
    // The clocks go forward in the night to the 29th.
    assert_changes(
        &windows,
        "2026-03-28T07:59:59Z",
        false,
        &["2026-03-28T08:00:00Z", "2026-03-28T15:00:00Z", "2026-03-29T07:00:00Z", "2026-03-29T14:00:00Z"],
    );
}

#[test]
fn a_window_keeps_to_the_clock_on_the_wall_when_clocks_go_back() {
    let windows = only(weekly(&EVERY_DAY, (9, 0), (16, 0)));
    assert_changes(
        &windows,
        "2026-10-24T12:00:00Z",
        true,
        &["2026-10-24T14:00:00Z", "2026-10-25T08:00:00Z", "2026-10-25T15:00:00Z"],
    );
}

#[test]
fn an_hour_that_is_left_out_makes_the_night_shorter() {
    let night = only(weekly(&[Weekday::Saturday], (23, 0), (6, 0)));
    assert_changes(&night, "2026-03-28T12:00:00Z", false, &["2026-03-28T22:00:00Z", "2026-03-29T04:00:00Z"]);
    // 02:30 is not on the clocks that night; 03:30 is what it comes to.
    let within = only(weekly(&[Weekday::Sunday], (2, 30), (4, 0)));
    assert_changes(&within, "2026-03-29T00:00:00Z", false, &["2026-03-29T01:30:00Z", "2026-03-29T02:00:00Z"]);
    // Nothing is left of this one, so the next is a week later.
    let gone = only(weekly(&[Weekday::Sunday], (2, 30), (3, 30)));
    assert_changes(&gone, "2026-03-29T00:00:00Z", false, &["2026-04-05T00:30:00Z", "2026-04-05T01:30:00Z"]);
}

#[test]
fn an_hour_that_comes_twice_makes_the_night_longer() {
    let night = only(weekly(&[Weekday::Saturday], (23, 0), (6, 0)));
    assert_changes(&night, "2026-10-24T12:00:00Z", false, &["2026-10-24T21:00:00Z", "2026-10-25T05:00:00Z"]);
    // From the first 02:30 on, through the second.
    let within = only(weekly(&[Weekday::Sunday], (2, 30), (3, 30)));
    assert_changes(&within, "2026-10-25T00:00:00Z", false, &["2026-10-25T00:30:00Z", "2026-10-25T02:30:00Z"]);
}

#[test]
fn a_window_over_midnight_belongs_to_the_day_it_begins_on() {
    let windows = only(weekly(&[Weekday::Friday], (22, 0), (6, 0)));
    assert_changes(
        &windows,
        "2026-06-05T03:00:00Z",
        false,
        &["2026-06-05T20:00:00Z", "2026-06-06T04:00:00Z", "2026-06-12T20:00:00Z"],
    );
    let begun = Windows { except: vec![days("2026-06-06", "2026-06-06")], ..windows.clone() };
    assert!(begun.is_open(at("2026-06-06T03:00:00Z")), "begun on a Friday that is no exception");
    let never = Windows { except: vec![days("2026-06-05", "2026-06-05")], ..windows };
    assert!(!never.is_open(at("2026-06-06T03:00:00Z")), "the Friday that it begins on is an exception");
    assert_eq!(never.next_change(at("2026-06-05T12:00:00Z")), Some(at("2026-06-12T20:00:00Z")));
}

#[test]
fn exceptions_are_days_where_the_clock_hangs() {
    let windows = Windows {
        except: vec![days("2026-12-24", "2027-01-02"), days("2026-12-23", "2026-12-23")],
        ..only(weekly(&EVERY_DAY, (0, 0), (12, 0)))
    };
    assert_changes(
        &windows,
        "2026-12-22T10:00:00Z",
        true,
        &["2026-12-22T11:00:00Z", "2027-01-02T23:00:00Z", "2027-01-03T11:00:00Z", "2027-01-03T23:00:00Z"],
    );
}

#[test]
fn exceptions_alone_are_days_of_utc() {
    let windows = Windows { only: vec![], except: vec![days("2026-12-24", "2026-12-26")] };
    assert_changes(&windows, "2026-12-01T00:00:00Z", true, &["2026-12-24T00:00:00Z", "2026-12-27T00:00:00Z"]);
    assert_eq!(windows.next_change(at("2026-12-27T00:00:00Z")), None);
}

#[test]
fn of_several_windows_the_first_change_counts() {
    let morning = weekly(&[Weekday::Monday], (9, 0), (11, 0));
    let noon = Weekly { zone: TimeZone::UTC, ..weekly(&[Weekday::Monday], (8, 30), (12, 0)) };
    let windows = Windows { only: vec![morning, noon], except: vec![] };
    assert!(windows.is_open(at("2026-06-01T08:45:00Z")) && windows.is_open(at("2026-06-01T11:59:59Z")));
    assert_eq!(windows.next_change(at("2026-06-01T06:00:00Z")), Some(at("2026-06-01T07:00:00Z")));
    assert_eq!(windows.next_change(at("2026-06-01T07:00:00Z")), Some(at("2026-06-01T08:30:00Z")));
    assert_eq!(windows.next_change(at("2026-06-01T09:00:00Z")), Some(at("2026-06-01T12:00:00Z")));
}

#[test]
fn what_never_opens_never_changes() {
    let for_good = days("2020-01-01", "9999-12-31");
    let windows = Windows { except: vec![for_good], ..only(weekly(&EVERY_DAY, (9, 0), (16, 0))) };
    assert!(!windows.is_open(at("2026-06-01T10:00:00Z")));
    assert_eq!(windows.next_change(at("2026-06-01T10:00:00Z")), None);
    let windows = Windows { only: vec![], except: vec![for_good] };
    assert_eq!(windows.next_change(at("2026-06-01T10:00:00Z")), None);
    assert_eq!(only(weekly(&EVERY_DAY, (9, 0), (16, 0))).next_change(Timestamp::MAX), None);
}
