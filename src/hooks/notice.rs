//! What a notification says, in each format.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::model::{NoticeFormat, NoticeKind, Share};

/// Longest text, and longest reason, that is sent, in characters.
const LONGEST: usize = 1000;

/// Something that happened to a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What.
    pub event: NoticeKind,
    /// The same for every try to tell it, and for nothing else that happens; visible ASCII.
    pub id: String,
    /// The service.
    pub service: String,
    /// Which rollout of the service.
    pub rollout: u64,
    /// The version that everything returns to.
    pub stable: String,
    /// The version being released.
    pub candidate: String,
    /// The step it is at, from 1, and how many there are, where it goes by steps.
    pub step: Option<(u32, u32)>,
    /// The candidate's share, where it goes by shares.
    pub share: Option<Share>,
    /// What happened, in a sentence.
    pub text: String,
    /// Who made it happen, if it was a person.
    pub actor: Option<String>,
    /// Why, if a reason was given.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// The body that tells it. `source` says which tidegate this is, as a URI reference.
pub fn body(notice: &Notice, format: NoticeFormat, source: &str) -> Value {
    match format {
        NoticeFormat::Slack => json!({ "text": slack(notice) }),
        NoticeFormat::Generic => generic(notice),
        NoticeFormat::CloudEvents => json!({
            "specversion": "1.0",
            "id": notice.id,
            "source": source,
            "type": format!("dev.tidegate.rollout.{}.v1", notice.event.as_str()),
            "subject": notice.service,
            "time": notice.at.to_string(),
            "datacontenttype": "application/json",
            "data": generic(notice),
        }),
    }
}

/// The content type of such a body.
pub fn content_type(format: NoticeFormat) -> &'static str {
    match format {
        NoticeFormat::Slack | NoticeFormat::Generic => "application/json",
        NoticeFormat::CloudEvents => "application/cloudevents+json",
    }
}

/// A flat object; what there is not has no key.
fn generic(notice: &Notice) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            object.insert(key.to_owned(), value);
        }
    };
    put("event", Some(notice.event.as_str().into()));
    put("id", Some(notice.id.as_str().into()));
    put("service", Some(notice.service.as_str().into()));
    put("rollout", Some(notice.rollout.into()));
    put("stable", Some(notice.stable.as_str().into()));
    put("candidate", Some(notice.candidate.as_str().into()));
    put("step", notice.step.map(|(step, _)| step.into()));
    put("steps", notice.step.map(|(_, steps)| steps.into()));
    put("share", notice.share.map(|share| share.to_string().into()));
    put("text", Some(line(&notice.text).into()));
    put("actor", notice.actor.as_deref().map(|actor| line(actor).into()));
    put("reason", notice.reason.as_deref().map(|reason| line(reason).into()));
    put("at", Some(notice.at.to_string().into()));
    Value::Object(object)
}

fn slack(notice: &Notice) -> String {
    let Notice { service, stable, candidate, text, .. } = notice;
    let said = format!("{} {service} {stable} → {candidate}: {}", mark(notice.event), line(text));
    let why = match (&notice.actor, &notice.reason) {
        (None, None) => String::new(),
        (Some(actor), None) => format!("\nby {}", line(actor)),
        (None, Some(reason)) => format!("\n{}", line(reason)),
        (Some(actor), Some(reason)) => format!("\nby {}: {}", line(actor), line(reason)),
    };
    escaped(&format!("{said}{why}"))
}

/// A sign that is text everywhere, and no picture.
fn mark(event: NoticeKind) -> char {
    match event {
        NoticeKind::Started => '▷',
        NoticeKind::Step => '↑',
        NoticeKind::Waiting => '…',
        NoticeKind::RolledBack => '↩',
        NoticeKind::Finished => '✓',
        NoticeKind::Stuck => '!',
    }
}

