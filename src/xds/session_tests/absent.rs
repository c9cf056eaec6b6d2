//! Types of which there is nothing to give: clients that ask for them must neither wait nor be misled.

use super::*;

/// Names, and whether they came with a body.
fn named(response: &Response) -> Vec<(&str, bool)> {
    response.resources.iter().map(|resource| (resource.name.as_ref(), !resource.any.is_empty())).collect()
}

#[test]
fn i1_i2_every_runtime_layer_is_answered_with_one_empty_layer_of_its_name() {
    both(|variant| {
        let mut client = Client::new(variant, &TWO);
        client.ask(Kind::Runtime, &["flags", "limits"]);
        let response = client.session.poll(1, client.now).expect("an answer at once");
        assert_eq!(named(&response), [("flags", true), ("limits", true)]);
        assert_eq!(response.removed, Vec::<Name>::new());
        client.nonces.insert(Kind::Runtime, channel::nonce_text(response.nonce));
        client.ack(Kind::Runtime, if variant == Variant::Sotw { &["flags", "limits"] } else { &[] });
        client.retarget(&["C s/1=new > s/1"]);
        assert_eq!(client.receive(), NOTHING, "and not again while nothing gives it content");
        assert!(client.session.is_in_sync(1, Kind::Runtime));
    });
}

#[test]
fn i2_a_layer_that_is_deleted_is_emptied() {
    both(|variant| {
        let mut client = Client::new(variant, &["RTDS flags=set"]);
        client.ask(Kind::Runtime, &["flags"]);
        assert_eq!(client.receive(), ["RTDS flags=set"]);
        client.ack(Kind::Runtime, if variant == Variant::Sotw { &["flags"] } else { &[] });
        client.retarget(&[]);
        let response = client.session.poll(1, client.now).expect("the layer is emptied");
        let empty = Resource::stand_in(Kind::Runtime, "flags").expect("a layer");
        assert_eq!(response.resources.iter().map(|r| r.as_ref()).collect::<Vec<_>>(), [&empty]);
    });
}

#[test]
fn h5_an_unknown_virtual_host_is_answered_with_its_name_and_no_body() {
    let mut client = Client::new(Variant::Delta, &TWO);
    client.ask(Kind::VirtualHost, &["tidegate/nobody.test"]);
    let response = client.session.poll(1, client.now).expect("an answer at once");
    assert_eq!(named(&response), [("tidegate/nobody.test", false)]);
    assert_eq!(response.removed, Vec::<Name>::new());
}

#[test]
fn h6_secrets_have_no_wildcard_and_nothing_to_send_is_no_response() {
    let mut client = Client::new(Variant::Sotw, &TWO);
    client.ask(Kind::Secret, &[]);
    assert_eq!(client.receive(), NOTHING);
    client.ask(Kind::Secret, &["server-cert"]);
    assert_eq!(client.receive(), NOTHING);
    let mut client = Client::new(Variant::Delta, &TWO);
    client.ask(Kind::Secret, &["server-cert"]);
    assert_eq!(client.receive(), ["SDS -server-cert"], "delta has a word for it");
}
