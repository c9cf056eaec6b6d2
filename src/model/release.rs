//! The release: one service, its versions, and where its traffic goes.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{Plan, Rule, Share, Split, Upstream};

/// One release file, read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// The service's name; unique in the directory.
    pub service: String,
    /// Host names (`:authority`) it answers to, lower case; `*` for any, `*.example.com` for a suffix.
    pub hosts: Vec<String>,
    /// Path prefix it answers under, `/` unless the file says otherwise. Of services that share a host the longest path is tried first.
    pub path: String,
    /// The fleets that get it, by name; none means every node.
    pub fleets: Vec<String>,
    /// Versions in file order.
    pub versions: Vec<Version>,
    /// The version that serves, and to which everything returns.
    pub stable: String,
    /// Shares held by hand (`split:`); every version once. `None` when the file has no `split`.
    pub split: Option<Split>,
    /// What the file asks to be done with a candidate. `None` when it names no strategy.
    pub plan: Option<Plan>,
    /// Rules in file order; the first that matches decides.
    pub rules: Vec<Rule>,
    /// How Envoy talks to the service's endpoints.
    pub upstream: Upstream,
}

impl Release {
    /// The split that the file itself asks for: `split` where written, else everything to `stable`.
    pub fn held_split(&self) -> Split {
        self.split.clone().unwrap_or_else(|| self.all_to(&self.stable))
    }

    /// The split that gives everything to one version; an empty one if there is no such version.
    pub fn all_to(&self, version: &str) -> Split {
        let all = |v: &Version| (v.name.clone(), if v.name == version { Share::FULL } else { Share::ZERO });
        Split::new(self.versions.iter().map(all).collect()).unwrap_or_default()
    }

    /// The host that health checks name: the first of the hosts that is one, else the service. Envoy's own default is the cluster's
    /// name, whose slash makes many servers answer 400.
    pub fn check_host(&self) -> &str {
        self.hosts.iter().find(|host| !host.contains('*')).unwrap_or(&self.service)
    }

    /// The version of that name.
    pub fn version(&self, name: &str) -> Option<&Version> {
        self.versions.iter().find(|v| v.name == name)
    }
}

/// One build of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its name, read from the scalar's text (`1.10` stays `1.10`).
    pub name: String,
    /// Where it runs.
    pub backends: Backends,
}

/// Where a version runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backends {
    /// Addresses written in the release file, in file order.
    Listed(Vec<Endpoint>),
    /// Addresses read from a file in Prometheus' `file_sd` form, in that file's order.
    File {
        /// The path as written in the release file.
        path: String,
        /// What the file says for this version.
        endpoints: Vec<Endpoint>,
    },
    /// A name that each Envoy resolves by itself, all its addresses used.
    Dns {
        /// Host name.
        host: String,
        /// Port.
        port: u16,
    },
}

impl Backends {
    /// The endpoints that are known here; `None` for a name that Envoy resolves.
    pub fn endpoints(&self) -> Option<&[Endpoint]> {
        match self {
            Backends::Listed(endpoints) | Backends::File { endpoints, .. } => Some(endpoints),
            Backends::Dns { .. } => None,
        }
    }
}

/// One address of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Endpoint {
    /// IP address and port.
    pub address: SocketAddr,
}
