//! Files that change while a rollout is under way.

use tidegate::control::ServerStatus;
use tidegate::rollout::Verb;
use tidegate::snapshot::Kind;
use tidegate::testbed::Backend;

use crate::proxy::Proxy;
use crate::releases::{FILE, HOST, ROOMY, backend, list, of_service, release};
use crate::rollouts::checkout::{order, phase, rollout, step, until_phase, until_settled_at};
use crate::rollouts::history::moves;
use crate::rollouts::puppet::Puppet;
use crate::run::{Setup, bounded};
use crate::server::{Server, is_stale};

const CANARY: &str = "canary:\n  steps:\n    - 10% for 1h\n    - 50% for 1h";

/// Three versions, and another place for the second.
struct Three {
    versions: [Backend; 3],
    moved: Backend,
}

impl Three {
    async fn start() -> Three {
        Three { versions: [backend("v1").await, backend("v2").await, backend("v3").await], moved: backend("v2-moved").await }
    }

    fn file(&self, stable: &str, more: &str) -> String {
        let [v1, v2, v3] = self.versions.each_ref().map(|version| list(&[version]));
        release(&[("v1", &v1), ("v2", &v2), ("v3", &v3)], stable, &format!("{ROOMY}\n{more}"))
    }

    /// A release of the second version under way, at its first step, with a node that has it.
    async fn under_way(&self, more: &str) -> (Server, Puppet) {
        let server = Server::start(&[(FILE, self.file("v1", &format!("candidate: v2\n{CANARY}\n{more}")))]).await;
        let node = Puppet::connect(&server, "node", 1).await;
        until_settled_at(&server, 1).await;
        (server, node)
    }
}

/// The version that is released.
fn candidate(status: &ServerStatus) -> &str {
    rollout(status).map_or("", |rollout| rollout.view.candidate.as_str())
}

/// The one problem of the file: its code, place and title.
async fn problem(server: &Server) -> (&'static str, (usize, usize), String) {
    let status = server.status_until("a problem", |status| !status.problems.is_empty()).await;
    let [problem] = status.problems.as_slice() else { panic!("{:?}", status.problems) };
    (problem.code, problem.position(), problem.title.clone())
}

#[test]
fn another_candidate_takes_over() {
    bounded(async {
        let three = Three::start().await;
        let (server, _node) = three.under_way("").await;
        server.save(FILE, &three.file("v1", &format!("candidate: v3\n{CANARY}")));
        server.status_until("the other one", |status| candidate(status) == "v3" && step(status) == 1).await;
        assert_eq!(moves(&server, "v2"), ["Started 0%", "Step 10%", "Withdrawn 0%", "Started 0%", "Step 0%"]);
        assert_eq!(moves(&server, "v3")[4], "Step 10%");
    });
}

#[test]
fn another_candidate_waits_for_its_turn() {
    bounded(async {
        let three = Three::start().await;
        let (server, _node) = three.under_way("on_new_candidate: queue").await;
        server.save(FILE, &three.file("v1", &format!("candidate: v3\n{CANARY}\non_new_candidate: queue")));
        let generation = server.status().generation;
        server.status_until("the edit", |status| status.generation > generation).await;
        order(&server, Verb::Promote { full: false }).await.expect("the next step");
        until_settled_at(&server, 2).await;
        assert_eq!((candidate(&server.status()), server.status().problems.len()), ("v2", 0));
        order(&server, Verb::Abort).await.expect("its end");
        server.status_until("the other one", |status| candidate(status) == "v3" && step(status) == 1).await;
    });
}

/// The place is that of the word that cannot be taken in.
#[test]
fn another_candidate_is_refused() {
    bounded(async {
        let three = Three::start().await;
        let (server, _node) = three.under_way("on_new_candidate: refuse").await;
        let text = three.file("v1", &format!("candidate: v3\n{CANARY}\non_new_candidate: refuse"));
        server.save(FILE, &text);
        let (code, place, title) = problem(&server).await;
        assert_eq!((code, place), ("T903", place_of(&text, "candidate: v3", "v3")));
        assert!(title.contains("v2 is still being released"), "{title}");
        order(&server, Verb::Promote { full: false }).await.expect("the next step");
        until_settled_at(&server, 2).await;
        assert_eq!(candidate(&server.status()), "v2");
        // It is looked at again once that can be taken in.
        order(&server, Verb::Abort).await.expect("its end");
        server.status_until("the other one", |status| candidate(status) == "v3" && status.problems.is_empty()).await;
    });
}

