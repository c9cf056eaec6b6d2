//! Files, at random.

use std::time::Duration;

use jiff::civil::{Weekday, time};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Strategy;

use super::super::world::{percent, service};
use crate::model::*;

/// What a file says, in few words.
#[derive(Debug, Clone)]
pub struct File {
    /// Which strategy.
    pub kind: Kind,
    /// Numbers of versions.
    pub stable: usize,
    pub candidate: Option<usize>,
    /// Endpoints of each version.
    pub endpoints: [u8; 4],
    pub batch: u32,
    pub variant: u8,
    pub no_data: Option<NoData>,
    pub on_failure: OnFailure,
    pub on_new_candidate: OnNewCandidate,
    pub window: bool,
    pub hold: bool,
    pub approvers: bool,
    pub rule: bool,
    /// Without the second version.
    pub forget: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Canary,
    BlueGreen,
    Swap,
    InPlace,
    SwapThenCanary,
    InPlaceThenCanary,
    CanaryThenBlueGreen,
    Unplanned,
}

use Kind::*;

pub fn file() -> impl Strategy<Value = File> {
    let kind = select(vec![
        Canary,
        Canary,
        BlueGreen,
        BlueGreen,
        Swap,
        InPlace,
        InPlace,
        SwapThenCanary,
        InPlaceThenCanary,
        CanaryThenBlueGreen,
    ]);
    let versions = (Just(1_usize), prop::option::weighted(0.95, Just(2_usize)), [1..2_u8, 1..6, 1..6, 1..3]);
    let data = select(vec![None, None, Some(NoData::Wait), Some(NoData::Pass), Some(NoData::Fail)]);
    let on_failure = select(vec![OnFailure::Rollback, OnFailure::StepBack, OnFailure::Hold]);
    let on_new = select(vec![OnNewCandidate::Supersede, OnNewCandidate::Queue, OnNewCandidate::Refuse]);
    let flags = (prop::bool::weighted(0.15), prop::bool::weighted(0.05), any::<bool>(), any::<bool>());
    (kind, versions, 1..4_u32, 0..6_u8, data, on_failure, on_new, flags).prop_map(
        |(
            kind,
            (stable, candidate, endpoints),
            batch,
            variant,
            no_data,
            on_failure,
            on_new_candidate,
            (window, hold, approvers, rule),
        )| File {
            kind,
            stable,
            candidate,
            endpoints,
            batch,
            variant,
            no_data,
            on_failure,
            on_new_candidate,
            window,
            hold,
            approvers,
            rule,
            forget: false,
        },
    )
}

/// One edit of a file.
#[derive(Debug, Clone)]
pub enum Change {
    Kind(Kind),
    Variant(u8),
    Stable(usize),
    Candidate(Option<usize>),
    StableAndCandidate(usize, Option<usize>),
    Endpoints(usize, u8),
    Hold(bool),
    OnNewCandidate(OnNewCandidate),
    Rule(bool),
    /// The second version is in the file no more, or again.
    Forget(bool),
    Nothing,
}

pub fn change() -> impl Strategy<Value = Change> {
    let candidate = || prop::option::weighted(0.8, 1..4_usize);
    prop_oneof![
        1 => select(vec![Canary, BlueGreen, Swap, InPlace, CanaryThenBlueGreen, Unplanned]).prop_map(Change::Kind),
        2 => (0..6_u8).prop_map(Change::Variant),
        2 => (0..4_usize).prop_map(Change::Stable),
        4 => candidate().prop_map(Change::Candidate),
        2 => (0..4_usize, candidate()).prop_map(|(stable, candidate)| Change::StableAndCandidate(stable, candidate)),
        4 => (0..4_usize, 0..7_u8).prop_map(|(version, count)| Change::Endpoints(version, count)),
        2 => any::<bool>().prop_map(Change::Hold),
        1 => select(vec![OnNewCandidate::Supersede, OnNewCandidate::Queue, OnNewCandidate::Refuse]).prop_map(Change::OnNewCandidate),
        1 => any::<bool>().prop_map(Change::Rule),
        2 => any::<bool>().prop_map(Change::Forget),
        1 => Just(Change::Nothing),
    ]
}

impl File {
    pub fn changed(&self, change: &Change) -> File {
        let mut file = self.clone();
        match *change {
            Change::Kind(kind) => file.kind = kind,
            Change::Variant(variant) => file.variant = variant,
            Change::Stable(stable) => file.stable = stable,
            Change::Candidate(candidate) => file.candidate = candidate,
            Change::StableAndCandidate(stable, candidate) => (file.stable, file.candidate) = (stable, candidate),
            Change::Endpoints(version, count) => file.endpoints[version] = count,
            Change::Hold(hold) => file.hold = hold,
            Change::OnNewCandidate(policy) => file.on_new_candidate = policy,
            Change::Rule(rule) => file.rule = rule,
            Change::Forget(forget) => {
                (file.forget, file.candidate) = (forget, file.candidate.filter(|version| !forget || *version != 2))
            }
            Change::Nothing => {}
        }
        file
    }

