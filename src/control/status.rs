//! What the server says of itself, as plain data for every face: admin, command line, dashboard, metrics.

use std::sync::Arc;

use jiff::Timestamp;

use super::rollouts::Live;
use crate::diag::Problem;
use crate::model::{Backends, Config, Release, Share, Split, Traffic, Version};
use crate::rollout::{Instead, View};

/// Everything there is to know of the releases, at one moment. Published whole; readers keep the `Arc` they got.
#[derive(Debug, Clone, Default)]
pub struct ServerStatus {
    /// Counts the generations of files that were taken in since the start; 0 until the first complete load.
    pub generation: u64,
    /// Counts the snapshots that were published since the start.
    pub snapshot: u64,
    /// When the newest generation was taken in.
    pub loaded_at: Option<Timestamp>,
    /// Whether the first complete load is being served: what `/readyz` says.
    pub ready: bool,
    /// The services being served, by name.
    pub services: Vec<Arc<ServiceStatus>>,
    /// Problems of the newest generation, errors first, then by place.
    pub problems: Vec<Problem>,
    /// What keeps the whole directory from being taken in, in one sentence: it vanished, it is empty.
    pub directory: Option<String>,
    /// Loads in which at least one file had errors, since the start.
    pub failed_loads: u64,
    /// The configuration in force: which fleets there are, so that faces can tell which nodes get a service.
    pub config: Arc<Config>,
}

impl ServerStatus {
    /// The same, with services as they are since a snapshot.
    pub(super) fn moved(&self, services: Vec<Arc<ServiceStatus>>, snapshot: u64) -> ServerStatus {
        ServerStatus {
            generation: self.generation,
            snapshot,
            loaded_at: self.loaded_at,
            ready: self.ready,
            services,
            problems: self.problems.clone(),
            directory: self.directory.clone(),
            failed_loads: self.failed_loads,
            config: self.config.clone(),
        }
    }
}

/// One service being served.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceStatus {
    /// Its name.
    pub name: String,
    /// The file it comes from, relative to the directory.
    pub file: String,
    /// Whether what is served is what the file says.
    pub state: FileState,
    /// Hosts it answers to.
    pub hosts: Vec<String>,
    /// Path prefix it answers under.
    pub path: String,
    /// Fleets that get it; none means every node.
    pub fleets: Vec<String>,
    /// The stable version.
    pub stable: String,
    /// Versions in file order.
    pub versions: Vec<VersionStatus>,
    /// The split as served.
    pub split: Split,
    /// Names of its rules, in order.
    pub rules: Vec<String>,
    /// What a command is to be meant for.
    pub revision: u64,
    /// The first snapshot that has what is served of it.
    pub snapshot: u64,
    /// A version that serves instead of `stable`, because a person said so.
    pub instead: Option<Instead>,
    /// The version that was stable before.
    pub previous: Option<String>,
    /// The release of its candidate.
    pub rollout: Option<RolloutStatus>,
}

/// How far the release of a candidate is.
#[derive(Debug, Clone, PartialEq)]
pub struct RolloutStatus {
    /// What there is to say of it.
    pub view: View,
    /// The candidate's share that every node has acknowledged last.
    pub acked: Share,
    /// Since when every node has what it asks for; `None` while one has not.
    pub settled: Option<Timestamp>,
}

impl ServiceStatus {
    /// What there is to say of a release that is served from this file.
    pub(super) fn new(release: &Release, file: &str, state: FileState, live: Option<&Live>) -> ServiceStatus {
        let traffic = live.map_or_else(|| Traffic::at_rest(release), |live| live.traffic.clone());
        let split = traffic.split;
        let version = |version: &Version| VersionStatus {
            name: version.name.clone(),
            share: split.share_of(&version.name),
            endpoints: match &version.backends {
                Backends::Dns { host, port } => vec![format!("dns:{host}:{port}")],
                Backends::Listed(endpoints) | Backends::File { endpoints, .. } => {
                    endpoints.iter().map(|endpoint| endpoint.address.to_string()).collect()
                }
            },
        };
        ServiceStatus {
            name: release.service.clone(),
            file: file.to_owned(),
            state,
            hosts: release.hosts.clone(),
            path: release.path.clone(),
            fleets: release.fleets.clone(),
            stable: release.stable.clone(),
            versions: release.versions.iter().map(version).collect(),
            rules: traffic.rules.iter().map(|rule| rule.name.clone()).collect(),
            split,
            revision: live.map_or(0, |live| live.state.revision),
            snapshot: live.map_or(0, |live| live.since),
            instead: live.and_then(|live| live.state.instead.clone()),
            previous: live.and_then(|live| live.state.previous.clone()),
            rollout: live.and_then(|live| {
                let view = View::new(release, &live.state, live.wait.clone())?;
                Some(RolloutStatus { view, acked: live.acked, settled: live.settled })
            }),
        }
    }
}

/// One version of a service being served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionStatus {
    /// Its name.
    pub name: String,
    /// Its share of the requests that no rule matches.
    pub share: Share,
    /// Its endpoints as text: addresses, or `dns:host:port`.
    pub endpoints: Vec<String>,
}

/// Whether what is served is what the file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileState {
    /// It is.
    Current,
    /// The file is broken or refused; what is served is its last good content.
    Stale {
        /// Since when.
        since: Timestamp,
        /// The first problem, `file:line:col: title`.
        problem: String,
    },
}
