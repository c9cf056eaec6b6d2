//! A client of either variant, for what holds in both.

use envoy_types::pb::envoy::config::core::v3::Node;
use envoy_types::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use tidegate::xds::Variant;
use tonic::Status;
use tonic::transport::Channel;

use crate::client::{Delta, Received, Sotw};
use crate::limits::ADS;
use crate::server::TestServer;

/// The variants.
pub const BOTH: [Variant; 2] = [Variant::Sotw, Variant::Delta];

pub enum Either {
    Sotw(Sotw),
    Delta(Delta),
}

impl Either {
    /// Opens an aggregated stream.
    pub async fn open(server: &TestServer, variant: Variant) -> Either {
        Either::open_on(server, variant, ADS, "AggregatedResources").await
    }

    /// Opens a stream of a service, whose method is `Stream…` or `Delta…`.
    pub async fn open_on(server: &TestServer, variant: Variant, service: &str, method: &str) -> Either {
        match variant {
            Variant::Sotw => Either::Sotw(Sotw::open_on(server.xds(), &format!("{service}/Stream{method}")).await),
            Variant::Delta => Either::Delta(Delta::open_on(server.xds(), &format!("{service}/Delta{method}")).await),
        }
    }

    /// As [`Either::open_on`], by a connection that there is.
    pub async fn open_by(channel: Channel, variant: Variant, service: &str, method: &str) -> Either {
        match variant {
            Variant::Sotw => Either::Sotw(Sotw::open_by(channel, &format!("{service}/Stream{method}")).await),
            Variant::Delta => Either::Delta(Delta::open_by(channel, &format!("{service}/Delta{method}")).await),
        }
    }

    /// Asks for names: in SotW for them alone, in delta for them too.
    pub async fn ask(&mut self, node: Option<Node>, type_url: &str, names: &[&str]) {
        match self {
            Either::Sotw(stream) => stream.ask(node, type_url, names).await,
            Either::Delta(stream) => stream.ask(node, type_url, names).await,
        }
    }

    /// The same, in answer to what has that nonce; with that version in SotW.
    pub async fn ask_on(&mut self, node: Option<Node>, type_url: &str, names: &[&str], nonce: &str, version: &str) {
        let names = names.iter().map(|name| name.to_string()).collect();
        let (type_url, response_nonce) = (type_url.to_owned(), nonce.to_owned());
        match self {
            Either::Sotw(stream) => {
                let (resource_names, version_info) = (names, version.to_owned());
                let request =
                    DiscoveryRequest { node, type_url, response_nonce, resource_names, version_info, ..Default::default() };
                stream.requests().send(request).await.expect("an open stream");
            }
            Either::Delta(stream) => {
                let resource_names_subscribe = names;
                let request =
                    DeltaDiscoveryRequest { node, type_url, response_nonce, resource_names_subscribe, ..Default::default() };
                stream.send(request).await;
            }
        }
    }

    /// Accepts a response, and asks for these names still.
    pub async fn ack(&mut self, received: &Received, names: &[&str]) {
        match self {
            Either::Sotw(stream) => stream.ack(received, names).await,
            Either::Delta(stream) => received.ack_on(stream).await,
        }
    }

    pub async fn nack(&mut self, received: &Received, names: &[&str], message: &str) {
        match self {
            Either::Sotw(stream) => stream.nack(received, names, message).await,
            Either::Delta(stream) => stream.nack(received, message).await,
        }
    }

    pub async fn next(&mut self) -> Received {
        match self {
            Either::Sotw(stream) => stream.next().await,
            Either::Delta(stream) => stream.next().await,
        }
    }

    /// The next response of a type; others may come in between.
    pub async fn next_of(&mut self, type_url: &str) -> Received {
        loop {
            let received = self.next().await;
            if received.type_url == type_url {
                return received;
            }
        }
    }

    pub async fn error(&mut self) -> Status {
        match self {
            Either::Sotw(stream) => stream.error().await,
            Either::Delta(stream) => stream.error().await,
        }
    }
}