    /// The release that the file is, or nothing if reading would refuse it.
    pub fn release(&self) -> Option<Release> {
        let mut release = TEMPLATE.with(Clone::clone);
        let name = |version: usize| format!("v{version}");
        let names = |version| self.candidate == Some(version) || self.stable == version;
        if self.candidate == Some(self.stable) || self.forget && names(2) {
            return None;
        }
        let in_place = matches!(self.kind, InPlace | InPlaceThenCanary);
        for (version, count) in self.endpoints.iter().enumerate() {
            // Upgrades in place are between two versions that list the same endpoints.
            let (of, count) = if in_place { (9, self.endpoints[1]) } else { (version, *count) };
            let endpoint = |at: u8| Endpoint { address: format!("127.0.{of}.{at}:80").parse().expect("an address") };
            release.versions[version].backends = Backends::Listed((1..=count).map(endpoint).collect());
        }
        if self.forget {
            release.versions.remove(2);
        }
        release.stable = name(self.stable);
        release.plan = self.plan(self.candidate.map(name));
        if let Some(candidate) = self.candidate.filter(|_| self.rule) {
            let all =
                |version: &Version| (version.name.clone(), if version.name == name(candidate) { Share::FULL } else { Share::ZERO });
            let send = Split::new(release.versions.iter().map(all).collect()).expect("a split");
            let subject = Subject::Header("x-new".into());
            release.rules = vec![Rule {
                name: "new".into(),
                alternatives: vec![vec![Match { subject, test: Test::Present, invert: false }]],
                send,
            }];
        }
        Some(release)
    }

    fn plan(&self, candidate: Option<String>) -> Option<Plan> {
        let (strategy, then) = self.strategies()?;
        let checks = self.no_data.map(|no_data| Checks {
            every: secs(20),
            min_requests: 1,
            checks: vec![],
            fail_after: FailAfter { bad: 2, of: 2 },
            no_data,
        });
        let window = Weekly {
            days: vec![Weekday::Monday, Weekday::Tuesday],
            from: time(11, 0, 0, 0),
            to: time(12, 5, 0, 0),
            zone: TimeZone::UTC,
        };
        Some(Plan {
            candidate,
            strategy,
            then,
            sticky: None,
            approvers: if self.approvers { vec!["ann".into()] } else { vec![] },
            checks,
            on_failure: self.on_failure,
            on_new_candidate: self.on_new_candidate,
            windows: Windows { only: if self.window { vec![window] } else { vec![] }, except: vec![] },
            hold: self.hold,
        })
    }

    fn strategies(&self) -> Option<(crate::model::Strategy, Vec<crate::model::Strategy>)> {
        use crate::model::Strategy as S;
        let canary = |shares: &[&str]| {
            let until = |at: usize| {
                if (at + self.variant as usize) % 3 == 2 { crate::model::Hold::Approval } else { crate::model::Hold::For(secs(30)) }
            };
            S::Canary(crate::model::Canary {
                steps: shares.iter().enumerate().map(|(at, share)| Step { share: percent(share), until: until(at) }).collect(),
            })
        };
        let waves = |in_place: bool, until: &str| {
            S::Rolling(Rolling {
                batch: if self.variant.is_multiple_of(2) { Batch::Count(self.batch) } else { Batch::Share(percent("40%")) },
                pause: if self.variant > 3 { Duration::ZERO } else { secs(20) },
                drain: secs(15),
                upgrade: in_place.then(|| hook("upgrade")),
                until: percent(until),
            })
        };
        Some(match self.kind {
            Canary => (canary(&["0.001%", "5%", "33.333%", "60%"][self.variant as usize % 3..]), vec![]),
            BlueGreen => (S::BlueGreen(self.blue_green()), vec![]),
            Swap => (waves(false, "100%"), vec![]),
            InPlace => (waves(true, "100%"), vec![]),
            SwapThenCanary => (waves(false, "50%"), vec![canary(&["60%", "80%"])]),
            InPlaceThenCanary => (waves(true, "50%"), vec![canary(&["60%", "80%"])]),
            CanaryThenBlueGreen => (canary(&["10%", "20%"]), vec![S::BlueGreen(self.blue_green())]),
            Unplanned => return None,
        })
    }

    fn blue_green(&self) -> crate::model::BlueGreen {
        let gates = [
            Gate::Healthy { share: percent("60%"), hold: secs(10) },
            Gate::Hook(hook("smoke")),
            Gate::Mirror { share: percent("10%"), hold: secs(25), methods: vec!["GET".into()] },
            Gate::Approval { from: vec![], count: 1 + u32::from(self.variant % 2), within: (self.variant > 2).then(|| secs(40)) },
            Gate::Hook(hook("second")),
        ];
        let header = vec![Match { subject: Subject::Header("x-preview".into()), test: Test::Present, invert: false }];
        crate::model::BlueGreen {
            preview: Some(Preview { host: Some("preview.example.com".into()), header }),
            before: gates.into_iter().skip(self.variant as usize % 5).step_by(1 + self.variant as usize % 2).collect(),
            cutover: if self.variant.is_multiple_of(2) { Cutover::AtOnce } else { Cutover::Over(secs(4)) },
            watch: (self.variant > 1).then(|| secs(30)),
            keep_stable: Some(secs(100)),
        }
    }
}

thread_local! {
    static TEMPLATE: Release = service("");
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn hook(name: &str) -> Hook {
    Hook { url: format!("https://ci.example.com/{name}"), timeout: secs(5), tries: 2 }
}
