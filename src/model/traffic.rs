//! What is served of a release at one moment.

use std::collections::BTreeMap;

use super::{Endpoint, Gate, Release, Rule, Share, Split, Strategy, preview_host, preview_rule};

/// What is served of a release at one moment: what its file says, and how far its rollout is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traffic {
    /// Where the requests go that no rule matches.
    pub split: Split,
    /// The rules, first match wins.
    pub rules: Vec<Rule>,
    /// A host beside the release's own, all of whose requests go to one version.
    pub preview: Option<PreviewHost>,
    /// Copies of requests.
    pub mirror: Option<Mirror>,
    /// By version, the endpoints that are in service, where these are not simply all that the file names.
    pub placed: BTreeMap<String, Vec<Placed>>,
}

/// A host on which a version can be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewHost {
    /// Lower case, a name.
    pub host: String,
    /// Where its requests go.
    pub version: String,
}

/// Copies of some requests, whose answers are dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// Where the copies go.
    pub version: String,
    /// Of the requests that no rule matches.
    pub share: Share,
    /// Methods that are copied; never empty.
    pub methods: Vec<String>,
}

/// One endpoint of a version as it is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Which.
    pub endpoint: Endpoint,
    /// It gets no new requests, and is kept for those in flight.
    pub draining: bool,
}

impl Traffic {
    /// What a release is served as when nothing is being rolled out: `split` where written, else everything to `stable`.
    pub fn at_rest(release: &Release) -> Traffic {
        Traffic { split: release.held_split(), rules: release.rules.clone(), preview: None, mirror: None, placed: BTreeMap::new() }
    }

    /// The most that a rollout of this release comes to, for whoever wants to know beforehand that all of it can be served: traffic to
    /// both versions, with the preview, and with the copies of each gate that asks for some. Nothing without a candidate.
    pub fn examples(release: &Release) -> Vec<Traffic> {
        let Some(both) = in_halves(release) else { return vec![] };
        let mirrors = mirrors(release);
        let copied = mirrors.into_iter().map(|mirror| Traffic { mirror: Some(mirror), ..both.clone() });
        let examples: Vec<Traffic> = copied.collect();
        if examples.is_empty() { vec![both] } else { examples }
    }
}

/// Half of the traffic to the candidate, which can be tried as the plan says.
fn in_halves(release: &Release) -> Option<Traffic> {
    let candidate = release.plan.as_ref()?.candidate.as_ref()?;
    let half = Share::from_thousandths(Share::FULL.thousandths() / 2)?;
    let share = |name: &String| if name == candidate || *name == release.stable { half } else { Share::ZERO };
    let split = Split::new(release.versions.iter().map(|version| (version.name.clone(), share(&version.name))).collect())?;
    let rules = preview_rule(release).into_iter().chain(release.rules.iter().cloned()).collect();
    Some(Traffic { split, rules, preview: preview_host(release), ..Traffic::at_rest(release) })
}

/// The copies that the plan's gates ask for.
fn mirrors(release: &Release) -> Vec<Mirror> {
    let Some((plan, candidate)) = release.plan.as_ref().and_then(|plan| Some((plan, plan.candidate.as_ref()?))) else {
        return vec![];
    };
    let gates = plan.strategies().flat_map(|strategy| match strategy {
        Strategy::BlueGreen(it) => it.before.as_slice(),
        _ => &[],
    });
    gates
        .filter_map(|gate| match gate {
            Gate::Mirror { share, methods, .. } => {
                Some(Mirror { version: candidate.clone(), share: *share, methods: methods.clone() })
            }
            _ => None,
        })
        .collect()
}
