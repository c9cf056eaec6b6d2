//! A gRPC client in a process of its own.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Longest time that a call may wait for its service.
const WITHIN: Duration = Duration::from_secs(20);
/// Longest wait for something that becomes true by more calls, and the time between two looks.
const PATIENCE: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_millis(2);
/// An authority that the client may ask the server for, and that the server knows nothing of.
pub const ELSEWHERE: &str = "elsewhere";
/// Would send calls on 127.0.0.0/8 elsewhere.
const PROXIES: [&str; 3] = ["grpc_proxy", "https_proxy", "http_proxy"];

/// A gRPC client. It ends with the value, or else with the end of this process, which closes its input.
pub struct Client {
    _process: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    folder: tempfile::TempDir,
}

/// What became of calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Good answers, by who gave them.
    pub versions: BTreeMap<String, u64>,
    /// Calls that failed, by status and text.
    pub failures: BTreeMap<String, u64>,
}

impl Totals {
    /// Good answers.
    pub fn answered(&self) -> u64 {
        self.versions.values().sum()
    }

    /// Good answers of one version.
    pub fn of(&self, version: &str) -> u64 {
        self.versions.get(version).copied().unwrap_or(0)
    }

    /// These, once it is known that none failed.
    #[track_caller]
    pub fn lost_none(self) -> Totals {
        assert_eq!(self.failures, BTreeMap::new(), "beside {:?}", self.versions);
        self
    }
}

impl Client {
    /// A client with those packages, of the server at that address.
    pub async fn start(packages: &Path, xds: SocketAddr) -> Client {
        let folder = tempfile::tempdir().expect("a folder");
        let log = File::create(folder.path().join("log")).expect("a file");
        let bootstrap = json!({
            "xds_servers": [{
                "server_uri": xds.to_string(),
                "channel_creds": [{"type": "insecure"}],
                "server_features": ["xds_v3"],
            }],
            "authorities": {ELSEWHERE: {}},
            "node": {"id": "grpc-1", "cluster": "grpc"},
        });
        let mut command = Command::new("python3");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/grpc/client.py"));
        command.env("PYTHONPATH", packages).env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("GRPC_XDS_BOOTSTRAP_CONFIG", bootstrap.to_string()).env_remove("GRPC_XDS_BOOTSTRAP");
        for name in PROXIES {
            command.env_remove(name);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true);
        let mut process = command.spawn().expect("python3");
        let (commands, answers) = (process.stdin.take().expect("its input"), process.stdout.take().expect("its output"));
        Client { _process: process, commands, answers: BufReader::new(answers).lines(), folder }
    }

    /// So many calls of the service at that target, one after another, unless one fails. They wait for it if they must.
    pub async fn calls(&mut self, target: &str, calls: u64) -> Totals {
        self.call(target, calls, &[], Some(WITHIN)).await
    }

    /// The same, with headers.
    pub async fn calls_with(&mut self, target: &str, calls: u64, headers: &[(&str, &str)]) -> Totals {
        self.call(target, calls, headers, Some(WITHIN)).await
    }

    /// One call that waits so long for its service and does not find it; how it fails.
    pub async fn waits_in_vain(&mut self, target: &str, within: Duration) -> String {
        let totals = self.call(target, 1, &[], Some(within)).await;
        totals.failures.into_keys().next().expect("a failure")
    }

    /// Without `within`, a call fails if its service is known not to be there.
    async fn call(&mut self, target: &str, calls: u64, headers: &[(&str, &str)], within: Option<Duration>) -> Totals {
        let headers: BTreeMap<_, _> = headers.iter().copied().collect();
        let within = within.map(|within| within.as_secs_f64());
        totals(&self.tell(json!({"do": "call", "target": target, "calls": calls, "headers": headers, "within": within})).await)
    }

    /// Calls the service at that target from now on, so often a second; the first of them has been answered.
    pub async fn load(&mut self, target: &str, rate: u32) {
        self.tell(json!({"do": "load", "target": target, "rate": rate})).await;
        self.until("an answer", |totals| totals.answered() > 0).await;
    }

    /// What became of the load's calls so far.
    pub async fn totals(&mut self) -> Totals {
        totals(&self.tell(json!({"do": "totals"})).await)
    }

    /// Waits until the load's calls are such.
    pub async fn until(&mut self, what: &str, good: impl Fn(&Totals) -> bool) -> Totals {
        let started = tokio::time::Instant::now();
        loop {
            let totals = self.totals().await;
            if good(&totals) {
                return totals;
            }
            assert!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}: {totals:?}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until none but these answer the load's calls.
    pub async fn settled(&mut self, versions: &[&str]) {
        for _ in 0..20 {
            let answered = self.more(50).await.versions;
            if answered.keys().all(|version| versions.contains(&version.as_str())) {
                return;
            }
        }
        panic!("others than {versions:?} still answer");
    }

    /// Waits until a call of that target fails; how it does.
    pub async fn until_lost(&mut self, target: &str) -> String {
        let lost = self.until_tried(target, |totals| totals.answered() == 0).await;
        lost.failures.into_keys().next().expect("a failure")
    }

    /// Waits until that target answers; who does. One call that waits would wait for ever: gRPC settles where a call goes before it
    /// waits, and a service that is known not to be there leads nowhere.
    pub async fn until_found(&mut self, target: &str) -> String {
        let found = self.until_tried(target, |totals| totals.answered() > 0).await;
        found.versions.into_keys().next().expect("an answer")
    }

    async fn until_tried(&mut self, target: &str, good: impl Fn(&Totals) -> bool) -> Totals {
        let started = tokio::time::Instant::now();
        loop {
            let totals = self.call(target, 1, &[], None).await;
            if good(&totals) {
                return totals;
            }
            assert!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} for a call of {target} to end otherwise: {totals:?}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until so many more of the load's calls than now were answered; how they were.
    pub async fn more(&mut self, calls: u64) -> Totals {
        let before = self.totals().await;
        let enough = before.answered() + calls;
        let after = self.until("more answers", |totals| totals.answered() >= enough).await;
        let since = |(version, count): (&String, &u64)| (version.clone(), count - before.of(version));
        Totals { versions: after.versions.iter().map(since).filter(|(_, count)| *count > 0).collect(), ..after }
    }

    /// Ends the load. None of its calls may have failed.
    pub async fn lost_none(&mut self) -> Totals {
        totals(&self.tell(json!({"do": "stop"})).await).lost_none()
    }

    async fn tell(&mut self, command: Value) -> Value {
        self.commands.write_all(format!("{command}\n").as_bytes()).await.expect("a client that lives");
        let answer = self.answers.next_line().await.expect("readable output").expect("a client that lives");
        serde_json::from_str(&answer).expect("JSON")
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the client said: {}", std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default());
        }
    }
}

fn totals(told: &Value) -> Totals {
    let counts = |of: &str| {
        let entries = told[of].as_object().into_iter().flatten();
        entries.map(|(key, count)| (key.clone(), count.as_u64().expect("a count"))).collect()
    };
    Totals { versions: counts("versions"), failures: counts("failures") }
}
