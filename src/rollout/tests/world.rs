//! A scripted world: a release, a clock, a fleet that acknowledges after a while, hooks, health, checks. Between any two looks the state
//! is written as JSON and read again, as a restart would.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::diag::SourceFile;
use crate::model::{Endpoint, Release, Share, Traffic, duration_text, read_release};
use crate::rollout::*;

/// Looks in one moment, at most.
const MOST: usize = 100;

pub(super) struct World {
    pub release: Release,
    pub state: State,
    pub now: Timestamp,
    pub begin: Timestamp,
    /// Nodes that are connected, of which all acknowledge after `lag`.
    pub nodes: u32,
    pub lag: Duration,
    pub rejecting: Option<&'static str>,
    pub may_be_empty: bool,
    pub unhealthy: BTreeSet<Endpoint>,
    pub busy: bool,
    pub idle: bool,
    pub judgement: Judgement,
    /// What hooks answer, one after the other; then "go". `None` for no answer.
    pub script: VecDeque<Option<Answer>>,
    pub calls: Vec<HookCall>,
    answers: BTreeMap<String, (u32, Answer)>,
    /// When every node has what was asked for last.
    there: Timestamp,
    pub wait: Option<Wait>,
    pub wake_at: Option<Timestamp>,
    pub events: Vec<Event>,
    /// What happened, and what was waited for, with the time since the beginning.
    pub log: Vec<String>,
}

pub(super) fn release(text: &str) -> Release {
    let file = Arc::new(SourceFile { path: "a.yaml".into(), text: text.into() });
    let document = read_release(&file, &|_| None);
    document.value.unwrap_or_else(|| panic!("{}", crate::diag::render(&document.problems, false)))
}

/// A service with two endpoints of v1, two of v2, and what else the text says.
pub(super) fn service(rest: &str) -> Release {
    let head = "service: shop\nhosts: [shop.example.com]\nversions:\n  v0: [127.0.0.9:80]\n  v1: [127.0.1.1:80, 127.0.1.2:80]\n  v2: [127.0.2.1:80, 127.0.2.2:80]\n  v3: [127.0.3.1:80]\nstable: v1\n";
    release(&format!("{head}{rest}"))
}

pub(super) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn minutes(count: u64) -> Duration {
    secs(60 * count)
}

pub(super) fn percent(text: &str) -> Share {
    text.parse().expect("a share")
}

pub(super) fn endpoint(address: &str) -> Endpoint {
    Endpoint { address: address.parse().expect("an address") }
}

/// Why something was not done.
pub(super) fn refused(outcome: Result<(), Refused>) -> String {
    outcome.expect_err("a refusal").to_string()
}

impl Release {
    /// The same file with another `stable`.
    pub(super) fn stable_is(&self, version: &str) -> Release {
        Release { stable: version.to_owned(), ..self.clone() }
    }
}

impl World {
    /// Takes the release in, on a Monday at noon, UTC.
    pub fn new(release: Release) -> World {
        let begin: Timestamp = "2026-06-01T12:00:00Z".parse().expect("a time");
        let mut world = World {
            release,
            state: State::default(),
            now: begin,
            begin,
            nodes: 3,
            lag: secs(1),
            rejecting: None,
            may_be_empty: false,
            unhealthy: BTreeSet::new(),
            busy: false,
            idle: false,
            judgement: Judgement::Good,
            script: VecDeque::new(),
            calls: Vec::new(),
            answers: BTreeMap::new(),
            there: begin + secs(1),
            wait: None,
            wake_at: None,
            events: Vec::new(),
            log: Vec::new(),
        };
        world.edit(world.release.clone()).expect("a first file is taken in");
        world
    }

    pub fn facts(&self) -> Facts {
        let there = self.now >= self.there;
        let lagging = |why: &str| Lagging { node: "n1".into(), why: why.into() };
        let all: BTreeSet<Endpoint> =
            self.release.versions.iter().flat_map(|v| v.backends.endpoints().unwrap_or_default().to_vec()).collect();
        let idle = |name: &str| (name.to_owned(), Idle { evidence: "nothing in flight".into() });
        Facts {
            fleet: Fleet {
                nodes: self.nodes,
                acked: if there { self.nodes } else { self.nodes.saturating_sub(1) },
                waiting: if there { vec![] } else { vec![lagging("late")] },
                rejecting: self.rejecting.map(lagging).into_iter().collect(),
                returning: false,
                may_be_empty: self.may_be_empty,
            },
            health: all.iter().map(|endpoint| (*endpoint, !self.unhealthy.contains(endpoint))).collect(),
            empty: if self.busy { BTreeSet::new() } else { all },
            idle: if self.idle { self.release.versions.iter().map(|v| idle(&v.name)).collect() } else { BTreeMap::new() },
            answers: self.answers.clone(),
            judgement: self.judgement.clone(),
        }
    }

    /// What is asked for has to be acknowledged from now on.
    pub fn asked_now(&mut self) {
        self.there = self.now + self.lag;
    }

    /// Every node has what was asked for, whatever the clock says.
    pub fn there_already(&mut self) {
        self.there = self.now;
    }

    pub fn traffic(&self) -> Traffic {
        traffic(&self.release, &self.state)
    }

    pub fn share(&self, version: &str) -> String {
        self.traffic().split.share_of(version).to_string()
    }

    pub fn rollout(&self) -> &Rollout {
        self.state.rollout.as_ref().expect("a rollout")
    }

