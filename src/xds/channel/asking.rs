//! What a request does to a channel: what it says to a response, and what it asks for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use super::{Channel, Heard, Outstanding, Owed, Verdict};
use crate::snapshot::{Kind, Resource, TypeView};
use crate::xds::board::Variant;
use crate::xds::request::{DeltaRequest, Request, SotwRequest};
use crate::xds::subscription::{Change, Name};

impl Channel {
    /// Takes in a request: first what it says to a response, then what it asks for. `view` is what there is. `warming` says
    /// that the client may wait for what it has already, as a cluster that was changed waits for its endpoints.
    pub fn on_request(&mut self, request: &Request, view: &Arc<TypeView>, warming: bool, now: Instant) -> Heard {
        let verdict = self.opened.then(|| self.judge(request, now)).flatten();
        let first = !self.opened;
        self.opened = true;
        let changed = match request {
            Request::Sotw(request) => self.replace(request, view, first),
            Request::Delta(request) => self.amend(request, view, first, warming),
        };
        // An answer alone changes nothing that would have to be compared: what was collected meanwhile is marked already.
        self.dirty |= first || changed;
        if let Some(verdict) = &verdict {
            self.account.answered(verdict, self.rejected, now);
        }
        Heard { verdict, resubscribed: first || changed }
    }

    fn judge(&mut self, request: &Request, now: Instant) -> Option<Verdict> {
        let nonce = parse_nonce(request.nonce())?;
        // SotW answers for everything up to its nonce, but an ACK of anything but the newest response is stale and counts for
        // nothing. Delta answers each response by itself.
        if self.variant == Variant::Sotw && nonce != self.newest && request.error().is_none() {
            // It says all the same what the client has come to: who always answers late comes to something, too.
            let stale = self.outstanding.iter().find(|response| response.nonce == nonce);
            self.reach.answered(stale.and_then(|response| response.covers));
            return None;
        }
        let at = self.outstanding.iter().position(|response| response.nonce == nonce)?;
        let answered = self.outstanding.remove(at);
        // Envoy acknowledges that routes are gone, and goes on with them for as long as it asks for them (`RdsRouteConfigSubscription`).
        let heeds = self.kind != Kind::Route;
        if self.variant == Variant::Sotw {
            let older = self.outstanding.partition_point(|response| response.nonce < nonce);
            for response in self.outstanding.drain(..older) {
                match request.error() {
                    None => self.ledger.acked(&response.carried, response.nonce, heeds),
                    Some(_) => self.ledger.unanswered_for_good(response.nonce),
                }
            }
        }
        self.note_answer(&answered);
        if let Some(message) = request.error() {
            self.ledger.rejected(&answered.carried, nonce);
            self.rejected = true;
            return Some(Verdict::Nack { version: answered.version, message: message.to_owned(), names: answered.carried });
        }
        self.ledger.acked(&answered.carried, nonce, heeds);
        if self.is_full_list() {
            self.ledger.acked_all(nonce);
        }
        self.answered = true;
        self.rejected = self.ledger.has_rejected();
        Some(Verdict::Ack { version: answered.version, after: now.saturating_duration_since(answered.at) })
    }

    fn replace(&mut self, request: &SotwRequest, view: &Arc<TypeView>, first: bool) -> bool {
        self.brought |= first && !request.version.is_empty();
        // It holds what there is now, and that may have changed before it is answered.
        if first && matches!(self.kind, Kind::Cluster | Kind::Route) && request.version == view.version().as_str() {
            self.ledger.held_whole(view, self.kind == Kind::Route);
        }
        let full = self.kind.is_full_state();
        let change = self.subscription.replace(&request.names, full, view.names());
        // An answer is owed to a new wildcard even if there is nothing (an Envoy waits for it before it starts), and to new names of
        // a type in which absence speaks.
        self.answer_due |= change.wildcard_gained || (full && !change.added.is_empty());
        if !first && !self.ledger.is_empty() {
            change.added.iter().for_each(|name| self.ledger.forget(name));
        }
        self.apply(change, first)
    }

    fn amend(&mut self, request: &DeltaRequest, view: &Arc<TypeView>, first: bool, warming: bool) -> bool {
        if first && !request.initial.is_empty() {
            self.brought = true;
            self.ledger.told(&request.initial, view);
        }
        if !first && self.kind == Kind::Route {
            for name in request.subscribe.iter().filter(|name| under_way(&self.outstanding, name).is_none()) {
                self.ledger.asked_again(name);
            }
        }
        let wildcard = self.kind.has_wildcard();
        let change = self.subscription.amend(&request.subscribe, &request.unsubscribe, wildcard, first, view.names());
        self.answer_due = (self.answer_due || change.wildcard_gained) && self.subscription.is_wildcard();
        let changed = self.apply(change, first);
        if self.brought && first && !warming {
            // What it holds already it need not be sent, and what of that is gone it is told anyway; what does not exist it must be told.
            let unknown = |name: &&Name| view.get_on_request(name).is_none() && self.ledger.get(name).is_none();
            let names = self.subscription.names();
            let all_known = Arc::ptr_eq(names, view.names());
            let absent = if all_known { BTreeSet::new() } else { names.iter().filter(unknown).cloned().collect() };
            self.owed = Owed::just(absent);
        }
        changed
    }

    fn apply(&mut self, change: Change, first: bool) -> bool {
        let changed = change != Change::default();
        if first {
            self.owed.add_all();
        } else {
            if change.added.iter().any(|name| self.ledger.get(name).is_none()) {
                // What is under way covers what was asked for when it was sent, and may bring something older of what is asked for now.
                self.outstanding.iter_mut().for_each(|response| response.covers = None);
            }
            for name in change.added {
                // It was given up, and what is under way comes when it is asked for again.
                if let Some((resource, nonce)) = under_way(&self.outstanding, &name).filter(|_| self.ledger.get(&name).is_none()) {
                    self.ledger.sent(resource, nonce);
                }
                self.owed.add(name);
            }
        }
        for name in change.dropped {
            self.owed.remove(&name);
            if self.subscription.is_wildcard() {
                // The client cannot know whether the wildcard still gives it this name, so it is told.
                if self.variant == Variant::Delta {
                    self.owed.add(name);
                }
            } else {
                self.ledger.forget(&name);
            }
        }
        if change.wildcard_lost || (first && !self.ledger.is_empty()) {
            self.forget_the_unwanted();
        }
        self.rejected = self.rejected && self.ledger.has_rejected();
        changed
    }

    /// A response was answered, well or badly. It may be that one sent before it was not.
    fn note_answer(&mut self, answered: &Outstanding) {
        match self.outstanding.iter_mut().rfind(|response| response.nonce < answered.nonce) {
            Some(before) => before.covers = before.covers.max(answered.covers),
            None => self.reach.answered(answered.covers),
        }
    }
}

/// The newest route configuration of that name that the client was sent and has not answered, and the nonce with it.
fn under_way<'a>(outstanding: &'a [Outstanding], name: &str) -> Option<(&'a Arc<Resource>, u64)> {
    outstanding.iter().rev().find_map(|response| {
        let found = response.routes.as_ref()?.get(name)?;
        Some((found, response.nonce))
    })
}

fn parse_nonce(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}
