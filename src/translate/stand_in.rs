//! What is said of a name that nothing stands behind, for kinds whose clients would wait for ever on silence.

use envoy_types::pb::envoy::service::runtime::v3::Runtime;

use super::{Kind, Object};

/// What a name of this kind is answered with when nothing gives it; `None` for the kinds in which absence can be said.
///
/// - A runtime layer is empty: Envoy waits for every layer that its bootstrap names, takes exactly one of that name for an answer
///   (`RtdsSubscription::onConfigUpdate`), and an empty one takes away what a layer said before.
/// - A virtual host that was asked for on demand has no body, only its name: so Envoy knows that the host is unknown, and answers the
///   requests that wait for it (VHDS, "on-demand updates").
pub fn stand_in(kind: Kind, name: &str) -> Option<Object> {
    match kind {
        Kind::Runtime => {
            let layer = Runtime { name: name.to_owned(), layer: Some(Default::default()) };
            Some(Object::new(kind, name, &layer, vec![]))
        }
        Kind::VirtualHost => Some(Object { kind, name: name.to_owned(), bytes: vec![], refs: vec![] }),
        _ => None,
    }
}
