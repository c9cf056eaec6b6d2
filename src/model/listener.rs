//! Listeners, as `tidegate.yaml` gives them.

use std::net::SocketAddr;

use super::Written;

/// A listener that Envoys are given by LDS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its name, unique.
    pub name: String,
    /// Address it binds on every Envoy of its fleets.
    pub bind: SocketAddr,
    /// Fleets that get it, by name; none means every node.
    pub fleets: Vec<String>,
    /// How it finds the routes of a request.
    pub routes: ListenerRoutes,
    /// Writes an access log to the Envoy's standard output.
    pub access_log: bool,
    /// The place of `routes`, or else of `bind`.
    pub written: Written,
}

/// Of how many hosts on a listener finds routes by scopes, unless it is told otherwise: of more than these. Up to there one
/// RouteConfiguration costs an Envoy little more to change (1.7 ms of its main thread with 100 virtual hosts, 13 ms with 1000, and with
/// a scope for each 0.6 ms whatever their number).
pub const MOST_HOSTS_IN_ONE: usize = 100;

/// How a listener finds the routes of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ListenerRoutes {
    /// As suits the number of hosts: `Scoped` with more than 100 if all of them are names, else `Single`.
    #[default]
    Auto,
    /// In one RouteConfiguration over all hosts. What a change of it costs an Envoy grows with the number of hosts.
    Single,
    /// In a RouteConfiguration of the request's host, which must be written in lower case and be no pattern. What a change costs does
    /// not grow.
    Scoped,
}
