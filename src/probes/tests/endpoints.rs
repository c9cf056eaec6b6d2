//! Endpoints that are well, are not, or are not there.

use std::time::Duration;

use tokio::net::TcpListener;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::task::AbortOnDropHandle;
use tonic_health::ServingStatus;

use super::world::{World, grpc, http1, http2, target};
use crate::probes::{How, Target, Way};
use crate::testbed::Backend;

#[tokio::test]
async fn http_says_whether_it_is_well() {
    for way in [http1(), http2()] {
        let backend = Backend::start("v1").await.unwrap();
        // A no counts at once, whatever it takes for silence.
        let mut asked = target(backend.address(), way);
        asked.how.unhealthy = 1000;
        let mut world = World::new(&[asked]);
        world.until(&[(backend.address(), true)]).await;
        backend.set_healthy(false);
        world.until(&[(backend.address(), false)]).await;
        backend.set_healthy(true);
        world.until(&[(backend.address(), true)]).await;
    }
}

#[tokio::test]
async fn grpc_says_whether_it_is_well() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (reporter, service) = tonic_health::server::health_reporter();
    let server = tonic::transport::Server::builder().add_service(service);
    let (accepted, connections) = tokio::sync::mpsc::channel(1);
    let _accepting = AbortOnDropHandle::new(tokio::spawn(async move {
        while accepted.send(listener.accept().await.map(|(stream, _)| stream)).await.is_ok() {}
    }));
    let _serving = AbortOnDropHandle::new(tokio::spawn(server.serve_with_incoming(ReceiverStream::new(connections))));
    let mut asked = target(address, grpc());
    asked.how.unhealthy = 1000;
    let mut world = World::new(&[asked]);
    world.until(&[(address, true)]).await;
    reporter.set_service_status("", ServingStatus::NotServing).await;
    world.until(&[(address, false)]).await;
    reporter.set_service_status("", ServingStatus::Serving).await;
    world.until(&[(address, true)]).await;
}

#[tokio::test]
async fn who_takes_connections_and_never_answers_is_only_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let hasty = |way: Way| {
        let asked = target(address, way);
        Target { how: How { timeout: Duration::from_millis(20), ..asked.how.clone() }, ..asked }
    };
    World::new(&[target(address, Way::Connect)]).until(&[(address, true)]).await;
    for way in [http1(), http2(), grpc()] {
        World::new(&[hasty(way)]).until(&[(address, false)]).await;
    }
}

#[tokio::test]
async fn who_is_away_is_unhealthy_and_comes_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for way in [Way::Connect, http1(), http2(), grpc()] {
        World::new(&[target(address, way)]).until(&[(address, false)]).await;
    }
    let mut world = World::new(&[target(address, http1())]);
    world.until(&[(address, false)]).await;
    let backend = Backend::start_on("v1", address).await.unwrap();
    world.until(&[(address, true)]).await;
    backend.shutdown().await;
    world.until(&[(address, false)]).await;
}

#[tokio::test]
async fn what_is_asked_in_two_ways_is_well_by_both() {
    let backend = Backend::start("v1").await.unwrap();
    let both = [target(backend.address(), Way::Connect), target(backend.address(), http1())];
    let mut world = World::new(&both);
    world.until(&[(backend.address(), true)]).await;
    backend.set_healthy(false);
    world.until(&[(backend.address(), false)]).await;
    world.wanted.send_modify(|wanted| _ = wanted.remove(&both[1]));
    world.until(&[(backend.address(), true)]).await;
}
