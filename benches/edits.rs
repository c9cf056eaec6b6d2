//! What an edit costs, from the files' texts to what a stream is given: `cargo bench --bench edits`.
//!
//! 500 services, two versions each with ten endpoints. The floor is a YAML parser that reads the same texts and does nothing with
//! them. Allocations are counted beside the times.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use divan::{AllocProfiler, Bencher, black_box};
use jiff::Timestamp;
use tidegate::control::{self, Control, Outputs, ServerStatus};
use tidegate::diag::SourceFile;
use tidegate::model::{self, Config, Release, Traffic};
use tidegate::snapshot::{Kind, Node, Service, Services, Snapshot, Transport, View};
use tidegate::sources::{DirectoryState, Generation};
use tidegate::store::Store;
use tidegate::translate;
use tidegate::xds::{DeltaRequest, Request, Session, SotwRequest, Timing};
use tokio::sync::watch;

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

const SERVICES: usize = 500;

fn main() {
    divan::main();
}

fn text(service: usize, share: u32) -> String {
    let endpoints = |version: usize| {
        let of = |host: usize| format!("\"127.{version}.{}.{}:{}\"", service / 250, service % 250, 8000 + host);
        (0..10).map(of).collect::<Vec<_>>().join(", ")
    };
    let (stable, candidate) = (endpoints(1), endpoints(2));
    format!(
        "service: s{service}\nhosts: [s{service}.example.com]\nversions:\n  v1: [{stable}]\n  v2: [{candidate}]\nstable: v1\n\
         split: {{v1: {}%, v2: {share}%}}\n",
        100 - share,
    )
}

fn file(service: usize, share: u32) -> (String, Arc<SourceFile>) {
    let path = format!("s{service}.yaml");
    (path.clone(), Arc::new(SourceFile { path, text: text(service, share) }))
}

/// All files; the first service gives `share` per cent to its second version.
fn generation(services: usize, share: u32) -> Generation {
    Generation {
        files: (0..services).map(|service| file(service, if service == 0 { share } else { 10 })).collect(),
        unreadable: BTreeMap::new(),
        config: None,
        extra: BTreeSet::new(),
        directory: DirectoryState::Present,
    }
}

/// The floor: the same texts through a YAML parser.
#[divan::bench(sample_count = 10)]
fn floor_parse_500_files(bencher: Bencher<'_, '_>) {
    let generation = generation(SERVICES, 10);
    bencher.bench(|| {
        for file in generation.files.values() {
            black_box(serde_yaml::from_str::<serde_yaml::Value>(&file.text).expect("YAML"));
        }
    });
}

/// Reading, checking, translating and encoding everything.
#[divan::bench(sample_count = 10)]
fn load_500_files(bencher: Bencher<'_, '_>) {
    let generation = generation(SERVICES, 10);
    bencher.bench(|| black_box(control::compile(&generation)));
}

fn release(service: usize, share: u32) -> Release {
    model::read_release(&file(service, share).1, &|_| None).value.expect("a good file")
}

/// One service that was read: its messages, without their encoding for streams.
#[divan::bench(sample_count = 100)]
fn translate_one_service(bencher: Bencher<'_, '_>) {
    let release = release(0, 20);
    let traffic = Traffic::at_rest(&release);
    bencher.bench(|| black_box(translate::service(&release, &traffic).expect("good messages")));
}

/// One changed service among so many that are translated: what differs from before, and the view of a fleet brought to it.
#[divan::bench(args = [100, 500, 5000], sample_count = 100)]
fn snapshot_of_one_change_among(bencher: Bencher<'_, '_>, services: usize) {
    let node = Node::default();
    let made = |number: usize, share: u32| {
        let release = release(number, share);
        let objects = translate::service(&release, &Traffic::at_rest(&release)).expect("good messages");
        (format!("s{number}"), Arc::new(Service::new(objects)))
    };
    let config = Arc::new(Config::default());
    let before = (0..services).map(|number| made(number, 10)).collect::<Services>();
    let mut after = before.clone();
    after.extend([made(0, 30)]);
    let before = Snapshot::new(1, before, config.clone(), None);
    before.view(&node, Transport::Aggregated);
    bencher.bench(|| {
        let snapshot = Snapshot::new(2, after.clone(), config.clone(), Some(&before));
        black_box(snapshot.view(&node, Transport::Aggregated))
    });
}

