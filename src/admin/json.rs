//! The messages as JSON: the mapping that Protocol Buffers define, so that the command line and `grpcurl` print the same shape.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde_json::Value;

use super::{descriptor_set, pb};

/// The status as JSON. Field names are those of the proto file; fields at their default are written out, unset messages are not;
/// 64-bit numbers are numbers.
pub fn status_json(status: &pb::Status) -> Value {
    to_json("tidegate.admin.v1.Status", status)
}

/// A list of nodes as JSON, in the same manner.
pub fn nodes_json(nodes: &pb::ListNodesResponse) -> Value {
    to_json("tidegate.admin.v1.ListNodesResponse", nodes)
}

/// Something that happened as JSON, in the same manner.
pub fn history_entry_json(entry: &pb::HistoryEntry) -> Value {
    to_json("tidegate.admin.v1.HistoryEntry", entry)
}

/// What an order came to as JSON, in the same manner.
pub fn order_json(order: &pb::OrderResponse) -> Value {
    to_json("tidegate.admin.v1.OrderResponse", order)
}

/// `Null` only if `name` were not the name of the message.
fn to_json(name: &str, message: &impl Message) -> Value {
    static POOL: LazyLock<Option<DescriptorPool>> = LazyLock::new(|| DescriptorPool::decode(descriptor_set()).ok());
    let options = SerializeOptions::new().use_proto_field_name(true).skip_default_fields(false).stringify_64_bit_integers(false);
    let print = || {
        let descriptor = POOL.as_ref()?.get_message_by_name(name)?;
        let dynamic = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice()).ok()?;
        dynamic.serialize_with_options(serde_json::value::Serializer, &options).ok()
    };
    print().unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_proto_names_defaults_and_plain_numbers() {
        let server = pb::Server { generation: 1 << 60, ..pb::Server::default() };
        let status = pb::Status { server: Some(server), ..pb::Status::default() };
        let json = status_json(&status);
        assert_eq!(json["server"]["generation"], 1u64 << 60);
        assert_eq!(json["server"]["directory_problem"], "");
        assert_eq!(json["services"], serde_json::json!([]));
        assert_eq!(json.get("fleet"), None);
    }

    #[test]
    fn every_message_is_in_the_descriptors() {
        assert!(nodes_json(&pb::ListNodesResponse::default()).is_object());
        assert!(history_entry_json(&pb::HistoryEntry::default()).is_object());
        assert!(order_json(&pb::OrderResponse::default()).is_object());
    }
}
