//! The node of a reporting client, as fleets pick by it.

use envoy_types::pb::envoy::config::core::v3 as core;
use envoy_types::pb::google::protobuf;
use serde_json::Value;

use crate::snapshot::{Locality, Node};

/// Who a client says it is, without its list of extensions.
pub(super) fn node(told: core::Node) -> Node {
    let locality = told.locality.unwrap_or_default();
    Node {
        id: told.id,
        cluster: told.cluster,
        locality: Locality { region: locality.region, zone: locality.zone, sub_zone: locality.sub_zone },
        metadata: told.metadata.map_or(Value::Null, object),
        user_agent: told.user_agent_name,
        version: told.user_agent_version_type.map(version).unwrap_or_default(),
    }
}

fn version(told: core::node::UserAgentVersionType) -> String {
    match told {
        core::node::UserAgentVersionType::UserAgentVersion(text) => text,
        core::node::UserAgentVersionType::UserAgentBuildVersion(build) => {
            let version = build.version.unwrap_or_default();
            format!("{}.{}.{}", version.major_number, version.minor_number, version.patch)
        }
    }
}

fn object(message: protobuf::Struct) -> Value {
    Value::Object(message.fields.into_iter().map(|(key, value)| (key, json(value))).collect())
}

fn json(value: protobuf::Value) -> Value {
    use protobuf::value::Kind;
    match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => value.into(),
        Some(Kind::StringValue(value)) => value.into(),
        // Struct knows doubles alone; whole ones are meant as integers.
        Some(Kind::NumberValue(value)) if value.fract() == 0.0 && value.abs() < 9e15 => (value as i64).into(),
        Some(Kind::NumberValue(value)) => value.into(),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(json).collect(),
        Some(Kind::StructValue(value)) => object(value),
    }
}
