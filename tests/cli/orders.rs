//! What people say to a server, over the API.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tidegate::admin::pb::{self, admin_client::AdminClient};
use tidegate::control::ServerStatus;
use tidegate::model::Share;
use tidegate::serve::{self, Options, Running};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::fixture::{acked, in_sync};

const LIMIT: Duration = Duration::from_secs(20);

/// Two versions, and a canary whose steps wait for people.
pub const CANARY: &str = "service: checkout\nhosts: [checkout.example.com]\n\
    versions:\n  v41: [127.0.1.11:8080]\n  v42: [127.0.1.21:8080]\n\
    stable: v41\ncandidate: v42\ncanary: {steps: [5% until approved, 50% until approved]}\n";

/// A server in this process, whose rollouts go on although no Envoy is connected.
pub struct Shop {
    pub running: Running,
    folder: TempDir,
}

impl Shop {
    pub async fn open(text: &str) -> Shop {
        let folder = TempDir::new().unwrap();
        let dir = folder.path().join("releases");
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("checkout.yaml"), text).unwrap();
        let options = Options { advance_without_nodes: true, ..Options::local(dir, folder.path().join("state")) };
        let shop = Shop { running: serve::start(options).await.unwrap(), folder };
        shop.until("the first load", |status| status.ready).await;
        shop
    }

    pub async fn until(&self, what: &str, good: impl Fn(&ServerStatus) -> bool) -> Arc<ServerStatus> {
        let mut status = self.running.status.clone();
        let found = tokio::time::timeout(LIMIT, status.wait_for(|status| good(status))).await;
        found.unwrap_or_else(|_| panic!("waited {LIMIT:?} for {what}")).expect("a server that lives").clone()
    }

    /// Waits until the rollout is at a step and waits for people.
    pub async fn at_step(&self, step: u32) -> u64 {
        let at = |status: &ServerStatus| {
            let rollout = status.services.first().and_then(|service| service.rollout.as_ref());
            rollout.is_some_and(|rollout| {
                rollout.view.step.0 == step && rollout.view.wait.as_ref().is_some_and(|wait| wait.is_for_people())
            })
        };
        self.until("a step that waits for people", at).await.services[0].revision
    }

    /// Saves the release file as an editor does.
    pub fn save(&self, text: &str) {
        let dir = self.folder.path().join("releases");
        fs::write(dir.join(".new"), text).unwrap();
        fs::rename(dir.join(".new"), dir.join("checkout.yaml")).unwrap();
    }

    async fn client(&self) -> AdminClient<Channel> {
        AdminClient::connect(format!("http://{}", self.running.admin)).await.unwrap()
    }

    async fn order(&self, verb: pb::Verb, revision: Option<u64>) -> Result<pb::OrderResponse, Status> {
        self.order_of(pb::OrderRequest { revision, ..request(verb) }).await
    }

    async fn order_of(&self, request: pb::OrderRequest) -> Result<pb::OrderResponse, Status> {
        self.client().await.order(request).await.map(tonic::Response::into_inner)
    }

    async fn service(&self) -> pb::Service {
        let request = pb::GetStatusRequest { service: "checkout".into() };
        let status = self.client().await.get_status(request).await.unwrap().into_inner().status.unwrap();
        status.services.into_iter().next().unwrap()
    }
}

fn request(verb: pb::Verb) -> pb::OrderRequest {
    pb::OrderRequest { service: "checkout".into(), verb: verb.into(), actor: "ann".into(), ..Default::default() }
}

fn text(share: &Option<pb::Share>) -> &str {
    share.as_ref().map_or("", |share| &share.text)
}

