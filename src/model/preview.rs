//! How a candidate is reached before it gets traffic.

use super::{Plan, Preview, PreviewHost, Release, Rule, Strategy};

/// The name of the rule that [`preview_rule`] gives.
pub(super) const PREVIEW_RULE: &str = "preview";

impl Plan {
    /// How the candidate can be tried; none unless the plan comes to a `blue_green` that says so.
    pub fn preview(&self) -> Option<&Preview> {
        self.strategies().find_map(|strategy| match strategy {
            Strategy::BlueGreen(it) => it.preview.as_ref(),
            _ => None,
        })
    }
}

/// The rule by which requests with the preview's headers go to a candidate, named `preview`; to be put before the others. `None` if the
/// file names no headers.
pub fn preview_rule(release: &Release, candidate: &str) -> Option<Rule> {
    let preview = release.plan.as_ref()?.preview()?;
    let named = (!preview.header.is_empty()).then(|| preview.header.clone())?;
    Some(Rule { name: PREVIEW_RULE.to_owned(), alternatives: vec![named], send: release.all_to(candidate) })
}

/// The host on which a candidate can be tried. `None` if the file names no host.
pub fn preview_host(release: &Release, candidate: &str) -> Option<PreviewHost> {
    let host = release.plan.as_ref()?.preview()?.host.clone()?;
    Some(PreviewHost { host, version: candidate.to_owned() })
}
