//! What is known of a client, as CSDS says it.

use envoy_types::pb::envoy::admin::v3::UpdateFailureState;
use envoy_types::pb::envoy::config::core::v3 as core;
use envoy_types::pb::envoy::service::status::v3::ConfigStatus;
use envoy_types::pb::envoy::service::status::v3::client_config::GenericXdsConfig;
use envoy_types::pb::google::protobuf::{Any, ListValue, Struct, Timestamp, Value, value};
use prost::Message;

use crate::snapshot::{Kind, Node, Resource};
use crate::xds::{Inspection, Standing};

/// A client's node, as far as it is known here.
pub(super) fn node(node: &Node) -> core::Node {
    let locality = core::Locality {
        region: node.locality.region.clone(),
        zone: node.locality.zone.clone(),
        sub_zone: node.locality.sub_zone.clone(),
    };
    core::Node {
        id: node.id.clone(),
        cluster: node.cluster.clone(),
        locality: (locality != core::Locality::default()).then_some(locality),
        metadata: node.metadata.as_object().map(object),
        user_agent_name: node.user_agent.clone(),
        user_agent_version_type: (!node.version.is_empty())
            .then(|| core::node::UserAgentVersionType::UserAgentVersion(node.version.clone())),
        ..core::Node::default()
    }
}

/// One resource. `client_status` stays unset: that is for clients to say of themselves.
pub(super) fn resource(found: &Inspection, with_contents: bool) -> GenericXdsConfig {
    let version = found.version.as_ref().map(ToString::to_string).unwrap_or_default();
    let shown = found.resource.as_deref().filter(|_| with_contents && may_be_shown(found.kind)).and_then(contents);
    let failed = found.standing == Standing::Rejected;
    GenericXdsConfig {
        type_url: found.kind.type_url().to_owned(),
        name: found.name.to_string(),
        version_info: version.clone(),
        error_state: failed.then(|| failure(found, version, shown.clone())),
        xds_config: shown,
        last_updated: found.since.map(timestamp),
        config_status: status(found.standing).into(),
        ..GenericXdsConfig::default()
    }
}

fn status(standing: Standing) -> ConfigStatus {
    match standing {
        Standing::NotSent => ConfigStatus::NotSent,
        Standing::Sent => ConfigStatus::Stale,
        Standing::Acked => ConfigStatus::Synced,
        Standing::Rejected => ConfigStatus::Error,
    }
}

/// Whether contents of this kind are for those to see who may see how the fleet stands. Every kind is named here, so that one that
/// carries keys cannot come along unnoticed.
fn may_be_shown(kind: Kind) -> bool {
    match kind {
        Kind::Secret => false,
        Kind::Cluster | Kind::Endpoints | Kind::Listener | Kind::ScopedRoute | Kind::Route | Kind::VirtualHost | Kind::Runtime => {
            true
        }
    }
}

fn contents(resource: &Resource) -> Option<Any> {
    Any::decode(resource.any.clone()).ok()
}

fn failure(found: &Inspection, version_info: String, failed_configuration: Option<Any>) -> UpdateFailureState {
    UpdateFailureState {
        failed_configuration,
        last_update_attempt: found.since.map(timestamp),
        details: found.refusal.as_ref().map(|refusal| refusal.message.clone()).unwrap_or_default(),
        version_info,
    }
}

fn timestamp(at: jiff::Timestamp) -> Timestamp {
    Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

fn object(fields: &serde_json::Map<String, serde_json::Value>) -> Struct {
    Struct { fields: fields.iter().map(|(key, value)| (key.clone(), json(value))).collect() }
}

fn json(value: &serde_json::Value) -> Value {
    use value::Kind;
    let kind = match value {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(value) => Kind::BoolValue(*value),
        serde_json::Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        serde_json::Value::String(text) => Kind::StringValue(text.clone()),
        serde_json::Value::Array(items) => Kind::ListValue(ListValue { values: items.iter().map(json).collect() }),
        serde_json::Value::Object(fields) => Kind::StructValue(object(fields)),
    };
    Value { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::snapshot::{Locality, Version};
    use crate::xds::Refusal;

    use super::*;

    /// `google.protobuf.Any { type_url: "t", value: "key" }`.
    const ANY: &[u8] = b"\x0a\x01t\x12\x03key";

    fn rejected(kind: Kind) -> Inspection {
        let version = Version::told("v1");
        let any = bytes::Bytes::from_static(ANY);
        let found = Resource { kind, name: "a".into(), version: version.clone(), any, refs: Arc::new([]) };
        let at = jiff::Timestamp::from_second(7).unwrap();
        let refusal = Refusal { version: version.clone(), message: "no".into(), names: vec![], at: std::time::Instant::now() };
        Inspection {
            kind,
            name: "a".into(),
            standing: Standing::Rejected,
            version: Some(version),
            resource: Some(Arc::new(found)),
            since: Some(at),
            refusal: Some(Arc::new(refusal)),
        }
    }

    #[test]
    fn l3_keys_are_never_shown_and_contents_only_if_wanted() {
        let all = resource(&rejected(Kind::Cluster), true);
        assert_eq!(all.xds_config.as_ref().map(|any| any.value.as_slice()), Some(&b"key"[..]));
        assert_eq!(all.error_state.as_ref().and_then(|error| error.failed_configuration.as_ref()), all.xds_config.as_ref());
        for bare in [resource(&rejected(Kind::Cluster), false), resource(&rejected(Kind::Secret), true)] {
            assert!(!bare.encode_to_vec().windows(3).any(|bytes| bytes == b"key"), "{bare:?}");
            let error = bare.error_state.expect("the words all the same");
            assert_eq!((error.details.as_str(), bare.version_info.as_str()), ("no", "v1"));
        }
    }

    #[test]
    fn a_node_is_told_as_it_presented_itself() {
        let metadata = serde_json::json!({"team": "pay", "tiers": [1, null, {"a": true}]});
        let locality = Locality { region: "eu".into(), ..Locality::default() };
        let (id, version) = ("n".to_owned(), "1.40.0".to_owned());
        let told = node(&Node { id, version, locality, metadata, ..Node::default() });
        assert_eq!((told.id.as_str(), told.locality.map(|locality| locality.region)), ("n", Some("eu".to_owned())));
        let back: prost_types::Struct = Message::decode(told.metadata.expect("metadata").encode_to_vec().as_slice()).unwrap();
        assert_eq!(back.fields.len(), 2);
        assert_eq!(node(&Node::default()), core::Node::default(), "nothing is made up");
    }
}
