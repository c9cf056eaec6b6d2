//! Shares that add up to 100 %, of which one may be the rest.

use super::scalar::{any_scalar, bad_share};
use crate::model::Share;
use crate::model::code;
use crate::model::notes::Notes;
use crate::model::share::percent;
use crate::model::yaml::{Node, Span};

/// A share as it is written beside others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// That much.
    Share(Share),
    /// What the others leave.
    Rest,
}

/// Reads one part: a share, or `rest`.
pub(super) fn part(notes: &mut Notes, node: &Node, what: &str) -> Option<Part> {
    let scalar = any_scalar(notes, node, what)?;
    match scalar.text.parse() {
        Ok(share) => Some(Part::Share(share)),
        Err(_) if scalar.text == "rest" => Some(Part::Rest),
        Err(error) => bad_share(notes, node, what, &scalar.text, error),
    }
}

/// The shares that parts come to. They must add up to 100 %, or one of them, and no more, takes the rest. `at` is where they all
/// stand, `what` names them.
pub(super) fn hundred(notes: &mut Notes, parts: &[(Span, Option<Part>)], at: &Span, what: &str) -> Option<Vec<Share>> {
    let rests: Vec<&Span> = parts.iter().filter(|(_, part)| *part == Some(Part::Rest)).map(|(span, _)| span).collect();
    if let [first, others @ ..] = rests.as_slice() {
        for other in others {
            notes
                .error(code::SECOND_REST, other, format!("`rest` is written twice in {what}"))
                .also(first, "first here")
                .help("one of them takes what is left; give the other a share");
        }
    }
    let read: Option<Vec<Part>> = parts.iter().map(|(_, part)| *part).collect();
    let read = read.filter(|_| rests.len() < 2)?;
    let left = left(&read);
    if !matches!((left, rests.len()), (Some(0), _) | (Some(_), 1)) {
        note_sum(notes, &read, at, what);
        return None;
    }
    if let (Some(0), Some(rest)) = (left, rests.first()) {
        notes
            .warning(code::EMPTY_REST, rest, format!("nothing is left for `rest` in {what}"))
            .label("comes to 0%")
            .help("lower another share, or write `0%`");
    }
    let rest = left.and_then(|left| Share::from_thousandths(u32::try_from(left).ok()?)).unwrap_or(Share::ZERO);
    Some(read.into_iter().map(|part| if let Part::Share(share) = part { share } else { rest }).collect())
}

fn sum(parts: &[Part]) -> u64 {
    let share = |part: &Part| if let Part::Share(share) = part { u64::from(share.thousandths()) } else { 0 };
    parts.iter().map(share).sum()
}

/// Thousandths of a per cent that the written shares leave of 100 %; `None` if they are more.
fn left(parts: &[Part]) -> Option<u64> {
    u64::from(Share::FULL.thousandths()).checked_sub(sum(parts))
}

fn note_sum(notes: &mut Notes, parts: &[Part], at: &Span, what: &str) {
    let sum = sum(parts);
    let full = u64::from(Share::FULL.thousandths());
    let (label, help) = if sum < full {
        let missing = percent(full - sum);
        (format!("{missing} is missing"), format!("raise one of them by {missing}, or write `rest` for one"))
    } else {
        (format!("{} too much", percent(sum - full)), "lower them until they are 100% together".to_owned())
    };
    let title = format!("the shares of {what} add up to {}, not to 100%", percent(sum));
    notes.error(code::NOT_100_PERCENT, at, title).label(label).help(help);
}
