//! gRPC without a proxy: clients that ask the server themselves, by `xds:///` targets, and pick among the versions by what it says.
//!
//! The client is gRPC's own, in Python (`client.py`), installed from PyPI on first use. A machine without `python3` and `pip` skips
//! these tests and says so, unless `TIDEGATE_REQUIRE_GRPC=1` asks for them.

mod backend;
mod changes;
mod client;
mod features;
mod install;
mod loads;
mod run;
mod server;
mod splits;