    /// The step under way, from 1.
    pub fn step(&self) -> usize {
        self.rollout().at().expect("a step").index + 1
    }

    pub fn view(&self) -> View {
        View::new(&self.release, &self.state, self.wait.clone()).expect("a rollout")
    }

    /// What is waited for, in words.
    pub fn waits(&self) -> String {
        self.wait.as_ref().map(Wait::text).unwrap_or_default()
    }

    fn say(&mut self, text: &str) {
        let time = self.now.duration_since(self.begin);
        let time = duration_text(Duration::try_from(time).unwrap_or_default());
        self.log.push(format!("{time} {text}"));
    }

    /// An outcome becomes what there is: its state through JSON text.
    pub fn take(&mut self, release: Release, outcome: &Outcome) {
        let before = self.traffic();
        let text = serde_json::to_string(&outcome.state).expect("JSON");
        self.state = serde_json::from_str(&text).expect("a state");
        assert_eq!(self.state, outcome.state, "a state survives being written down");
        self.release = release;
        if self.traffic() != before {
            self.there = self.now + self.lag;
        }
        for event in &outcome.events {
            let split = event.after.share_of(event.candidate.as_deref().unwrap_or("v2"));
            self.say(&format!("{:?} {split}: {}", event.what, event.text));
        }
        self.events.extend(outcome.events.iter().cloned());
    }

    /// Another file. The world does not move.
    pub fn edit(&mut self, release: Release) -> Result<(), NotNow> {
        let outcome = edit(&release, &self.state, self.now)?;
        self.take(release, &outcome);
        Ok(())
    }

    /// What a person says, and what comes of it at once.
    pub fn tell(&mut self, verb: Verb, name: &str) -> Result<(), Refused> {
        self.tell_of(verb, name, Some(self.state.revision))
    }

    pub fn tell_of(&mut self, verb: Verb, name: &str, revision: Option<u64>) -> Result<(), Refused> {
        let by = Actor { name: name.into(), claimed: true };
        let order = Command { verb, by, reason: Some("because".into()), revision };
        let outcome = command(&self.release, &self.state, &order, self.now)?;
        self.take(self.release.clone(), &outcome);
        self.look();
        Ok(())
    }

    /// Looks until nothing more happens at this moment.
    pub fn look(&mut self) {
        for _ in 0..MOST {
            self.call();
            let outcome = reconcile(&self.release, &self.state, &self.facts(), self.now);
            let changed = self.traffic();
            self.take(self.release.clone(), &outcome);
            let wait = outcome.wait.clone();
            if !outcome.again {
                self.rest(&outcome);
                let other = |wait: &Option<Wait>| wait.as_ref().map(Wait::text);
                if other(&wait) != other(&self.wait) {
                    let text =
                        wait.as_ref().map_or_else(|| "waits for nothing".to_owned(), |wait| format!("waits for: {}", wait.text()));
                    self.say(&text);
                }
                (self.wait, self.wake_at) = (wait, outcome.wake_at);
                if self.traffic() == changed && !self.call() {
                    return;
                }
            }
        }
        panic!("it goes round in circles: {:#?}", self.log);
    }

    /// A second look at the same world changes nothing, and no wake-up is in the past.
    fn rest(&self, outcome: &Outcome) {
        let second = reconcile(&self.release, &self.state, &self.facts(), self.now);
        assert_eq!((&second.state, &second.events[..]), (&self.state, &[][..]), "a second look changes nothing");
        assert_eq!((&second.wait, second.wake_at, second.again), (&outcome.wait, outcome.wake_at, false));
        assert!(outcome.wake_at.is_none_or(|at| at > self.now), "a wake-up in the past: {:?}", outcome.wait);
    }

    /// The call that is wanted has an answer now.
    pub fn answer(&mut self, answer: Answer) {
        let call = calls(&self.release, &self.state).expect("a call");
        self.answers.insert(call.calling.token, (call.calling.attempt, answer));
    }

    /// Answers a call that is due. True if it was one that had no answer.
    fn call(&mut self) -> bool {
        let wanted = calls(&self.release, &self.state);
        self.answers.retain(|token, _| wanted.as_ref().is_some_and(|call| call.calling.token == *token));
        let Some(call) = wanted.filter(|call| call.calling.due <= self.now) else { return false };
        let made = |other: &HookCall| (&other.calling.token, other.calling.attempt) == (&call.calling.token, call.calling.attempt);
        if self.calls.iter().any(made) {
            return false;
        }
        if let Some(answer) = self.script.pop_front().unwrap_or(Some(Answer::Go)) {
            self.answers.insert(call.calling.token.clone(), (call.calling.attempt, answer));
        }
        self.calls.push(call);
        true
    }

    /// Time passes.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.look();
            let due = calls(&self.release, &self.state).map(|call| call.calling.due);
            let moments = [self.wake_at, Some(self.there), due];
            match moments.into_iter().flatten().filter(|at| *at > self.now).min() {
                Some(next) if next <= end => self.now = next,
                _ => break,
            }
        }
        self.now = end;
        self.look();
    }

    /// What happened since the last time that this was asked.
    pub fn story(&mut self) -> String {
        std::mem::take(&mut self.log).join("\n")
    }

    /// The kinds of what happened.
    pub fn kinds(&self) -> Vec<Happened> {
        self.events.iter().map(|event| event.what).collect()
    }
}
