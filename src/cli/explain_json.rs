//! What `tidegate explain` prints for programs: docs/operations.md has the fields.

use serde_json::{Value, json};

use super::explain::Explained;
use super::explain_text::stop;
use crate::model::{By, Release, Request, Sent, Share, Tried, Verdict};

/// The answer as an object. Each field is always there; one that says nothing is null or empty.
pub fn json(explained: &Explained<'_>, request: &Request) -> Value {
    let (release, sent, reason) = match explained {
        Explained::Sent(release, sent) => (Some(*release), Some(sent), None),
        Explained::Not(release, reason) => (*release, None, Some(reason)),
    };
    json!({
        "request": {"method": request.method(), "host": request.host(), "path": request.path()},
        "service": release.map(|release| &release.service),
        "sent": sent.is_some(),
        "reason": reason,
        "decided_by": sent.map(|sent| by(sent.by)),
        "rule": sent.filter(|sent| sent.by == By::Rule).and_then(|sent| sent.tried.last()).map(|tried| &tried.rule),
        "split": sent.map(shares).unwrap_or_default(),
        "rules": sent.map(|sent| sent.tried.iter().map(tried).collect::<Vec<_>>()).unwrap_or_default(),
        "release": release.zip(sent).and_then(|(release, sent)| ahead(release, sent)),
    })
}

fn by(by: By) -> &'static str {
    match by {
        By::Preview => "preview",
        By::Rule => "rule",
        By::Split => "split",
    }
}

fn shares(sent: &Sent) -> Vec<Value> {
    sent.split.shares().iter().map(|(version, share)| json!({"version": version, "share": self::share(*share)})).collect()
}

fn share(share: Share) -> Value {
    json!({"thousandths": share.thousandths(), "text": share.to_string()})
}

fn tried(tried: &Tried) -> Value {
    let (matches, why) = match &tried.verdict {
        Verdict::Matches(why) => (true, why),
        Verdict::Fails(why) => (false, why),
    };
    json!({"rule": tried.rule, "matches": matches, "why": why})
}

/// The steps of a candidate's release, and whether they change where the request goes.
fn ahead(release: &Release, sent: &Sent) -> Option<Value> {
    let plan = release.plan.as_ref()?;
    let candidate = plan.candidate.as_ref()?;
    let step = |at: &crate::model::Stop| json!({"share": share(at.share), "text": stop(at)});
    let steps: Vec<Value> = plan.stops().iter().map(step).collect();
    Some(json!({"candidate": candidate, "applies": sent.by == By::Split, "steps": steps}))
}
