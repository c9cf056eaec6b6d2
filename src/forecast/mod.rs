//! What would change if files were served.
//!
//! Owns: the telling, service by service, of what becomes of traffic, steps and rollouts ([`Outlook`]), how long the way there is
//! ([`Length`]) and the way back ([`Back`]), and which of Envoy's resources are other ones ([`Changed`]). What is served and what would be
//! is worked out by the server's own compiler and engine (`control::compare`), so what is told is what would happen.
//! Called by: `cli plan`. Does no I/O, reads no clock.

mod back;
mod length;
mod outlook;
mod parts;
mod resources;

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::control::Comparison;

pub use back::Back;
pub use length::{Length, Waves, Window};
pub use outlook::{Change, Outlook, Position};
pub use resources::{Changed, What};

/// The fleets that each connected node belongs to.
pub type Nodes = [BTreeSet<String>];

/// What would change.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// The services of which something would, by name.
    pub services: Vec<Outlook>,
    /// How many others there are.
    pub unchanged: usize,
    /// Parts of the configuration that say something else, by their keys.
    pub config: Vec<&'static str>,
    /// Envoy's resources, as all fleets together get them.
    pub resources: Vec<Changed>,
    /// Connected nodes, if it is known which there are.
    pub nodes: Option<usize>,
}

impl Forecast {
    /// Whether everything stays as it is.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty() && self.config.is_empty() && self.resources.is_empty()
    }
}

/// What would change at that time. Without nodes it is not told how many get what.
pub fn forecast(compared: &Comparison, nodes: Option<&Nodes>, now: Timestamp) -> Forecast {
    let services = outlook::all(compared, nodes, now);
    let told: BTreeSet<&str> = services.iter().map(|outlook| outlook.service.as_str()).collect();
    Forecast {
        unchanged: compared.after.services.keys().filter(|name| !told.contains(name.as_str())).count(),
        config: parts::of_config(&compared.before.config, &compared.after.config),
        resources: resources::changed(&compared.before, &compared.after),
        nodes: nodes.map(<[_]>::len),
        services,
    }
}
