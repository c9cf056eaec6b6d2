//! tidegate: an Envoy xDS control plane for releases.
//!
//! Data flows one way, and `use` points the other way, never back (`tests/layering.rs` holds it):
//!
//! ```text
//! sources ─▶ model ─▶ rollout ─▶ translate ─▶ snapshot ─▶ xds ─▶ Envoy
//!              ▲                                            │
//!            diag                 control ◀─── board ◀──────┘
//!                                    ▲
//!                         admin · web · cli · telemetry · demo
//! ```
//!
//! Each module's own documentation says what it owns, who calls it and what it may not do.

pub mod admin;
pub mod cli;
pub mod control;
pub mod demo;
pub mod diag;
pub mod forecast;
pub mod hooks;
pub mod model;
pub mod probes;
pub mod reports;
pub mod rollout;
pub mod serve;
pub mod simulation;
pub mod snapshot;
pub mod sources;
pub mod store;
pub mod telemetry;
pub mod testbed;
pub mod tls;
pub mod translate;
pub mod web;
pub mod xds;
