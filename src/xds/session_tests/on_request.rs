//! Resources that are given only to who asks for them by name, as gRPC does for its listeners.

use super::*;

/// A view of these, and of some on request.
fn views(lines: &[&str], on_request: &[&str], before: Option<&View>) -> Arc<View> {
    let all = |lines: &[&str]| lines.iter().map(|line| Arc::new(resource(line))).collect::<Vec<_>>();
    Arc::new(View::with_on_request(all(lines), all(on_request), before))
}

fn client(variant: Variant, lines: &[&str], on_request: &[&str]) -> Client {
    let session = Session::new(views(lines, on_request, None), 1, timing());
    Client { session, generation: 1, now: Instant::now(), stream: 1, variant, nonces: Default::default() }
}

fn retarget(client: &mut Client, lines: &[&str], on_request: &[&str]) {
    let before = client.session.target().clone();
    client.generation += 1;
    client.session.retarget(views(lines, on_request, Some(&before)), client.generation);
}

#[test]
fn who_asks_for_all_gets_none_of_them() {
    both(|variant| {
        let mut envoy = client(variant, &["L http=1"], &["L checkout=1"]);
        envoy.ask(LDS, &[]);
        assert_eq!(envoy.envoy(), ["LDS http=1"]);
        retarget(&mut envoy, &["L http=1"], &["L checkout=2", "L more=1"]);
        assert_eq!(envoy.envoy(), NOTHING);
        retarget(&mut envoy, &["L http=2"], &["L more=1"]);
        assert_eq!(envoy.envoy(), ["LDS http=2"]);
    });
}

#[test]
fn who_asks_by_name_gets_what_it_asks_for_and_its_changes() {
    both(|variant| {
        let mut grpc = client(variant, &["L http=1"], &["L cart=1", "L checkout=1", "R r=1"]);
        grpc.ask(LDS, &["checkout"]);
        assert_eq!(grpc.envoy(), ["LDS checkout=1"]);
        grpc.ask(RDS, &["r"]);
        assert_eq!(grpc.envoy(), ["RDS r=1"]);
        retarget(&mut grpc, &["L http=1"], &["L cart=2", "L checkout=2", "R r=2"]);
        assert_eq!(grpc.envoy(), ["LDS checkout=2", "RDS r=2"]);
        retarget(&mut grpc, &["L http=1"], &["L cart=2", "R r=2"]);
        let gone = if variant == Variant::Sotw { "LDS" } else { "LDS -checkout" };
        assert_eq!(grpc.envoy(), [gone]);
        retarget(&mut grpc, &["L http=1"], &["L checkout=3", "R r=2"]);
        assert_eq!(grpc.envoy(), ["LDS checkout=3"]);
    });
}

#[test]
fn what_is_asked_for_beside_all_is_told_as_gone_when_it_is_given_up() {
    let mut both = client(Variant::Delta, &["L http=1"], &["L checkout=1"]);
    both.ask(LDS, &["*"]);
    assert_eq!(both.envoy(), ["LDS http=1"]);
    both.ask(LDS, &["checkout", "later"]);
    assert_eq!(both.envoy(), ["LDS checkout=1 -later"]);
    retarget(&mut both, &["L http=1"], &["L checkout=2", "L later=1"]);
    assert_eq!(both.envoy(), ["LDS checkout=2 later=1"]);
    both.unsubscribe(LDS, &["checkout"]);
    assert_eq!(both.envoy(), ["LDS -checkout"]);
    retarget(&mut both, &["L http=2"], &["L checkout=3"]);
    assert_eq!(both.envoy(), ["LDS http=2 -later"]);
}

#[test]
fn what_is_asked_for_beside_all_leaves_the_list_when_it_is_given_up() {
    let mut both = client(Variant::Sotw, &["L http=1"], &["L checkout=1"]);
    both.ask(LDS, &["*", "checkout"]);
    assert_eq!(both.receive(), ["LDS checkout=1 http=1"]);
    both.ack(LDS, &["*", "checkout"]);
    both.answer(LDS, &["*"], None);
    retarget(&mut both, &["L http=2"], &["L checkout=2"]);
    assert_eq!(both.envoy(), ["LDS http=2"]);
}
