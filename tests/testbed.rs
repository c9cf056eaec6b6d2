//! The testbed on the real Envoy: what the other end-to-end tests stand on.

use tidegate::testbed::{Backend, Client, DEFAULT_VERSION, EnvoyError, EnvoyProcess, OLDEST_VERSION, ensure};

/// A static Envoy in front of one address.
fn bootstrap(backend: std::net::SocketAddr) -> String {
    format!(
        r#"
admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: 0}}}}}}
static_resources:
  listeners:
  - name: http
    address: {{socket_address: {{address: 127.0.0.1, port_value: 0}}}}
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: http
          route_config:
            virtual_hosts:
            - {{name: all, domains: ["*"], routes: [{{match: {{prefix: /}}, route: {{cluster: one}}}}]}}
          http_filters:
          - name: router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
  clusters:
  - name: one
    load_assignment:
      cluster_name: one
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: {}, port_value: {}}}}}}}
"#,
        backend.ip(),
        backend.port()
    )
}

async fn requests_pass_and_are_counted(version: &'static str) {
    let binary = tokio::task::spawn_blocking(move || ensure(version, |text| eprintln!("{text}"))).await.unwrap().unwrap();
    let backend = Backend::start("v1").await.unwrap();
    let mut envoy = EnvoyProcess::start(&binary, &bootstrap(backend.address())).await.unwrap();
    envoy.wait_ready().await.unwrap();
    let address = envoy.wait_listener("http").await.unwrap();
    let client = Client::default();
    for _ in 0..10 {
        assert_eq!(client.get(address, "a.example", "/", &[]).await.unwrap().version.as_deref(), Some("v1"));
    }
    assert_eq!(envoy.wait_stat("cluster.one.upstream_rq_total", |n| n >= 10).await.unwrap(), 10);
    let dump = envoy.admin().config_dump().await.unwrap();
    assert!(dump["configs"].as_array().is_some_and(|configs| !configs.is_empty()));
    envoy.stop().await;
    assert!(client.get(address, "a.example", "/", &[]).await.is_err(), "its port is closed");
}

#[tokio::test]
async fn the_default_envoy() {
    requests_pass_and_are_counted(DEFAULT_VERSION).await;
}

#[tokio::test]
async fn the_oldest_envoy() {
    requests_pass_and_are_counted(OLDEST_VERSION).await;
}

#[tokio::test]
async fn a_bootstrap_that_envoy_refuses_comes_back_with_its_reason() {
    let binary = tokio::task::spawn_blocking(|| ensure(DEFAULT_VERSION, |_| {})).await.unwrap().unwrap();
    let error = EnvoyProcess::start(&binary, "no_such_field: 1").await.unwrap_err();
    assert!(matches!(error, EnvoyError::Ended { .. }), "{error}");
    assert!(error.to_string().contains("no_such_field"), "{error}");
}
