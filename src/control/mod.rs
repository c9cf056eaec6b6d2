//! The single writer: one task owns what is served, and everyone else reads what it publishes.

mod status;

pub use status::{FileState, ServerStatus, ServiceStatus, VersionStatus};
