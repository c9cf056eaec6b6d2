//! What the files say, and the views that follow from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use crate::snapshot::{Kind, Resource, View};
use crate::translate::Object;

/// What the files say at some time.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// Services that exist, with the version that routes lead to.
    pub services: BTreeMap<u8, u8>,
    /// Content of all endpoints.
    pub endpoints: u8,
    /// Content of all else.
    pub content: u8,
    /// Whether each service has a scope with routes of its own, beside the routes of all.
    pub scoped: bool,
}

/// Any that there may be.
pub fn files() -> impl Strategy<Value = Files> {
    let services = prop::collection::vec((0..3_u8, 0..3_u8), 0..4).prop_map(|services| services.into_iter().collect());
    (services, 0..2_u8, 0..3_u8, any::<bool>()).prop_map(|(services, endpoints, content, scoped)| Files {
        services,
        endpoints,
        content,
        scoped,
    })
}

impl Files {
    /// What an Envoy is served. Its listeners lead to the routes of all, or by scopes to those of each service.
    pub fn for_envoy(&self, before: Option<&View>) -> Arc<View> {
        let scopes = self.services.keys().filter(|_| self.scoped);
        let scopes = scopes.map(|service| self.object(Kind::ScopedRoute, &format!("h{service}"), vec![routes_of(*service)]));
        let listener = if self.scoped { self.object(Kind::Listener, "scoped", vec![]) } else { self.listener("http", "tidegate") };
        let all = self.object(Kind::Route, "tidegate", self.clusters().collect());
        let own = self.services.iter().filter(|_| self.scoped).map(|service| self.routes(service));
        self.view(scopes.chain([listener, all]).chain(own), before)
    }

    /// What a gRPC client is served: a listener and routes for each service.
    pub fn for_grpc(&self, before: Option<&View>) -> Arc<View> {
        let listeners = self.services.keys().map(|service| self.listener(&format!("s{service}"), &routes_of(*service)));
        self.view(listeners.chain(self.services.iter().map(|service| self.routes(service))), before)
    }

    fn clusters(&self) -> impl Iterator<Item = String> {
        self.services.iter().map(cluster)
    }

    fn routes(&self, service: (&u8, &u8)) -> Object {
        self.object(Kind::Route, &routes_of(*service.0), vec![cluster(service)])
    }

    fn listener(&self, name: &str, routes: &str) -> Object {
        self.object(Kind::Listener, name, vec![routes.to_owned()])
    }

    fn view(&self, faces: impl Iterator<Item = Object>, before: Option<&View>) -> Arc<View> {
        let clusters = self.clusters().map(|name| self.object(Kind::Cluster, &name, vec![name.clone()]));
        let endpoints = self.clusters().map(|name| object(Kind::Endpoints, &name, self.endpoints, vec![]));
        let resources = faces.chain(clusters).chain(endpoints).map(|object| Arc::new(Resource::new(&object)));
        Arc::new(View::new(resources, before))
    }

    fn object(&self, kind: Kind, name: &str, refs: Vec<String>) -> Object {
        object(kind, name, self.content, refs)
    }
}

fn cluster((service, version): (&u8, &u8)) -> String {
    format!("s{service}/{version}")
}

fn routes_of(service: u8) -> String {
    format!("r{service}")
}

fn object(kind: Kind, name: &str, content: u8, refs: Vec<String>) -> Object {
    Object { kind, name: name.to_owned(), bytes: format!("{name} {content} {refs:?}").into_bytes(), refs }
}
