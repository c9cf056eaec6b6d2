//! What is served of a release at one moment.

use std::collections::BTreeMap;

use super::{Endpoint, Release, Rule, Share, Split};

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
}