#[test]
fn a_candidate_that_is_taken_out_gets_nothing() {
    bounded(async {
        let three = Three::start().await;
        let (server, _node) = three.under_way("").await;
        server.save(FILE, &three.file("v1", ""));
        server.status_until("the end of it", |status| phase(status).is_empty()).await;
        server.in_sync(1).await;
        assert_eq!(moves(&server, "v2"), ["Started 0%", "Step 10%", "Withdrawn 0%"]);
        assert_eq!(server.status().services[0].split.share_of("v1").to_string(), "100%");
    });
}

/// It goes on with what the file said last.
#[test]
fn a_file_that_breaks_stops_nothing() {
    bounded(async {
        let three = Three::start().await;
        let (server, _node) = three.under_way("").await;
        server.save(FILE, "service: checkout\nversions: [");
        server.status_until("the problem", |status| is_stale(status, "checkout")).await;
        order(&server, Verb::Promote { full: false }).await.expect("the next step");
        until_settled_at(&server, 2).await;
        order(&server, Verb::Promote { full: true }).await.expect("all of it");
        until_phase(&server, "done").await;
        assert!(is_stale(&server.status(), "checkout"), "still");
    });
}

#[test]
fn the_step_under_way_is_not_changed_and_those_after_it_are() {
    bounded(async {
        let three = Three::start().await;
        let (server, _node) = three.under_way("").await;
        order(&server, Verb::Promote { full: false }).await.expect("the next step");
        until_settled_at(&server, 2).await;
        let text = three.file("v1", "candidate: v2\ncanary:\n  steps:\n    - 10% for 1h\n    - 60% for 1h\n    - 80% for 1h");
        server.save(FILE, &text);
        let (code, place, title) = problem(&server).await;
        assert_eq!((code, place), ("T903", place_of(&text, "- 60% for 1h", "60%")));
        assert!(title.contains("step 2 of v2 is under way"), "{title}");
        assert_eq!(server.status().services[0].split.share_of("v2").to_string(), "50%");

        server.save(FILE, &text.replace("60%", "50%"));
        server.status_until("the step to come", |status| rollout(status).is_some_and(|rollout| rollout.view.step == (2, 4))).await;
        order(&server, Verb::Promote { full: false }).await.expect("the next step");
        until_settled_at(&server, 3).await;
        assert_eq!(server.status().services[0].split.share_of("v2").to_string(), "80%");
    });
}

#[test]
fn endpoints_that_move_are_followed_at_once() {
    bounded(async {
        let three = Three::start().await;
        let text =
            |at: &str| three.file("v1", &format!("candidate: v2\n{CANARY}")).replace(&three.versions[1].address().to_string(), at);
        let server = Server::start(&[(FILE, text(&three.versions[1].address().to_string()))]).await;
        let proxy = Proxy::start(Setup::USUAL, &server).await;
        until_settled_at(&server, 1).await;
        let load = proxy.load().await;
        load.until_served_by("v2").await;
        server.change(Kind::Endpoints, FILE, &text(&three.moved.address().to_string())).await;
        load.until_served_by("v2-moved").await;
        assert_eq!(moves(&server, "v2"), ["Started 0%", "Step 10%"], "the step stands");
        load.lost_none().await;
    });
}

#[test]
fn a_file_that_is_deleted_takes_its_rollout_with_it() {
    bounded(async {
        let three = Three::start().await;
        let cart = of_service("cart", &[("v1", &list(&[&three.versions[0]]))], "v1", "");
        let text = three.file("v1", &format!("candidate: v2\n{CANARY}"));
        let server = Server::start(&[(FILE, text.clone()), ("cart.yaml", cart)]).await;
        let proxy = Proxy::start(Setup::USUAL, &server).await;
        until_settled_at(&server, 1).await;
        std::fs::remove_file(server.path(FILE)).expect("removed");
        server.status_until("its absence", |status| status.services.len() == 1).await;
        server.in_sync(1).await;
        assert_eq!(proxy.get(HOST, "/", &[]).await.status, 404);
        // It begins anew if it returns.
        server.save(FILE, &text);
        until_settled_at(&server, 1).await;
        let told = moves(&server, "v2");
        assert_eq!(told.iter().filter(|line| *line == "Started 0%").count(), 2, "{told:?}");
    });
}

/// Line and column of a word behind another text, both from 1.
fn place_of(text: &str, behind: &str, word: &str) -> (usize, usize) {
    let at = text.find(behind).expect("that text");
    let at = at + text[at..].find(word).expect("that word");
    let before = &text[..at];
    let line = before.matches('\n').count() + 1;
    (line, at - before.rfind('\n').map_or(0, |end| end + 1) + 1)
}
