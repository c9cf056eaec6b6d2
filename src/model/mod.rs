//! What the release files say, as types, and every rule that can be checked without a server.
//!
//! Owns: the release (`Release`), the server's configuration file (`Config`), and the reading of both from YAML text.
//! Called by: `control`, `cli` (lint, render), tests. Knows neither tokio nor tonic nor Envoy, and does no I/O: texts come in
//! as arguments, and so do the endpoint files that a release refers to.

mod ab_test;
mod ahead;
mod asked;
mod blue_green;
mod canary;
mod checks;
mod code;
mod config;
mod conflicts;
mod cover;
mod decision;
mod document;
mod duration;
mod fleet;
mod hook;
mod identity;
mod listener;
mod node;
mod notes;
mod notification;
mod patterns;
mod plan;
mod preview;
mod program;
mod read;
mod release;
mod request;
mod rolling;
mod rule;
mod share;
mod told;
mod traffic;
mod upstream;
mod window;
mod words;
mod written;
mod yaml;

pub use ab_test::{AbTest, Identity, Variant};
pub use ahead::{Stop, Way};
pub use asked::takers;
pub use blue_green::{BlueGreen, Cutover, Gate, Preview};
pub use canary::{Canary, Hold, Step};
pub use checks::{Check, Checks, FailAfter, Limit, Metric, NoData};
pub use config::{Config, PortTls};
pub use conflicts::{Conflict, claims_alike, conflicts};
pub use decision::{By, Decision, Sent, Tried, Verdict, decide};
pub use document::{Document, is_release_file};
pub use duration::{DurationError, duration_text, parse_duration};
pub use fleet::Fleet;
pub use hook::Hook;
pub use identity::{Refusal, Shown};
pub use listener::{Listener, ListenerRoutes, MOST_HOSTS_IN_ONE};
pub use node::{Locality, Node};
pub use notification::{NoticeFormat, NoticeKind, Notification};
pub use patterns::may_meet;
pub use plan::{OnFailure, OnNewCandidate, Plan, Strategy};
pub use preview::{preview_host, preview_rule};
pub use program::{MAX_PROGRAM_STEPS, program_steps};
pub use read::{read_config, read_release};
pub use release::{Backends, Endpoint, Release, Version};
pub use request::Request;
pub use rolling::{Batch, Rolling};
pub use rule::{Match, Rule, Subject, Test};
pub use share::{Share, ShareError, Split};
pub use traffic::{Mirror, Placed, PreviewHost, Traffic};
pub use upstream::{HealthCheck, Limits, Outlier, Protocol, Retry, RetryOn, Tls, Upstream};
pub use window::{Days, Weekly, Windows};
pub use written::Written;
