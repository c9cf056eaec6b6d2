//! `canary`: steps as sentences.

use super::fields::{Fields, some_items, wrong_kind};
use super::scalar::{any_scalar, bad_duration, bad_share, duration, some_share, word};
use crate::model::notes::Notes;
use crate::model::words::quoted;
use crate::model::yaml::{Node, Span, Value};
use crate::model::{Canary, Hold, Share, Step, code, parse_duration};

const GRAMMAR: &str = "a step is written `5% for 30m`, `25% until approved`, or {share: 5%, hold: 30m}";

/// Reads `canary`.
pub(super) fn read(notes: &mut Notes, node: &Node) -> Option<Canary> {
    let fields = Fields::of(notes, node, "`canary`", &["steps"])?;
    let node = fields.need(notes, "steps", "[5% for 10m, 50% for 10m]")?;
    let items = some_items(notes, node, "`steps`")?;
    let steps: Vec<(Option<Step>, &Span)> = items.iter().map(|item| (step(notes, item), &item.span)).collect();
    let rising = rising(notes, &steps);
    let steps: Option<Vec<Step>> = steps.into_iter().map(|(step, _)| step).collect();
    steps.filter(|_| rising).map(|steps| Canary { steps })
}

fn step(notes: &mut Notes, node: &Node) -> Option<Step> {
    match &node.value {
        Value::Map(_) => long_form(notes, node),
        Value::Scalar(scalar) if !scalar.is_nothing() => sentence(notes, node),
        _ => wrong_kind(notes, node, "a step is a sentence"),
    }
}

fn sentence(notes: &mut Notes, node: &Node) -> Option<Step> {
    let text = &any_scalar(notes, node, "a step")?.text;
    let words: Vec<&str> = text.split_whitespace().collect();
    let (share, until) = match words.as_slice() {
        [share, "until", "approved"] => (share, Some(Hold::Approval)),
        [share, "for", time] => (share, held(notes, node, time)),
        _ => {
            notes.error(code::BAD_STEP, &node.span, format!("{} is no step", quoted(text))).help(GRAMMAR);
            return None;
        }
    };
    let share = match share.parse() {
        Ok(Share::ZERO) => {
            notes.error(code::BAD_STEP, &node.span, "a step with no share is no step").help(GRAMMAR);
            None
        }
        Ok(share) => Some(share),
        Err(error) => bad_share(notes, node, "a step's share", share, error),
    };
    Some(Step { share: share?, until: until? })
}

fn held(notes: &mut Notes, node: &Node, text: &str) -> Option<Hold> {
    match parse_duration(text) {
        Ok(time) => Some(Hold::For(time)),
        Err(error) => bad_duration(notes, node, "a step's time", text, error),
    }
}

fn long_form(notes: &mut Notes, node: &Node) -> Option<Step> {
    let fields = Fields::of(notes, node, "a step", &["share", "hold", "until"])?;
    let share = fields.need(notes, "share", "5%").and_then(|node| some_share(notes, node, "`share`"));
    let until = match (fields.entry("hold"), fields.entry("until")) {
        (Some(hold), None) => duration(notes, &hold.value, "`hold`").map(Hold::For),
        (None, Some(until)) => word(notes, &until.value, "`until`", &[("approved", Hold::Approval)]),
        (Some(hold), Some(until)) => {
            notes
                .error(code::EXCLUDES, &until.key.span, "`hold` and `until` exclude each other")
                .also(&hold.key.span, "the step is over after this time")
                .help("keep one of them");
            None
        }
        (None, None) => {
            fields.need_one_of(notes, &["hold", "until"], "hold: 30m");
            None
        }
    };
    Some(Step { share: share?, until: until? })
}

/// Whether shares never fall; steps that could not be read are passed over.
fn rising(notes: &mut Notes, steps: &[(Option<Step>, &Span)]) -> bool {
    let mut before: Option<(Share, &Span)> = None;
    let mut rising = true;
    for (step, span) in steps.iter().filter_map(|(step, span)| step.map(|step| (step, *span))) {
        if let Some((share, at)) = before.filter(|(share, _)| *share > step.share) {
            rising = false;
            notes
                .error(code::STEP_BACK, span, format!("a step of {} behind one of {share}", step.share))
                .also(at, "was more here")
                .help("shares grow from step to step; to go back, abort the release");
        }
        before = Some((step.share, span));
    }
    rising
}
