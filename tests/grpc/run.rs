//! How a test is run: with a client or not at all, and for how long at most.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::client::Client;
use crate::install;

/// Longest time for a whole test. It ends a hanging test and is no measure of speed.
const LIMIT: Duration = Duration::from_secs(120);
/// Set to 1, a machine on which there can be no client fails the tests instead of skipping them.
const REQUIRE: &str = "TIDEGATE_REQUIRE_GRPC";

/// What clients are started with.
pub struct Grpc {
    packages: PathBuf,
}

impl Grpc {
    /// A client of the server at that address.
    pub async fn client(&self, xds: SocketAddr) -> Client {
        Client::start(&self.packages, xds).await
    }
}

/// Runs a test to its end, or until its time is up. What it holds is dropped while the panic unwinds, so that it can tell of itself.
pub fn bounded(test: impl AsyncFnOnce(Grpc)) {
    let packages = match install::packages() {
        Ok(packages) => packages,
        Err(reason) => return skipped(&reason),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut test = std::pin::pin!(test(Grpc { packages }));
        if tokio::time::timeout(LIMIT, &mut test).await.is_err() {
            panic!("not finished after {} s", LIMIT.as_secs());
        }
    });
}

/// Says so where it is seen, also of a test that passes.
fn skipped(reason: &str) {
    let asked = std::env::var(REQUIRE).is_ok_and(|value| value == "1");
    assert!(!asked, "there is no gRPC client for the test, and {REQUIRE} is set: {reason}");
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    // Nobody to tell is no reason to fail.
    let _ = writeln!(std::io::stderr(), "SKIPPED {name}: no gRPC client: {reason}");
}
