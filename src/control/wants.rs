//! What is to be found out for rollouts, kept up service by service.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::Timestamp;

use crate::model::Release;
use crate::probes::{How, Target};
use crate::rollout::{self, HookCall, State};
use crate::snapshot::cluster_name;

/// What is to be found out for one service.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Wants {
    call: Option<HookCall>,
    probed: Vec<Target>,
    cluster: Option<String>,
}

impl Wants {
    pub fn of(release: &Release, state: &State) -> Wants {
        let how = How::of(release);
        let target = |endpoint| Target { endpoint, how: how.clone() };
        let cluster = rollout::draining(release, state).map(|(version, _)| cluster_name(&release.service, &version));
        Wants {
            call: rollout::calls(release, state),
            probed: rollout::probed(release, state).into_iter().map(target).collect(),
            cluster,
        }
    }
}

/// What is to be found out for all of them.
#[derive(Debug, Default)]
pub(super) struct AllWants {
    services: BTreeMap<String, Wants>,
    /// Tries that were made in this life of the server, by token.
    made: HashSet<(String, u32)>,
    changed: bool,
}

impl AllWants {
    /// What is wanted for a service from now on.
    pub fn set(&mut self, service: &str, wants: Wants) {
        let none = wants == Wants::default();
        let before = if none { self.services.remove(service) } else { self.services.insert(service.to_owned(), wants.clone()) };
        let before = before.unwrap_or_default();
        self.changed |= before.probed != wants.probed || before.cluster != wants.cluster;
        let token = |wants: &Wants| wants.call.as_ref().map(|call| call.calling.token.clone());
        if let Some(gone) = token(&before).filter(|gone| token(&wants).as_ref() != Some(gone)) {
            self.made.retain(|(token, _)| *token != gone);
        }
    }

    /// Calls that are due and have not been made; they are taken to be made now.
    pub fn due(&mut self, now: Timestamp) -> Vec<HookCall> {
        let calls = self.services.values().filter_map(|wants| wants.call.as_ref()).filter(|call| call.calling.due <= now);
        let made = &mut self.made;
        calls.filter(|call| made.insert((call.calling.token.clone(), call.calling.attempt))).cloned().collect()
    }

    pub fn has_call(&self, token: &str) -> bool {
        self.services.values().any(|wants| wants.call.as_ref().is_some_and(|call| call.calling.token == token))
    }

    /// Whether other things are wanted than when it was asked before.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    pub fn probed(&self) -> BTreeSet<Target> {
        self.services.values().flat_map(|wants| wants.probed.iter().cloned()).collect()
    }

    pub fn clusters(&self) -> BTreeSet<String> {
        self.services.values().filter_map(|wants| wants.cluster.clone()).collect()
    }
}
