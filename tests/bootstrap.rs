//! The bootstraps in `envoy/` are what `tidegate bootstrap` prints. `TIDEGATE_BLESS=1 cargo test --test bootstrap` writes them anew.

use std::path::Path;
use std::{env, fs};

use tidegate::translate::{BootstrapOptions, XdsVariant, bootstrap};

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
    ]
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