#[tokio::test]
async fn an_order_is_carried_out_and_told() {
    let shop = Shop::open(CANARY).await;
    let revision = shop.at_step(1).await;
    let rollout = shop.service().await.rollout.expect("a rollout");
    assert_eq!((rollout.phase(), rollout.step, rollout.steps), (pb::Phase::Running, 1, 3));
    assert_eq!((text(&rollout.share), text(&rollout.acked_share), rollout.settled.is_some()), ("5%", "5%", true));
    let ladder: Vec<(&str, &str, pb::RungState)> =
        rollout.ladder.iter().map(|rung| (rung.text.as_str(), text(&rung.share), rung.state())).collect();
    let want = [
        ("5% until approved", "5%", pb::RungState::UnderWay),
        ("50% until approved", "50%", pb::RungState::ToCome),
        ("v42 gets everything", "100%", pb::RungState::ToCome),
    ];
    assert_eq!(ladder, want);
    let waiting = rollout.waiting.expect("something it waits for");
    assert_eq!((waiting.text.as_str(), waiting.people), ("an approval", true));

    let paused = pb::OrderRequest { reason: "lunch".into(), revision: Some(revision), ..request(pb::Verb::Pause) };
    let ordered = shop.order_of(paused).await.unwrap();
    assert_eq!((ordered.text.as_str(), ordered.revision), ("no more steps are taken", revision + 1));
    let service = shop.service().await;
    let paused = service.rollout.unwrap().paused.expect("paused");
    assert_eq!((paused.actor.as_str(), paused.claimed, paused.reason.as_str()), ("ann", true, "lunch"));
    assert_eq!(service.revision, ordered.revision);
    shop.running.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_order_that_comes_too_late_is_told_what_has_happened() {
    let shop = Shop::open(CANARY).await;
    let revision = shop.at_step(1).await;
    shop.order(pb::Verb::Approve, Some(revision)).await.unwrap();
    shop.at_step(2).await;
    let stale = shop.order(pb::Verb::Abort, Some(revision)).await.unwrap_err();
    assert_eq!(stale.code(), Code::Aborted, "{stale}");
    let told: Vec<&str> = stale.message().lines().collect();
    assert!(told[0].contains(&format!("revision {revision}")), "{told:?}");
    assert_eq!(told[1], format!("  revision {}: ann approved, 1 so far (ann)", revision + 1));
    assert!(told[2].ends_with("50% until approved"), "{told:?}");
    assert_eq!(shop.service().await.rollout.unwrap().phase(), pb::Phase::Running, "nothing was aborted");
    shop.order(pb::Verb::Abort, None).await.unwrap();
    let rollout = shop.service().await.rollout.unwrap();
    assert_eq!((rollout.phase(), rollout.why.as_str(), text(&rollout.share)), (pb::Phase::Off, "ann aborted it", "0%"));
    shop.running.shutdown().await.unwrap();
}

#[tokio::test]
async fn each_refusal_has_a_code() {
    let shop = Shop::open(&CANARY.replace("candidate:", "approvers: [bob]\ncandidate:")).await;
    shop.at_step(1).await;
    let code = async |request: pb::OrderRequest| {
        let status = shop.order_of(request).await.unwrap_err();
        (status.code(), status.message().to_owned())
    };
    assert_eq!(
        code(request(pb::Verb::Resume)).await,
        (Code::FailedPrecondition, "nobody has paused it; `tidegate status checkout` says what it waits for".to_owned())
    );
    let (denied, said) = code(request(pb::Verb::Approve)).await;
    assert!(denied == Code::PermissionDenied && said.contains("bob may"), "{said}");
    let other = pb::OrderRequest { service: "chekout".into(), ..request(pb::Verb::Pause) };
    assert_eq!(code(other).await, (Code::NotFound, "no service is named `chekout`; did you mean `checkout`?".to_owned()));
    assert_eq!(code(pb::OrderRequest { actor: String::new(), ..request(pb::Verb::Pause) }).await.0, Code::InvalidArgument);
    let counts = shop.running.desk.orders().counts();
    assert_eq!(counts, [("approve", "not_yours", 1), ("pause", "unknown", 1), ("resume", "not_now", 1)]);
    shop.running.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_name_that_is_too_long_is_refused_by_every_call() {
    let shop = Shop::open(CANARY).await;
    let (mut client, service) = (shop.client().await, "x".repeat(254));
    let order = pb::OrderRequest { service: service.clone(), ..request(pb::Verb::Pause) };
    let refusals = [
        client.order(order).await.unwrap_err(),
        client.get_status(pb::GetStatusRequest { service: service.clone() }).await.unwrap_err(),
        client.list_history(pb::ListHistoryRequest { service: service.clone(), ..Default::default() }).await.unwrap_err(),
        client.watch(pb::WatchRequest { service }).await.unwrap_err(),
    ];
    for status in refusals {
        assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "`service` has 254 bytes; 253 are the most"));
    }
    shop.running.shutdown().await.unwrap();
}

