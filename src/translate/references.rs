//! References to nothing.

use std::collections::BTreeSet;

use super::{Kind, Object};

/// References to resources that are not among those given, one sentence each. Envoy acknowledges most of them and then answers 503 or
/// 404, or waits for what never comes. Translation makes none, because routes lead to clusters of their own service, listeners to
/// the one RouteConfiguration, and the scope of a host to the host's own; the golden tests hold that with this.
pub fn dangling(objects: &mut dyn Iterator<Item = &Object>) -> Vec<String> {
    let objects: Vec<&Object> = objects.collect();
    let there: BTreeSet<(Kind, &str)> = objects.iter().map(|object| (object.kind, object.name.as_str())).collect();
    let missing = |object: &Object| {
        let kind = referred(object.kind);
        let absent = object.refs.iter().filter(|name| kind.is_none_or(|kind| !there.contains(&(kind, name.as_str()))));
        absent.map(|name| sentence(object, kind, name)).collect::<Vec<_>>()
    };
    objects.iter().flat_map(|object| missing(object)).collect()
}

/// The kind that resources of a kind refer to.
fn referred(kind: Kind) -> Option<Kind> {
    match kind {
        Kind::Cluster => Some(Kind::Endpoints),
        Kind::Listener => Some(Kind::Route),
        Kind::Route => Some(Kind::Cluster),
        Kind::ScopedRoute => Some(Kind::Route),
        Kind::Endpoints | Kind::Secret | Kind::VirtualHost | Kind::Runtime => None,
    }
}

fn sentence(object: &Object, kind: Option<Kind>, name: &str) -> String {
    let noun = |kind: Kind| match kind {
        Kind::Cluster => "cluster",
        Kind::Endpoints => "endpoints",
        Kind::Listener => "listener",
        Kind::Route => "route configuration",
        Kind::ScopedRoute => "scope",
        Kind::VirtualHost => "virtual host",
        Kind::Secret => "secret",
        Kind::Runtime => "runtime layer",
    };
    let referred = kind.map_or("resource", noun);
    format!("the {} `{}` refers to the {referred} `{name}`, which is not there", noun(object.kind), object.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_must_meet_its_kind() {
        let object = |kind, name: &str, refs: &[&str]| Object {
            kind,
            name: name.into(),
            bytes: vec![],
            refs: refs.iter().map(|name| (*name).to_owned()).collect(),
        };
        let cluster = object(Kind::Cluster, "web/v1", &["web/v1"]);
        let endpoints = object(Kind::Endpoints, "web/v1", &[]);
        let route = object(Kind::Route, "tidegate", &["web/v1"]);
        let listener = object(Kind::Listener, "http", &["tidegate"]);
        assert_eq!(dangling(&mut [&cluster, &endpoints, &route, &listener].into_iter()), Vec::<String>::new());
        assert_eq!(
            dangling(&mut [&endpoints, &route].into_iter()),
            ["the route configuration `tidegate` refers to the cluster `web/v1`, which is not there"]
        );
        assert_eq!(dangling(&mut [&cluster, &listener].into_iter()).len(), 2);
    }
}
