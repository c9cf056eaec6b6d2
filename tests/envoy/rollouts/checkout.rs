//! The rollout of `checkout`: how far it is, and what people say of it.

use tidegate::control::{OrderError, Ordered, RolloutStatus, ServerStatus};
use tidegate::rollout::{Actor, Command, Drained, Verb};

use crate::server::Server;

/// The rollout, if there is one.
pub fn rollout(status: &ServerStatus) -> Option<&RolloutStatus> {
    status.services.iter().find(|service| service.name == "checkout")?.rollout.as_ref()
}

/// Its phase; empty if there is none.
pub fn phase(status: &ServerStatus) -> &'static str {
    rollout(status).map_or("", |rollout| rollout.view.phase)
}

/// The step it is at, from 1; 0 where it is at none.
pub fn step(status: &ServerStatus) -> u32 {
    rollout(status).map_or(0, |rollout| rollout.view.step.0)
}

/// What it waits for, in words.
pub fn waits_for(status: &ServerStatus) -> String {
    rollout(status).and_then(|rollout| rollout.view.wait.as_ref()).map(|wait| wait.text()).unwrap_or_default()
}

/// What is said of the version that serves no more, once it is safe to stop.
pub fn drained(status: &ServerStatus) -> Option<Drained> {
    rollout(status)?.view.drained.clone()
}

/// Whether every node has the step that it is at.
pub fn is_settled_at(status: &ServerStatus, at: u32) -> bool {
    step(status) == at && rollout(status).is_some_and(|rollout| rollout.settled.is_some())
}

/// Says it as alice.
pub async fn order(server: &Server, verb: Verb) -> Result<Ordered, OrderError> {
    order_by(server, verb, "alice").await
}

/// Says it as somebody.
pub async fn order_by(server: &Server, verb: Verb, name: &str) -> Result<Ordered, OrderError> {
    server.desk().order("checkout", command(verb, name, None)).await
}

/// Says it, and waits until every node has what came of it.
pub async fn carry_out(server: &Server, verb: Verb) {
    let ordered = order(server, verb).await.expect("an order that is carried out");
    server.board_until("what was ordered", |streams| streams.iter().all(|stream| stream.acked >= Some(ordered.snapshot))).await;
}

/// As somebody says it who has seen a revision.
pub fn command(verb: Verb, name: &str, revision: Option<u64>) -> Command {
    Command { verb, by: Actor { name: name.to_owned(), claimed: true }, reason: Some("a test".to_owned()), revision }
}

/// Waits for a phase.
pub async fn until_phase(server: &Server, wanted: &str) {
    server.status_until(&format!("the phase {wanted}"), |status| phase(status) == wanted).await;
}

/// Waits until every node has a step.
pub async fn until_settled_at(server: &Server, at: u32) {
    server.status_until(&format!("step {at} with every node"), |status| is_settled_at(status, at)).await;
}

/// Waits until it waits for something, in these words.
pub async fn until_waiting_for(server: &Server, words: &str) {
    server.status_until(words, |status| waits_for(status).contains(words)).await;
}