#[tokio::test]
async fn the_history_is_told_page_by_page() {
    let shop = Shop::open(CANARY).await;
    shop.at_step(1).await;
    shop.order(pb::Verb::Approve, None).await.unwrap();
    shop.at_step(2).await;
    let mut client = shop.client().await;
    let mut page = async |service: &str, token: &str| {
        let request = pb::ListHistoryRequest { service: service.into(), page_size: 2, page_token: token.into() };
        client.list_history(request).await.map(tonic::Response::into_inner)
    };
    let first = page("checkout", "").await.unwrap();
    let events = |page: &pb::ListHistoryResponse| page.entries.iter().map(|entry| entry.event.clone()).collect::<Vec<_>>();
    assert_eq!(events(&first), ["waiting", "step"]);
    let second = page("checkout", &first.next_page_token).await.unwrap();
    let approved = &second.entries[0];
    assert_eq!((approved.event.as_str(), approved.actor.as_str(), approved.claimed), ("approved", "ann", true));
    let step = &first.entries[1];
    let shares = |split: &[pb::SplitPart]| split.iter().map(|part| text(&part.share).to_owned()).collect::<Vec<_>>();
    assert_eq!((shares(&step.before), shares(&step.after)), (vec!["95%".into(), "5%".into()], vec!["50%".into(), "50%".into()]));
    assert_eq!((step.step, step.steps, step.candidate.as_str(), step.generation), (2, 3, "v42", 1));
    let (all, unknown) = (page("", "").await.unwrap(), page("nobody", "").await.unwrap_err());
    assert_eq!((all, unknown.code()), (first, Code::NotFound));
    assert_eq!(page("checkout", "x").await.unwrap_err().code(), Code::InvalidArgument);
    shop.running.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_is_served_can_be_had_with_how_far_it_is() {
    let shop = Shop::open(CANARY).await;
    shop.at_step(1).await;
    // A file that is broken is not what is served.
    shop.save("service: checkout\n");
    shop.until("a problem", |status| !status.problems.is_empty()).await;
    let served = shop.client().await.get_served(pb::GetServedRequest {}).await.unwrap().into_inner();
    assert_eq!(served.files, [pb::ServedFile { path: "checkout.yaml".into(), text: CANARY.into() }]);
    let state: serde_json::Value = serde_json::from_str(&served.states[0].json).unwrap();
    assert_eq!((served.states[0].service.as_str(), &state["rollout"]["candidate"]), ("checkout", &"v42".into()));
    shop.running.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_the_fleet_has_is_told_although_nothing_else_changes() {
    let shop = Shop::open(CANARY).await;
    shop.at_step(1).await;
    let now = jiff::Timestamp::now();
    shop.running.board.put(in_sync(1, "edge-1", now));
    shop.order(pb::Verb::Abort, None).await.unwrap();
    let settled = |status: &ServerStatus| status.services[0].rollout.as_ref().and_then(|rollout| rollout.settled);
    shop.until("a node that has not acknowledged it", |status| settled(status).is_none()).await;
    shop.running.board.put(acked(1, "edge-1", now));
    let status = shop.until("the acknowledgement", |status| settled(status).is_some()).await;
    assert_eq!(status.services[0].rollout.as_ref().map(|rollout| rollout.acked), Some(Share::ZERO));
    shop.running.shutdown().await.unwrap();
}
