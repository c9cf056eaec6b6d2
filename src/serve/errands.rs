//! What is done outside for rollouts: hooks are called, endpoints asked how they are, people told what happened.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::ServeError;
use crate::control::{Desk, Errands, Told};
use crate::hooks::{self, Call, Caller, Notice, Sender};
use crate::model::{NoticeKind, Notification};
use crate::probes::Prober;
use crate::rollout::{Answer, Happened, HookCall};

/// The ends at which errands come out.
#[derive(Debug)]
pub(super) struct Ends {
    calls: mpsc::UnboundedReceiver<HookCall>,
    happened: mpsc::UnboundedReceiver<Told>,
    notified: watch::Receiver<Vec<Notification>>,
    prober: Prober,
}

/// Errands, and the ends at which they come out; and what the probes find.
pub(super) fn errands() -> (Errands, Ends, watch::Receiver<std::collections::BTreeMap<crate::model::Endpoint, bool>>) {
    let (calls_tx, calls) = mpsc::unbounded_channel();
    let (happened_tx, happened) = mpsc::unbounded_channel();
    let (notified_tx, notified) = watch::channel(Default::default());
    let (probed, wanted) = watch::channel(Default::default());
    let (facts, health) = watch::channel(Default::default());
    let prober = Prober::new(wanted, facts);
    let errands = Errands { calls: calls_tx, happened: happened_tx, notified: notified_tx, probed };
    (errands, Ends { calls, happened, notified, prober }, health)
}

impl Ends {
    /// Runs them, until nobody can want any more. `source` says which server this is to those who are told.
    pub fn run(
        self,
        caller: Caller,
        source: String,
        desk: Desk,
        tasks: &mut JoinSet<Result<(), ServeError>>,
    ) -> Arc<hooks::Counts> {
        let sender = Sender::new(caller.clone(), source);
        let counts = sender.counts();
        tasks.spawn(ended(self.prober.run()));
        tasks.spawn(ended(call(self.calls, caller, desk)));
        tasks.spawn(ended(tell(self.happened, sender, self.notified)));
        counts
    }
}

/// These end with the writer, and it says why.
async fn ended(task: impl Future<Output = ()>) -> Result<(), ServeError> {
    task.await;
    Ok(())
}

/// Each call has a task of its own: one that hangs delays nobody else's.
async fn call(mut calls: mpsc::UnboundedReceiver<HookCall>, caller: Caller, desk: Desk) {
    let mut under_way = JoinSet::new();
    while let Some(call) = calls.recv().await {
        let (caller, desk) = (caller.clone(), desk.clone());
        under_way.spawn(async move {
            let HookCall { calling, hook, body } = call;
            let call = Call { token: calling.token.clone(), url: hook.url, timeout: hook.timeout, body };
            let answer = match caller.call(call).await {
                hooks::Answer::Go => Answer::Go,
                hooks::Answer::Stop(why) => Answer::Stop(why),
                hooks::Answer::Again(why) => Answer::Again(why),
            };
            // A writer that has ended does not need it: the next one asks again, with the same token.
            let _ = desk.answered(calling.token, calling.attempt, answer).await;
        });
        while under_way.try_join_next().is_some() {}
    }
}

/// Whoever is named in the configuration is told.
async fn tell(mut happened: mpsc::UnboundedReceiver<Told>, sender: Sender, mut notified: watch::Receiver<Vec<Notification>>) {
    loop {
        tokio::select! {
            // Whoever is told is known before what happened under that configuration.
            biased;
            Ok(()) = notified.changed() => sender.set(&notified.borrow_and_update()),
            event = happened.recv() => match event {
                Some(event) => notice(event).into_iter().for_each(|notice| sender.send(notice)),
                None => return,
            },
        }
    }
}

fn notice(told: Told) -> Option<Notice> {
    let Told { sequence, service, event, stable, share } = told;
    let kind = match event.what {
        Happened::Started => NoticeKind::Started,
        Happened::Step | Happened::SteppedBack => NoticeKind::Step,
        Happened::Waiting => NoticeKind::Waiting,
        Happened::RolledBack | Happened::Undone | Happened::Withdrawn => NoticeKind::RolledBack,
        Happened::Finished => NoticeKind::Finished,
        Happened::Stuck => NoticeKind::Stuck,
        _ => return None,
    };
    Some(Notice {
        event: kind,
        id: format!("{service}/{sequence}"),
        candidate: event.candidate.clone().unwrap_or_default(),
        rollout: event.rollout,
        stable,
        step: event.step,
        share: Some(share),
        text: event.text,
        actor: event.by.map(|by| by.name),
        reason: event.reason,
        at: event.at,
        service,
    })
}