struct Desk {
    control: Control,
    published: watch::Receiver<Option<Arc<Snapshot>>>,
    _state: tempfile::TempDir,
}

impl Desk {
    fn open() -> Desk {
        let state = tempfile::tempdir().expect("a folder");
        let (published_tx, published) = watch::channel(None);
        let outputs = Outputs {
            status: watch::channel(Arc::new(ServerStatus::default())).0,
            published: published_tx,
            endpoint_files: watch::channel(BTreeSet::new()).0,
        };
        let store = Store::open(state.path()).expect("a store");
        let control =
            Control::new(control::Options::default(), store, outputs, control::World::default(), control::Errands::default())
                .expect("a writer");
        Desk { control, published, _state: state }
    }

    fn take(&mut self, generation: &Generation) -> Arc<View> {
        self.control.take(generation, Timestamp::UNIX_EPOCH);
        let snapshot = self.published.borrow().clone().expect("published");
        snapshot.view(&Node::default(), Transport::Aggregated)
    }
}

/// One edited file of so many: read, translated, made durable (an fsync is in it), published, and composed into the view of a fleet.
#[divan::bench(args = [100, 500, 5000], sample_count = 20)]
fn one_edit_among(bencher: Bencher<'_, '_>, services: usize) {
    let mut desk = Desk::open();
    let before = generation(services, 20);
    // As they come from the directory: what did not change is the same.
    let mut after = before.clone();
    after.files.extend([file(0, 30)]);
    let generations = [before, after];
    desk.take(&generations[0]);
    let mut turn = 0;
    bencher.bench_local(|| {
        turn += 1;
        black_box(desk.take(&generations[turn % 2]))
    });
}

/// A stream that holds everything is brought to a view in which one service's shares differ, and acknowledges it.
#[divan::bench(args = ["delta", "sotw"], sample_count = 200)]
fn one_update_of_one_stream(bencher: Bencher<'_, '_>, variant: &str) {
    let mut desk = Desk::open();
    let views = [20, 30].map(|share| desk.take(&generation(SERVICES, share)));
    let now = Instant::now();
    let request = |nonce: String, names: Vec<String>| match variant {
        "delta" => Request::Delta(DeltaRequest { nonce, subscribe: names, ..Default::default() }),
        _ => Request::Sotw(SotwRequest { nonce, names, ..Default::default() }),
    };
    // SotW repeats its names with every request, delta says what is new alone.
    let repeated = |names: &[String]| if variant == "delta" { vec![] } else { names.to_vec() };
    let mut session = Session::new(views[0].clone(), 0, Timing::default());
    let endpoints: Vec<String> = views[0].of(Kind::Endpoints).iter().map(|(name, _)| name.to_string()).collect();
    let routes = vec!["tidegate".to_owned()];
    for (kind, names) in [(Kind::Cluster, vec![]), (Kind::Endpoints, endpoints), (Kind::Route, routes.clone())] {
        session.on_request(1, kind, &request(String::new(), names.clone()), now);
        while let Some(response) = session.poll(1, now) {
            session.on_request(1, response.kind, &request(format!("{:x}", response.nonce), repeated(&names)), now);
        }
    }
    let mut turn = 0;
    bencher.bench_local(|| {
        turn += 1;
        session.retarget(views[turn % 2].clone(), turn as u64);
        let response = session.poll(1, now).expect("an update");
        session.on_request(1, response.kind, &request(format!("{:x}", response.nonce), repeated(&routes)), now);
        black_box(session.poll(1, now))
    });
}
