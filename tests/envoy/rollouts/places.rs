//! Endpoints whose servers are killed, and come back as another version where they were.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use tidegate::testbed::Backend;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Mutex as AsyncMutex;

use crate::proxy::free;

/// Longest wait for the port of a server that was killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As `kill -9` ends one: everything it had open is closed by the system.
    Killed,
    /// It answers what it was asked first.
    ShutDown,
}

/// The endpoints, and who serves at each.
pub struct Places {
    end: End,
    servers: AsyncMutex<BTreeMap<SocketAddr, Server>>,
    /// How many were without a server at once, at most.
    away: Mutex<(usize, usize)>,
}

/// A server with a runtime of its own, so that it can be killed.
struct Server {
    version: String,
    running: Option<(Backend, Runtime)>,
}

impl Places {
    /// So many endpoints of a version, on addresses that no connection is made from.
    pub async fn start(count: u8, network: u8, version: &str, end: End) -> Places {
        let mut servers = BTreeMap::new();
        for host in 1..=count {
            let address = free(&format!("127.0.{network}.{host}")).await;
            servers.insert(address, Server::start(version, address).await);
        }
        Places { end, servers: AsyncMutex::new(servers), away: Mutex::default() }
    }

    /// Their addresses, as a list in YAML.
    pub async fn list(&self) -> String {
        let addresses: Vec<String> = self.servers.lock().await.keys().map(|address| format!("\"{address}\"")).collect();
        format!("[{}]", addresses.join(", "))
    }

    /// What runs at each.
    pub async fn versions(&self) -> Vec<String> {
        self.servers.lock().await.values().map(|server| server.version.clone()).collect()
    }

    /// Ends the servers at these addresses, and starts others there.
    pub async fn upgrade(&self, addresses: &[SocketAddr], version: &str) {
        let mut servers = self.servers.lock().await;
        let mut ended = Vec::new();
        for address in addresses {
            let server = servers.remove(address).unwrap_or_else(|| panic!("{address} is none of them"));
            server.end(self.end).await;
            ended.push(*address);
            self.count(|now| now + 1);
        }
        for address in ended {
            servers.insert(address, Server::start(version, address).await);
            self.count(|now| now - 1);
        }
    }

    /// How many were without a server at once, at most.
    pub fn most_away(&self) -> usize {
        self.away.lock().expect("no panic").1
    }

    fn count(&self, change: impl Fn(usize) -> usize) {
        let mut away = self.away.lock().expect("no panic");
        away.0 = change(away.0);
        away.1 = away.1.max(away.0);
    }
}

impl Server {
    async fn start(version: &str, address: SocketAddr) -> Server {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let name = version.to_owned();
        let start = runtime.spawn(async move {
            loop {
                // What was killed may have its port for a moment still.
                match Backend::start_on(&name, address).await {
                    Ok(backend) => return backend,
                    Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
                }
            }
        });
        let backend = tokio::time::timeout(PATIENCE, start).await.expect("a free port").expect("no panic");
        Server { version: version.to_owned(), running: Some((backend, runtime)) }
    }

    async fn end(mut self, end: End) {
        let (backend, runtime) = self.running.take().expect("it runs");
        if end == End::ShutDown {
            backend.shutdown().await;
        }
        // Tasks are dropped where they are, and their sockets with them.
        runtime.shutdown_background();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A runtime that is dropped waits for its tasks, which nobody may do where others run.
        if let Some((_, runtime)) = self.running.take() {
            runtime.shutdown_background();
        }
    }
}
