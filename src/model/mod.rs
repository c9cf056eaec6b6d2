//! What the release files say, as types, and every rule that can be checked without a server.
//!
//! Owns: the release (`Release`), the server's configuration file (`Config`), and the reading of both from YAML text.
//! Called by: `control`, `cli` (lint, render), tests. Knows neither tokio nor tonic nor Envoy, and does no I/O: texts come in
//! as arguments, and so do the endpoint files that a release refers to.

mod code;
mod config;
mod fleet;
mod node;
mod notes;
mod release;
mod rule;
mod share;
mod stub;
mod upstream;
pub use stub::*;
mod words;
mod yaml;

pub use config::{Config, Listener};
pub use fleet::Fleet;
pub use node::{Locality, Node};
pub use release::{Backends, Endpoint, Release, Version};
pub use rule::{Match, Rule, Subject, Test};
pub use share::{Share, Split};
pub use upstream::{HealthCheck, Limits, Outlier, Protocol, Retry, RetryOn, Tls, Upstream};
