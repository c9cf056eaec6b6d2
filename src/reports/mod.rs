//! What the fleet says of its load: the server of Envoy's load reporting (LRS), and the table of what came in.
//!
//! Owns: the conversation of one reporting client as a pure state machine ([`Session`]: told of the client, of what is wanted and of
//! the time, it says what to ask), the table of the newest report of every client ([`Loads`]), and a thin driver ([`Server`]).
//! Called by: `serve` mounts it on the xDS port, whoever wants to know whether a version is drained reads [`Loads`]. Decides
//! nothing about releases, and remembers nothing of a client that has gone.

mod ask;
mod endpoints;
mod load;
mod loads;
mod node;
mod rows;
mod sample;
mod service;
mod session;
mod table;

pub use ask::{Ask, Clusters};
pub use load::{ClusterLoad, InProgress, Rates, Totals};
pub use loads::Loads;
pub use rows::Reading;
pub use sample::{BadReport, Sample, samples};
pub use service::Server;
pub use session::{Client, Session, Step};
pub use table::Table;
