//! A gRPC port: its services, with health and reflection beside them.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::ServeError;
use super::connection::{Lifetime, converse};
use super::site::Site;
use super::tls::{self, Connection, Which};
use crate::admin;
use crate::control::ServerStatus;
use crate::tls::Doors;

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

/// Says in health checks that these services, and the server as a whole, are serving as soon as `status` does, and until `stop`.
pub(super) async fn report(
    reporter: HealthReporter,
    names: &[&'static str],
    mut status: watch::Receiver<Arc<ServerStatus>>,
    stop: CancellationToken,
) {
    let say = async |word| {
        for name in names.iter().copied().chain([""]) {
            reporter.set_service_status(name, word).await;
        }
    };
    say(ServingStatus::NotServing).await;
    tokio::select! {
        // Ready is for ever: what was loaded once is served whatever happens to the files.
        true = async { status.wait_for(|status| status.ready).await.is_ok() } => say(ServingStatus::Serving).await,
        () = stop.cancelled() => {}
    }
    stop.cancelled().await;
    say(ServingStatus::NotServing).await;
}

/// Connections that are let in and not yet looked at.
const ADMITTED: usize = 64;

/// A gRPC port, bound.
pub(super) struct Port {
    /// Its socket.
    pub listener: TcpListener,
    /// The doors, and which of them is its own.
    pub doors: (watch::Receiver<Option<Doors>>, Which),
    /// How long its connections last.
    pub lifetime: Lifetime,
    /// Closes it.
    pub stop: CancellationToken,
}

/// Serves a port until it is closed and the last connection has ended.
pub(super) async fn serve(port: Port, site: Site) {
    let (admitted, mut connections) = mpsc::channel(ADMITTED);
    let (doors, which) = port.doors;
    let conversations = TaskTracker::new();
    let serving = async {
        while let Some(connection) = next(&mut connections, &port.stop).await {
            conversations.spawn(converse(connection, site.clone(), port.lifetime, port.stop.clone()));
        }
        // Nobody is let in any more.
        drop(connections);
    };
    tokio::join!(serving, tls::admit(port.listener, doors, which, admitted));
    conversations.close();
    conversations.wait().await;
}

async fn next(connections: &mut mpsc::Receiver<Connection>, stop: &CancellationToken) -> Option<Connection> {
    tokio::select! {
        connection = connections.recv() => connection,
        () = stop.cancelled() => None,
    }
}
