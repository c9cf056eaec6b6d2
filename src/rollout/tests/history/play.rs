//! A history is played.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::test_runner::TestCaseError;

use super::files::File;
use super::rules;
use super::steps::{Event, Reply};
use crate::model::{Endpoint, Release, Traffic};
use crate::rollout::*;

/// Looks after one event, at most: each wave, step and test asks for a few.
const MOST: usize = 400;

pub struct Game {
    pub file: File,
    pub release: Release,
    pub state: State,
    pub now: Timestamp,
    pub facts: Facts,
    pub wake_at: Option<Timestamp>,
    /// Calls that the engine has had an answer to, and those whose answer was one.
    pub answered: BTreeSet<(String, u32)>,
    pub over: BTreeSet<String>,
    /// What each token was used for.
    pub tokens: BTreeMap<String, String>,
    /// Changes of the file that concern endpoints may leave nothing in service.
    pub endpoints_edited: bool,
    /// How often it came to rest.
    pub rests: u32,
    nodes: u32,
    well: (u8, u8),
    empty: bool,
    idle: bool,
}

pub fn play(first: &File, steps: &[Event]) -> Result<(), TestCaseError> {
    let Some(release) = first.release() else { return Ok(()) };
    let mut game = Game::new(first.clone(), release)?;
    for step in steps {
        game.happen(step)?;
        game.look()?;
    }
    Ok(())
}

impl Game {
    fn new(file: File, release: Release) -> Result<Game, TestCaseError> {
        let now = "2026-06-01T12:00:00Z".parse().expect("a time");
        let mut game = Game {
            file,
            release,
            state: State::default(),
            now,
            facts: Facts::default(),
            wake_at: None,
            answered: BTreeSet::new(),
            over: BTreeSet::new(),
            tokens: BTreeMap::new(),
            endpoints_edited: false,
            rests: 0,
            nodes: 2,
            well: (0xff, 0),
            empty: true,
            idle: false,
        };
        game.facts.fleet.nodes = 2;
        let release = game.release.clone();
        let outcome = edit(&release, &game.state, now).expect("a first file is taken in");
        game.take(&release, outcome)?;
        Ok(game)
    }

    pub fn traffic(&self) -> Traffic {
        traffic(&self.release, &self.state)
    }

    fn happen(&mut self, event: &Event) -> Result<(), TestCaseError> {
        match event {
            Event::Pass(seconds) => self.now += SignedDuration::from_secs(*seconds),
            Event::Wake => self.now = self.wake_at.unwrap_or(self.now),
            Event::Ack => self.ack(),
            Event::Fleet { nodes, acked, rejects } => {
                self.nodes = *nodes;
                let lagging = Lagging { node: "n".into(), why: "no".into() };
                let rejecting = if *rejects { vec![lagging] } else { vec![] };
                self.facts.fleet = Fleet { nodes: *nodes, acked: *acked, rejecting, ..Fleet::default() };
            }
            Event::Judge(verdict) => {
                self.facts.judgement = match verdict {
                    Some(true) => Judgement::Good,
                    Some(false) => Judgement::Bad("slow".into()),
                    None => Judgement::NoData,
                }
            }
            Event::Health(well, unknown) => self.well = (*well, *unknown),
            Event::Empty(empty) => self.empty = *empty,
            Event::Idle(idle) => self.idle = *idle,
            Event::Answer(reply) => self.answer(*reply),
            Event::Say { verb, who, stale } => self.say(*verb, who, *stale)?,
            Event::Edit(change) => self.edit(&self.file.changed(change))?,
            Event::Restart => self.restart()?,
            Event::Calm => return self.calm(),
        }
        Ok(())
    }

    fn ack(&mut self) {
        let nodes = self.nodes.max(1);
        self.facts.fleet = Fleet { nodes, acked: nodes, ..Fleet::default() };
    }

    /// All is well, and what is waited for happens, for a few steps.
    fn calm(&mut self) -> Result<(), TestCaseError> {
        (self.well, self.empty, self.facts.judgement) = ((0xff, 0), true, Judgement::Good);
        for _ in 0..6 {
            self.ack();
            self.answer(Reply::Go);
            self.look()?;
            self.ack();
            self.now = self.wake_at.unwrap_or(self.now);
            self.look()?;
        }
        Ok(())
    }

