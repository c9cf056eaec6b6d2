//! Probes of servers that are there, and of some that are not.

mod asked;
mod endpoints;
mod world;
