//! Resources as people read them: by Envoy's own field names, with what is inside `Any` laid open.

use prost_reflect::{DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;

use super::{Object, descriptors};

/// A resource as proto JSON: fields by their proto names, defaults left out, `Any` laid open with its `@type`.
pub fn to_json(object: &Object) -> Value {
    descriptors::message_of(object.kind.type_url()).map_or(Value::Null, |message| json(message, &object.bytes))
}

/// A resource as YAML, like [`to_json`].
pub fn to_yaml(object: &Object) -> String {
    yaml(&to_json(object))
}

/// An encoded message as proto JSON; `Null` if the bytes are no such message, which encoded ones never are. Fields come in the order of
/// their numbers; a map's entries in none, and no map that is built here has two.
pub(super) fn json(message: MessageDescriptor, bytes: &[u8]) -> Value {
    let options = SerializeOptions::new().use_proto_field_name(true).stringify_64_bit_integers(false);
    let dynamic = DynamicMessage::decode(message, bytes).ok();
    let json = dynamic.and_then(|message| message.serialize_with_options(serde_json::value::Serializer, &options).ok());
    named_first(json.unwrap_or_default())
}

/// Puts `name` first wherever there is one: it is what people look for, and Envoy numbers it late in some messages.
fn named_first(mut value: Value) -> Value {
    match &mut value {
        Value::Array(items) => items.iter_mut().for_each(|item| *item = named_first(item.take())),
        Value::Object(fields) => {
            fields.values_mut().for_each(|field| *field = named_first(field.take()));
            if let Some(name) = fields.shift_remove("name") {
                fields.shift_insert(0, "name".to_owned(), name);
            }
        }
        _ => {}
    }
    value
}

/// A JSON value as YAML.
pub(super) fn yaml(value: &Value) -> String {
    serde_yaml::to_string(value).unwrap_or_default()
}
