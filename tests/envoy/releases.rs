//! Release files, as text, and the services behind them.

use tidegate::testbed::Backend;

/// The host of [`release`].
pub const HOST: &str = "checkout.example.com";
/// Its file.
pub const FILE: &str = "checkout.yaml";

/// Limits that no load reaches here. On a machine that stands still for a second, Envoy's 1024 requests in flight are soon full.
pub const ROOMY: &str = "upstream: {limits: {connections: 100000, pending: 100000, requests: 100000}}";

/// A toy service that answers with this name.
pub async fn backend(name: &str) -> Backend {
    Backend::start(name).await.expect("a backend")
}

/// The endpoints of a version, as a list in YAML.
pub fn list(backends: &[&Backend]) -> String {
    let addresses: Vec<String> = backends.iter().map(|backend| format!("\"{}\"", backend.address())).collect();
    format!("[{}]", addresses.join(", "))
}

/// The service `checkout`, with these versions (name and what stands after it), and more lines at the end.
pub fn release(versions: &[(&str, &str)], stable: &str, more: &str) -> String {
    of_service("checkout", versions, stable, more)
}

/// A service of that name, at the host `NAME.example.com`.
pub fn of_service(service: &str, versions: &[(&str, &str)], stable: &str, more: &str) -> String {
    let versions: String = versions.iter().map(|(name, backends)| format!("  {name}: {backends}\n")).collect();
    format!("service: {service}\nhosts: [{service}.example.com]\nversions:\n{versions}stable: {stable}\n{more}\n")
}

/// `checkout` with `v1` and `v2`, of one backend each.
pub struct Two {
    pub v1: Backend,
    pub v2: Backend,
}

impl Two {
    pub async fn start() -> Two {
        Two { v1: backend("v1").await, v2: backend("v2").await }
    }

    /// The file, `v1` stable, with more lines at the end.
    pub fn file(&self, more: &str) -> String {
        release(&[("v1", &list(&[&self.v1])), ("v2", &list(&[&self.v2]))], "v1", &format!("{ROOMY}\n{more}"))
    }
}
