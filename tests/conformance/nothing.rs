//! What is answered where there is nothing to give (rows G4, G5, H5 and I1): never with silence.

use crate::client::{Delta, node};
use crate::either::{BOTH, Either};
use crate::server::{CDS, EDS, RTDS, TestServer, VHDS, release};

const VHDS_SERVICE: &str = "envoy.service.route.v3.VirtualHostDiscoveryService";
const RTDS_SERVICE: &str = "envoy.service.runtime.v3.RuntimeDiscoveryService";

/// `shop`, whose version runs here.
fn shop(endpoints: &str) -> (String, String) {
    let (name, text) = release("shop", &["v1"], "v1");
    (name, text.replace("[\"127.0.1.11:8080\"]", endpoints))
}

#[tokio::test]
async fn g4_a_version_without_endpoints_has_an_assignment_without_endpoints() {
    let server = TestServer::start(&[shop("[]")]).await;
    for variant in BOTH {
        let mut stream = Either::open(&server, variant).await;
        stream.ask(Some(node("n1")), CDS, &[]).await;
        let clusters = stream.next().await;
        assert_eq!(clusters.names(), ["shop/v1"]);
        stream.ack(&clusters, &[]).await;
        stream.ask(None, EDS, &["shop/v1"]).await;
        let assignment = stream.next().await;
        assert_eq!((assignment.names(), assignment.removed.len()), (vec!["shop/v1".to_owned()], 0), "{variant:?}");
        assert_eq!(assignment.endpoints("shop/v1"), 0);
    }
}

#[tokio::test]
async fn g5_when_the_last_endpoint_goes_the_assignment_is_emptied() {
    for variant in BOTH {
        let server = TestServer::start(&[shop("[\"127.0.1.11:8080\"]")]).await;
        let mut stream = Either::open(&server, variant).await;
        stream.ask(Some(node("n1")), EDS, &["shop/v1"]).await;
        let before = stream.next().await;
        assert_eq!(before.endpoints("shop/v1"), 1);
        stream.ack(&before, &["shop/v1"]).await;
        server.write(&shop("[]"));
        let after = stream.next().await;
        assert_eq!((after.names(), after.removed.len()), (vec!["shop/v1".to_owned()], 0), "{variant:?}");
        assert_eq!(after.endpoints("shop/v1"), 0);
    }
}

/// An Envoy first asks by the name of the RouteConfiguration alone, and then for hosts; it waits for an answer to each.
#[tokio::test]
async fn h5_virtual_hosts_that_are_unknown_are_named_and_have_no_body() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    let mut stream = Delta::open_on(server.xds(), &format!("{VHDS_SERVICE}/DeltaVirtualHosts")).await;
    let mut node = Some(node("n1"));
    for name in ["tidegate", "tidegate/nobody.example.com"] {
        stream.ask(node.take(), VHDS, &[name]).await;
        let answer = stream.next_raw().await;
        assert_eq!((answer.type_url.as_str(), answer.removed_resources.len(), answer.resources.len()), (VHDS, 0, 1), "{name}");
        let told = &answer.resources[0];
        assert_eq!((told.name.as_str(), told.aliases.as_slice()), (name, &[name.to_owned()][..]));
        assert_eq!((told.resource.as_ref(), told.version.is_empty()), (None, false), "{name}");
        stream.ack_of(VHDS, &answer.nonce).await;
    }
}

#[tokio::test]
async fn i1_every_runtime_layer_is_answered_with_one_of_its_own_name() {
    let server = TestServer::start(&[release("shop", &["v1"], "v1")]).await;
    for variant in BOTH {
        let mut stream = Either::open_on(&server, variant, RTDS_SERVICE, "Runtime").await;
        stream.ask(Some(node("n1")), RTDS, &["flags"]).await;
        let answer = stream.next().await;
        assert_eq!((answer.type_url.as_str(), answer.names(), answer.removed.len()), (RTDS, vec!["flags".to_owned()], 0));
        stream.ack(&answer, &["flags"]).await;
        stream.ask(None, RTDS, &["flags", "limits"]).await;
        assert!(stream.next().await.names().contains(&"limits".to_owned()), "{variant:?}");
    }
}
