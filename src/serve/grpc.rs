//! A gRPC port: its services, with health and reflection beside them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::ServeError;
use super::tls::{self, Which};
use crate::admin;
use crate::control::ServerStatus;
use crate::tls::Doors;

/// A client that does not answer a ping is gone, whatever its TCP connection says.
const PING_EVERY: Duration = Duration::from_secs(30);
/// How long the answer to a ping may take.
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// An Envoy on typed services opens a stream for every cluster and route.
const MAX_STREAMS: u32 = 100_000;

/// The routes of a port: what `add` mounts, with health, and reflection of the services named, which `descriptors` describe.
pub(super) fn routes(
    descriptors: &[&'static [u8]],
    services: &[&'static str],
    add: impl FnOnce(Routes) -> Routes,
) -> Result<(Routes, HealthReporter), ServeError> {
    let (reporter, health) = tonic_health::server::health_reporter();
    let (v1, v1alpha) = admin::reflection(descriptors, services)?;
    Ok((add(Routes::new(health).add_service(v1).add_service(v1alpha)), reporter))
}

/// Says in health checks that these services, and the server as a whole, are serving as soon as `status` does.
pub(super) async fn report(reporter: HealthReporter, names: &[&'static str], mut status: watch::Receiver<Arc<ServerStatus>>) {
    loop {
        let ready = status.borrow_and_update().ready;
        let word = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
        for name in names.iter().copied().chain([""]) {
            reporter.set_service_status(name, word).await;
        }
        // Ready is for ever: what was loaded once is served whatever happens to the files.
        if ready || status.changed().await.is_err() {
            return;
        }
    }
}

/// Connections that are let in and not yet looked at.
const ADMITTED: usize = 64;

/// A gRPC port, bound.
pub(super) struct Port {
    /// What it is called.
    pub name: &'static str,
    /// Its socket.
    pub listener: TcpListener,
    /// The doors, and which of them is its own.
    pub doors: (watch::Receiver<Option<Doors>>, Which),
}

/// Serves a port until it is shut down.
pub(super) async fn serve(port: Port, routes: Routes, shutdown: CancellationToken) -> Result<(), ServeError> {
    let (admitted, connections) = mpsc::channel(ADMITTED);
    let (doors, which) = port.doors;
    let incoming = stream::unfold(connections, async |mut connections| {
        Some((Ok::<_, std::io::Error>(connections.recv().await?), connections))
    });
    let served = Server::builder()
        .http2_keepalive_interval(Some(PING_EVERY))
        .http2_keepalive_timeout(Some(PING_TIMEOUT))
        .max_concurrent_streams(Some(MAX_STREAMS))
        .add_routes(routes)
        .serve_with_incoming_shutdown(incoming, shutdown.clone().cancelled_owned());
    let (served, ()) = tokio::join!(served, tls::admit(port.listener, doors, which, admitted));
    served.map_err(|error| ServeError::Port(port.name, error.to_string()))
}
