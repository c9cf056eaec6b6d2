//! The bootstraps in `envoy/` are what `tidegate bootstrap` prints. `TIDEGATE_BLESS=1 cargo test --test bootstrap` writes them anew.

use std::path::Path;
use std::{env, fs};

use tidegate::translate::{BootstrapOptions, XdsTls, XdsVariant, bootstrap};

/// File name and what it is made from: both protocol variants, with a listener of its own and with listeners from the server.
fn examples() -> Vec<(&'static str, BootstrapOptions)> {
    let listener = Some("127.0.0.1:8080".parse().expect("an address"));
    let made = |variant, listener| BootstrapOptions {
        node_id: "edge-1".to_owned(),
        node_cluster: "edge".to_owned(),
        variant,
        listener,
        ..BootstrapOptions::default()
    };
    vec![
        ("delta-static-listener.yaml", made(XdsVariant::Delta, listener)),
        ("delta-lds.yaml", made(XdsVariant::Delta, None)),
        ("sotw-static-listener.yaml", made(XdsVariant::Sotw, listener)),
        ("sotw-lds.yaml", made(XdsVariant::Sotw, None)),
        ("delta-lds-mtls.yaml", BootstrapOptions { tls: Some(tls()), ..made(XdsVariant::Delta, None) }),
    ]
}

fn tls() -> XdsTls {
    let [ca, certificate, key] = ["ca.pem", "envoy.pem", "envoy.key"].map(|name| format!("/etc/envoy/{name}"));
    XdsTls { ca, certificate: Some((certificate, key)), server_name: Some("tidegate.internal".to_owned()) }
}

#[test]
fn the_examples_are_what_the_command_prints() {
    for (file, options) in examples() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy").join(file);
        let made = bootstrap(&options);
        if env::var_os("TIDEGATE_BLESS").is_some() {
            fs::write(&path, &made).expect("envoy/ is writable");
        }
        let have = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(have, made, "{file} is stale: TIDEGATE_BLESS=1 cargo test --test bootstrap");
    }
}

#[test]
fn options_arrive_where_envoy_looks_for_them() {
    let made = bootstrap(&BootstrapOptions {
        metadata: serde_json::json!({"team": "payments", "tier": 1}).as_object().cloned().expect("an object"),
        locality: tidegate::model::Locality { region: "eu".into(), zone: "eu-1".into(), sub_zone: String::new() },
        xds: ["127.0.0.1:18000", "tidegate.internal:18001"].map(|text| text.parse().expect("an address")).into(),
        admin: "127.0.0.1:19901".parse().expect("an address"),
        ..BootstrapOptions::default()
    });
    let yaml: serde_yaml::Value = serde_yaml::from_str(&made).expect("YAML");
    assert_eq!(yaml["node"]["metadata"]["team"], "payments");
    assert_eq!(yaml["node"]["locality"]["zone"], "eu-1");
    assert_eq!(yaml["admin"]["address"]["socket_address"]["port_value"], 19901);
    let server = &yaml["static_resources"]["clusters"][0];
    assert_eq!(server["type"], "STRICT_DNS", "one name among the servers, and Envoy must resolve");
    let endpoints = &server["load_assignment"]["endpoints"][0]["lb_endpoints"];
    assert_eq!(endpoints[1]["endpoint"]["address"]["socket_address"]["address"], "tidegate.internal");
}

/// The CA of a fleet has made many certificates, and only a server's is a server's.
#[test]
fn a_server_is_known_by_name_whatever_it_is_called() {
    let xds = ["127.0.0.1:18000", "tidegate.internal:18001"].map(|text| text.parse().expect("an address")).to_vec();
    let socket = |server_name: Option<&str>| {
        let tls = XdsTls { server_name: server_name.map(str::to_owned), certificate: None, ..tls() };
        let made = bootstrap(&BootstrapOptions { xds: xds.clone(), tls: Some(tls), ..BootstrapOptions::default() });
        let yaml: serde_yaml::Value = serde_yaml::from_str(&made).expect("YAML");
        yaml["static_resources"]["clusters"][0]["transport_socket"]["typed_config"].clone()
    };
    let names = |socket: &serde_yaml::Value| {
        let names = &socket["common_tls_context"]["validation_context"]["match_typed_subject_alt_names"];
        let names = names.as_sequence().expect("names").iter();
        names.map(|name| format!("{} {}", name["san_type"].as_str().unwrap(), name["matcher"]["exact"].as_str().unwrap())).collect()
    };
    let by_host = socket(None);
    let found: Vec<String> = names(&by_host);
    assert_eq!(found, ["IP_ADDRESS 127.0.0.1", "DNS tidegate.internal"]);
    assert_eq!(by_host["sni"], "tidegate.internal");
    let by_name = socket(Some("gate.example"));
    let found: Vec<String> = names(&by_name);
    assert_eq!((found, by_name["sni"].as_str()), (vec!["DNS gate.example".to_owned()], Some("gate.example")));
}