    fn answer(&mut self, reply: Reply) {
        let Some(call) = calls(&self.release, &self.state).filter(|call| call.calling.due <= self.now) else { return };
        let answer = match reply {
            Reply::Go => Answer::Go,
            Reply::Stop => Answer::Stop("no".into()),
            Reply::Again => Answer::Again("go".into()),
        };
        self.facts.answers.insert(call.calling.token, (call.calling.attempt, answer));
    }

    fn say(&mut self, verb: Verb, who: &str, stale: bool) -> Result<(), TestCaseError> {
        let by = Actor { name: who.into(), claimed: true };
        let revision = Some(self.state.revision.saturating_sub(u64::from(stale)));
        let order = Command { verb, by, reason: None, revision };
        let outcome = command(&self.release, &self.state, &order, self.now);
        match outcome {
            Ok(outcome) => {
                rules::after_command(self, verb, stale, &outcome)?;
                self.take(&self.release.clone(), outcome)
            }
            Err(_) => Ok(()),
        }
    }

    fn edit(&mut self, file: &File) -> Result<(), TestCaseError> {
        let Some(release) = file.release() else { return Ok(()) };
        let Ok(outcome) = edit(&release, &self.state, self.now) else { return Ok(()) };
        rules::after_edit(self, &release, &outcome)?;
        self.endpoints_edited |= file.endpoints != self.file.endpoints || release.versions != self.release.versions;
        self.file = file.clone();
        self.take(&release, outcome)
    }

    /// The server knows what is written down, and has to find out all else.
    fn restart(&mut self) -> Result<(), TestCaseError> {
        let text = serde_json::to_string(&self.state).expect("JSON");
        self.state = serde_json::from_str(&text).expect("a state");
        self.facts = Facts { fleet: Fleet { nodes: self.nodes, ..Fleet::default() }, ..Facts::default() };
        let again = edit(&self.release, &self.state, self.now);
        rules::after_restart(self, &again)
    }

    /// Facts that follow from what is asked for.
    fn refresh(&mut self) {
        let mut all: Vec<Endpoint> =
            self.release.versions.iter().flat_map(|v| v.backends.endpoints().unwrap_or_default().to_vec()).collect();
        all.sort();
        all.dedup();
        let bit = |bits: u8, at: usize| bits & (1 << (at % 8)) != 0;
        let known = all.iter().enumerate().filter(|(at, _)| !bit(self.well.1, *at));
        self.facts.health = known.map(|(at, endpoint)| (*endpoint, bit(self.well.0, at))).collect();
        self.facts.empty = if self.empty { all.into_iter().collect() } else { BTreeSet::new() };
        let idle = |name: &str| (name.to_owned(), Idle { evidence: "none in flight".into() });
        self.facts.idle = if self.idle { self.release.versions.iter().map(|v| idle(&v.name)).collect() } else { BTreeMap::new() };
    }

    /// Looks until nothing more happens.
    pub fn look(&mut self) -> Result<(), TestCaseError> {
        for _ in 0..MOST {
            self.refresh();
            let outcome = reconcile(&self.release, &self.state, &self.facts, self.now);
            rules::after_look(self, &outcome)?;
            for (token, (attempt, answer)) in &self.facts.answers {
                let wanted =
                    calls(&self.release, &self.state).is_some_and(|c| c.calling.token == *token && c.calling.attempt == *attempt);
                let taken =
                    calls(&self.release, &outcome.state).is_none_or(|c| c.calling.token != *token || c.calling.attempt != *attempt);
                if wanted && taken {
                    self.answered.insert((token.clone(), *attempt));
                    if *answer == Answer::Go {
                        self.over.insert(token.clone());
                    }
                }
            }
            let (again, wake_at) = (outcome.again, outcome.wake_at);
            self.take(&self.release.clone(), outcome)?;
            if !again {
                self.wake_at = wake_at;
                return rules::at_rest(self);
            }
        }
        Err(TestCaseError::fail("it goes round in circles"))
    }

    fn take(&mut self, release: &Release, outcome: Outcome) -> Result<(), TestCaseError> {
        let before = self.traffic();
        self.release = release.clone();
        self.state = outcome.state;
        if self.traffic() != before {
            self.facts.fleet.acked = 0;
            // Whatever was in flight is another thing now, and so is what the checks say.
            self.wake_at = None;
        }
        rules::always(self)
    }
}
