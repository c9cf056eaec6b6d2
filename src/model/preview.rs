//! How a candidate is reached before it gets traffic.

use super::{Plan, Preview, PreviewHost, Release, Rule, Share, Split, Strategy};

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

/// The rule by which requests with the preview's headers go to the candidate, named `preview`; to be put before the others. `None`
/// without a candidate, or if the file names no headers.
pub fn preview_rule(release: &Release) -> Option<Rule> {
    let (candidate, preview) = previewed(release)?;
    let all = |name: &String| (name.clone(), if name == candidate { Share::FULL } else { Share::ZERO });
    let send = Split::new(release.versions.iter().map(|version| all(&version.name)).collect())?;
    let named = (!preview.header.is_empty()).then(|| preview.header.clone())?;
    Some(Rule { name: PREVIEW_RULE.to_owned(), alternatives: vec![named], send })
}

/// The host on which the candidate can be tried. `None` without a candidate, or if the file names no host.
pub fn preview_host(release: &Release) -> Option<PreviewHost> {
    let (candidate, preview) = previewed(release)?;
    Some(PreviewHost { host: preview.host.clone()?, version: candidate.to_owned() })
}

fn previewed(release: &Release) -> Option<(&str, &Preview)> {
    let plan = release.plan.as_ref()?;
    Some((plan.candidate.as_deref()?, plan.preview()?))
}
