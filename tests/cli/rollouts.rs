//! Rollouts made by hand, in every phase that there is something to say of.

use jiff::{SignedDuration, Timestamp};
use tidegate::control::{RolloutStatus, ServerStatus, ServiceStatus};
use tidegate::model::{Share, Split};
use tidegate::rollout::{Actor, Drained, Event, Happened, Instead, Paused, Rung, RungState, View, Wait};

use crate::fixture::{calm, checkout};

fn percent(percent: u32) -> Share {
    Share::from_thousandths(percent * 1000).unwrap()
}

fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

pub fn ann() -> Actor {
    Actor { name: "ann".into(), claimed: true }
}

/// `v42` at the second step of three, of which a part of the fleet has acknowledged the share.
fn view(now: Timestamp) -> View {
    let rung = |text: &str, share, state| Rung { text: text.into(), share: percent(share), state };
    View {
        id: 3,
        revision: 9,
        stable: "v41".into(),
        candidate: "v42".into(),
        phase: "running",
        started: now - minutes(40),
        since: now - minutes(3),
        step: (2, 3),
        ladder: vec![
            rung("5% for 10m", 5, RungState::Over),
            rung("25% for 30m", 25, RungState::UnderWay),
            rung("v42 gets everything", 100, RungState::ToCome),
        ],
        share: percent(25),
        wait: None,
        next: "v42 gets everything".into(),
        paused: None,
        why: None,
        by: None,
        drained: None,
        keep_until: None,
        waves: None,
    }
}

fn service(name: &str, view: View, acked: u32) -> ServiceStatus {
    let rollout = Some(RolloutStatus { view, acked: percent(acked), settled: None });
    ServiceStatus { name: name.into(), file: format!("{name}.yaml"), revision: 9, rollout, fleets: vec![], ..checkout() }
}

/// At a step whose time runs.
pub fn holding(now: Timestamp) -> ServiceStatus {
    // Half a minute more, so that a slow machine says the same.
    let until = now + minutes(26) + SignedDuration::from_secs(30);
    service("checkout", View { wait: Some(Wait::Clock(until)), ..view(now) }, 5)
}

/// Held by a person.
pub fn paused(now: Timestamp) -> ServiceStatus {
    let paused = Some(Paused { at: now - minutes(2), by: ann(), reason: Some("lunch".into()) });
    let wait = Some(Wait::Paused { by: "ann".into(), reason: Some("lunch".into()) });
    service("billing", View { paused, wait, ..view(now) }, 25)
}

/// Stuck, for a person to say what is next.
pub fn stuck(now: Timestamp) -> ServiceStatus {
    let why = "hook http://gate.internal/go said no".to_owned();
    let wait = Some(Wait::Stuck(why.clone()));
    service("cart", View { phase: "stuck", why: Some(why), wait, ..view(now) }, 25)
}

/// Called off, and the candidate has no more requests.
pub fn off(now: Timestamp) -> ServiceStatus {
    let drained = Some(Drained { since: now - minutes(1), evidence: "no requests in flight, by the reports of 3 nodes".into() });
    let (why, next) = (Some("too slow".into()), "`retry`, or another candidate; v41 has everything until then".into());
    service("mail", View { phase: "off", share: Share::ZERO, why, by: Some(ann()), next, drained, ..view(now) }, 0)
}

/// Done; the old version is kept for a while.
pub fn done(now: Timestamp) -> ServiceStatus {
    let drained = Some(Drained { since: now - minutes(5), evidence: "no new requests for 30s".into() });
    let keep_until = Some(now + minutes(90) + SignedDuration::from_secs(30));
    let ladder = view(now).ladder.into_iter().map(|rung| Rung { state: RungState::Over, ..rung }).collect();
    let next = "say `stable: v42` in the file and take `candidate` out".into();
    let wait = Some(Wait::Collapse("v42".into()));
    let (phase, share) = ("done", Share::FULL);
    service("search", View { phase, share, ladder, wait, next, drained, keep_until, step: (3, 3), ..view(now) }, 100)
}

/// Undone, when nothing was being released.
pub fn undone(now: Timestamp) -> ServiceStatus {
    let instead = Some(Instead { version: "v41".into(), since: now - minutes(2), by: ann() });
    let (name, stable, previous) = ("users".into(), "v42".into(), Some("v41".into()));
    ServiceStatus { name, file: "users.yaml".into(), stable, instead, previous, fleets: vec![], ..checkout() }
}

/// All of them together.
pub fn all(now: Timestamp) -> ServerStatus {
    let services = [paused(now), stuck(now), holding(now), off(now), done(now), undone(now)].map(Into::into);
    ServerStatus { services: services.into(), ..calm(now) }
}

/// One of them alone.
pub fn only(service: ServiceStatus, now: Timestamp) -> ServerStatus {
    ServerStatus { services: vec![service.into()], ..calm(now) }
}

/// What happened to `checkout`, oldest first; the last of it at `now`.
pub fn events(now: Timestamp) -> Vec<Event> {
    let split = |share: u32| Split::new(vec![("v41".into(), percent(100 - share)), ("v42".into(), percent(share))]).unwrap();
    let event = |what, ago, step, text: &str, (before, after)| Event {
        what,
        at: now - minutes(ago),
        rollout: 3,
        candidate: Some("v42".into()),
        revision: 9,
        step,
        text: text.into(),
        by: None,
        reason: None,
        before: split(before),
        after: split(after),
    };
    vec![
        event(Happened::Started, 40, None, "v42 is to be released; v41 has everything", (0, 0)),
        event(Happened::Step, 39, Some((1, 3)), "5% for 10m", (0, 5)),
        Event {
            by: Some(ann()),
            reason: Some("all is calm".into()),
            ..event(Happened::Promoted, 3, Some((1, 3)), "the step is not waited for any more", (5, 5))
        },
        event(Happened::Step, 3, Some((2, 3)), "25% for 30m", (5, 25)),
        Event {
            by: Some(Actor { name: "spiffe://prod/ops".into(), claimed: false }),
            reason: Some("too slow".into()),
            ..event(Happened::RolledBack, 0, Some((2, 3)), "back to v41: too slow", (25, 0))
        },
    ]
}