/// One line of it, without control characters.
fn line(text: &str) -> String {
    text.trim().chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// As Slack's markup wants it: what is left of these three would be links and calls for everybody's attention.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step() -> Notice {
        Notice {
            event: NoticeKind::Step,
            id: "checkout-7-12".to_owned(),
            service: "checkout".to_owned(),
            rollout: 7,
            stable: "v41".to_owned(),
            candidate: "v42".to_owned(),
            step: Some((2, 5)),
            share: Share::from_thousandths(2_500),
            text: "step 2 of 5: 2.5% for 10m".to_owned(),
            actor: None,
            reason: None,
            at: "2026-03-01T09:30:00Z".parse().unwrap(),
        }
    }

    fn slack_text(notice: &Notice) -> String {
        body(notice, NoticeFormat::Slack, "/")["text"].as_str().unwrap().to_owned()
    }

    #[test]
    fn slack_gets_a_line_and_who_did_it_why() {
        assert_eq!(slack_text(&step()), "↑ checkout v41 → v42: step 2 of 5: 2.5% for 10m");
        let (actor, reason) = (Some("alice".to_owned()), Some("all is well".to_owned()));
        assert_eq!(slack_text(&Notice { actor: actor.clone(), ..step() }).lines().last(), Some("by alice"));
        assert_eq!(slack_text(&Notice { reason: reason.clone(), ..step() }).lines().last(), Some("all is well"));
        assert_eq!(slack_text(&Notice { actor, reason, ..step() }).lines().last(), Some("by alice: all is well"));
    }

    #[test]
    fn nothing_that_slack_would_obey_goes_through() {
        let text = "p99 > 250ms & <!channel>\n*all*".to_owned();
        let reason = Some("<https://evil.example|click>".to_owned());
        let said = slack_text(&Notice { text, reason, ..step() });
        assert_eq!(said, "↑ checkout v41 → v42: p99 &gt; 250ms &amp; &lt;!channel&gt; *all*\n&lt;https://evil.example|click&gt;");
    }

    #[test]
    fn the_object_is_flat_and_has_no_key_for_what_there_is_not() {
        let object = body(&step(), NoticeFormat::Generic, "/");
        let want = json!({
            "event": "step", "id": "checkout-7-12", "service": "checkout", "rollout": 7, "stable": "v41", "candidate": "v42",
            "step": 2, "steps": 5, "share": "2.5%", "text": "step 2 of 5: 2.5% for 10m", "at": "2026-03-01T09:30:00Z",
        });
        assert_eq!(object, want);
        let (actor, reason) = (Some("alice".to_owned()), Some("why\nnot".to_owned()));
        let object = body(&Notice { actor, reason, step: None, share: None, ..step() }, NoticeFormat::Generic, "/");
        assert_eq!((&object["actor"], &object["reason"]), (&json!("alice"), &json!("why not")));
        assert!(["step", "steps", "share"].iter().all(|key| object.get(key).is_none()), "{object}");
    }

    #[test]
    fn the_envelope_is_a_cloud_event() {
        let event = body(&step(), NoticeFormat::CloudEvents, "//tidegate.example.com");
        let want = json!({
            "specversion": "1.0",
            "id": "checkout-7-12",
            "source": "//tidegate.example.com",
            "type": "dev.tidegate.rollout.step.v1",
            "subject": "checkout",
            "time": "2026-03-01T09:30:00Z",
            "datacontenttype": "application/json",
            "data": body(&step(), NoticeFormat::Generic, "/"),
        });
        assert_eq!(event, want);
        let kind = body(&Notice { event: NoticeKind::RolledBack, ..step() }, NoticeFormat::CloudEvents, "/")["type"].clone();
        assert_eq!(kind, "dev.tidegate.rollout.rolled_back.v1");
    }

    #[test]
    fn long_texts_are_cut() {
        let object = body(&Notice { text: "é".repeat(5000), ..step() }, NoticeFormat::Generic, "/");
        assert_eq!(object["text"], "é".repeat(LONGEST));
    }
}
