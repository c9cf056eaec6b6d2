//! Notifications: whom to tell what happens to rollouts.

/// One place that is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Notification {
    /// Called by POST.
    pub url: String,
    /// How it is said.
    pub format: NoticeFormat,
    /// What is told; none means everything.
    pub events: Vec<NoticeKind>,
    /// The services of which it is told, by name; none means all.
    pub services: Vec<String>,
}

impl Notification {
    /// Whether that is told here of this service.
    pub fn wants(&self, event: NoticeKind, service: &str) -> bool {
        (self.events.is_empty() || self.events.contains(&event))
            && (self.services.is_empty() || self.services.iter().any(|wanted| wanted == service))
    }
}

/// How a notification is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum NoticeFormat {
    /// As Slack's incoming webhooks take it.
    Slack,
    /// A flat JSON object.
    Generic,
    /// The same object, in a CloudEvents 1.0 envelope.
    #[default]
    CloudEvents,
}

/// What there is to be told of a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoticeKind {
    /// It has begun.
    Started,
    /// It has taken a step.
    Step,
    /// It waits for people.
    Waiting,
    /// All traffic is back at stable.
    RolledBack,
    /// The candidate has all the traffic.
    Finished,
    /// It cannot go on by itself.
    Stuck,
}

impl NoticeKind {
    /// All of them.
    pub const ALL: [NoticeKind; 6] = [
        NoticeKind::Started,
        NoticeKind::Step,
        NoticeKind::Waiting,
        NoticeKind::RolledBack,
        NoticeKind::Finished,
        NoticeKind::Stuck,
    ];

    /// The word that files and notifications use.
    pub fn as_str(self) -> &'static str {
        match self {
            NoticeKind::Started => "started",
            NoticeKind::Step => "step",
            NoticeKind::Waiting => "waiting",
            NoticeKind::RolledBack => "rolled_back",
            NoticeKind::Finished => "finished",
            NoticeKind::Stuck => "stuck",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_everything() {
        let notification = |events: &[NoticeKind], services: &[&str]| Notification {
            url: "https://example.com/".to_owned(),
            format: NoticeFormat::Slack,
            events: events.to_vec(),
            services: services.iter().map(|service| (*service).to_owned()).collect(),
        };
        assert!(notification(&[], &[]).wants(NoticeKind::Step, "cart"));
        assert!(notification(&[NoticeKind::Step], &["cart"]).wants(NoticeKind::Step, "cart"));
        assert!(!notification(&[NoticeKind::Stuck], &["cart"]).wants(NoticeKind::Step, "cart"));
        assert!(!notification(&[NoticeKind::Step], &["checkout"]).wants(NoticeKind::Step, "cart"));
    }
}
