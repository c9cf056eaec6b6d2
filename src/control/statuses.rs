//! What there is to say of each service being served, kept up from generation to generation.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::assembly::{Assembly, Served};
use super::reading::Reading;
use super::rollouts::Rollouts;
use super::status::{FileState, RolloutStatus, ServiceStatus};

/// The services being served, by name, and since when files are stale.
#[derive(Debug, Default)]
pub struct Statuses {
    services: Vec<Arc<ServiceStatus>>,
    /// Files whose last good content is served, since when and why.
    stale: BTreeMap<String, (Timestamp, String)>,
}

impl Statuses {
    /// What is served before the first generation.
    pub fn of(served: &Served, rollouts: &Rollouts) -> Statuses {
        let mut statuses = Statuses::default();
        statuses.tell_all(served, rollouts);
        statuses
    }

    /// The services, by name.
    pub fn services(&self) -> &Vec<Arc<ServiceStatus>> {
        &self.services
    }

    /// What was made of a generation is served from now on, instead of `before`.
    pub fn accept(&mut self, before: &Served, made: &Assembly, rollouts: &Rollouts, now: Timestamp) {
        // Since when a file is stale: since it became so, and for the problem it has now.
        let since = |path: &String| self.stale.get(path).map_or(now, |(since, _)| *since);
        self.stale = made.stale.iter().map(|(path, problem)| (path.clone(), (since(path), problem.clone()))).collect();
        let Some(touched) = &made.touched else { return self.tell_all(&made.served, rollouts) };
        for path in touched {
            if let Some(place) = before.get(path).and_then(|old| self.place(old)) {
                self.services.remove(place);
            }
            if let Some(status) = made.served.get(path).and_then(|new| self.status(new, rollouts)) {
                let place = self.services.partition_point(|other| other.name < status.name);
                self.services.insert(place, Arc::new(status));
            }
        }
    }

    /// A service's rollout has moved.
    pub fn moved(&mut self, reading: &Reading, rollouts: &Rollouts) {
        let place = self.place(reading);
        if let Some((place, status)) = place.zip(self.status(reading, rollouts)) {
            self.services[place] = Arc::new(status);
        }
    }

    /// What there is to say of a rollout, as it was told last.
    pub fn rollout(&self, reading: &Reading) -> Option<&RolloutStatus> {
        self.services.get(self.place(reading)?)?.rollout.as_ref()
    }

    fn tell_all(&mut self, served: &Served, rollouts: &Rollouts) {
        let mut services: Vec<Arc<ServiceStatus>> =
            served.values().filter_map(|reading| self.status(reading, rollouts)).map(Arc::new).collect();
        services.sort_by(|a, b| a.name.cmp(&b.name));
        self.services = services;
    }

    fn place(&self, reading: &Reading) -> Option<usize> {
        let name = &reading.release()?.service;
        self.services.binary_search_by(|status| status.name.cmp(name)).ok()
    }

    fn status(&self, reading: &Reading, rollouts: &Rollouts) -> Option<ServiceStatus> {
        let stale = |(since, problem): &(Timestamp, String)| FileState::Stale { since: *since, problem: problem.clone() };
        let state = self.stale.get(reading.path()).map_or(FileState::Current, stale);
        reading.release().map(|release| ServiceStatus::new(release, reading.path(), state, rollouts.get(&release.service)))
    }
}
