//! Many services at once.

use std::time::Instant;

use crate::world::{Setup, World};

const SERVICES: usize = 500;

/// The file of one service among many: two versions of ten endpoints, of which those of the old one are real.
fn service(number: usize, checkout: &str) -> String {
    let endpoints: Vec<String> = (1..=10).map(|host| format!("127.0.{}.{host}:8080", 3 + number % 200)).collect();
    let real = checkout.lines().find(|line| line.starts_with("  v1:")).unwrap();
    format!(
        "service: s{number}\nhosts: [s{number}.example.com]\nversions:\n{real}\n  v2: [{}]\nstable: v1\n",
        endpoints.iter().map(|at| format!("\"{at}\"")).collect::<Vec<_>>().join(", ")
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_services_arrive_together_and_one_changes() {
    let setup = Setup { alone: true, ..Setup::default() };
    let mut world = World::new(setup, &["v1"], |at| at.checkout(&["v1"], "stable: v1")).await;
    let checkout = world.addresses().checkout(&["v1"], "stable: v1");
    // A work tree that is checked out: one generation, whatever the order of its files.
    std::fs::create_dir(world.path(".git")).unwrap();
    std::fs::write(world.path(".git/index.lock"), "").unwrap();
    for number in 0..SERVICES {
        world.save(&format!("s{number}.yaml"), &service(number, &checkout));
    }
    let begun = Instant::now();
    std::fs::remove_file(world.path(".git/index.lock")).unwrap();
    world.until("all services", || world.server.status.borrow().services.len() == SERVICES + 1).await;
    println!("{SERVICES} services loaded {:?} after the checkout", begun.elapsed());
    world.until("routes to be acknowledged", || world.routes().1 && world.routes().0 > 1).await;
    println!("and acknowledged after {:?}", begun.elapsed());
    let listener = world.listener().await;
    let answer = world.client.get(listener, "s499.example.com", "/", &[]).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.version.as_deref()), (200, Some("v1")));

    let (routes, clusters) = (world.routes().0, world.disturbances().await["cluster_manager.cluster_modified"]);
    let changed = service(7, &checkout).replace("127.0.10.1:8080", "127.0.10.99:8080");
    let pushes = world.pushes();
    world.save("s7.yaml", &changed);
    world.until("the change", || world.pushes() > pushes).await;
    assert_eq!(world.pushes(), pushes + 1, "one response with one service's endpoints");
    assert_eq!((world.routes().0, world.disturbances().await["cluster_manager.cluster_modified"]), (routes, clusters));
}
