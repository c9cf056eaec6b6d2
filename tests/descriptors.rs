//! `proto/envoy.binpb` holds the descriptors of every Envoy file that tidegate speaks or prints: cut from the set that `envoy-types`
//! ships, so that messages and descriptors are of one Envoy API. `TIDEGATE_BLESS=1 cargo test --test descriptors` writes it anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, encode_key, encode_varint, skip_field};

/// Files that are wanted for themselves; what they import comes along.
const ROOTS: &[&str] = &[
    // The services on the xDS port, for reflection.
    "envoy/service/discovery/v3/ads.proto",
    "envoy/service/cluster/v3/cds.proto",
    "envoy/service/endpoint/v3/eds.proto",
    "envoy/service/listener/v3/lds.proto",
    "envoy/service/route/v3/rds.proto",
    "envoy/service/route/v3/srds.proto",
    "envoy/service/runtime/v3/rtds.proto",
    "envoy/service/secret/v3/sds.proto",
    "envoy/service/load_stats/v3/lrs.proto",
    "envoy/service/status/v3/csds.proto",
    // What is bootstrapped, and what travels inside `Any`.
    "envoy/config/bootstrap/v3/bootstrap.proto",
    "envoy/extensions/access_loggers/stream/v3/stream.proto",
    "envoy/extensions/filters/http/router/v3/router.proto",
    "envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto",
    "envoy/extensions/retry/host/previous_hosts/v3/previous_hosts.proto",
    "envoy/extensions/transport_sockets/tls/v3/tls.proto",
    "envoy/extensions/upstreams/http/v3/http_protocol_options.proto",
];

/// `FileDescriptorProto.source_code_info`: comments and positions, most of the size and of no use here.
const SOURCE_INFO: u32 = 9;

/// A `FileDescriptorSet` whose files stay bytes: decoding them would drop the options that hold Envoy's validation rules.
#[derive(Message)]
struct FileSet {
    #[prost(bytes = "vec", repeated, tag = "1")]
    files: Vec<Vec<u8>>,
}

/// As much of a `FileDescriptorProto` as pruning needs.
#[derive(Message)]
struct Head {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, repeated, tag = "3")]
    imports: Vec<String>,
}

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("proto/envoy.binpb")
}

/// What a command of the toolchain prints.
fn output(variable: &str, command: &str, args: &[&str]) -> String {
    let program = env::var_os(variable).unwrap_or_else(|| command.into());
    let ran = Command::new(program).args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("the toolchain runs");
    assert!(ran.status.success(), "{command} {args:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("UTF-8")
}

/// Where cargo keeps the sources of the `envoy-types` that this crate is built with. Offline and for this platform alone, as
/// crates of other platforms need not have been downloaded.
fn envoy_types() -> PathBuf {
    let host = output("RUSTC", "rustc", &["--print", "host-tuple"]);
    let args = ["metadata", "--format-version", "1", "--offline", "--locked", "--filter-platform", host.trim()];
    let metadata: serde_json::Value = serde_json::from_str(&output("CARGO", "cargo", &args)).expect("JSON from cargo metadata");
    let packages = metadata["packages"].as_array().expect("packages");
    let manifest = packages.iter().find(|p| p["name"] == "envoy-types").and_then(|p| p["manifest_path"].as_str());
    Path::new(manifest.expect("envoy-types in the graph")).parent().expect("a folder").to_owned()
}

/// A file without its source info; every other byte as it was.
fn strip(file: &[u8]) -> Vec<u8> {
    let (mut rest, mut kept) = (file, Vec::new());
    while !rest.is_empty() {
        let field = rest;
        let (tag, wire) = decode_key(&mut rest).expect("a key");
        skip_field(wire, tag, &mut rest, DecodeContext::default()).expect("a field");
        if tag != SOURCE_INFO {
            kept.extend_from_slice(&field[..field.len() - rest.len()]);
        }
    }
    kept
}

/// The roots and what they import, in the order of the whole set, which has every import before its importer.
fn pruned(whole: &[u8]) -> Vec<u8> {
    let files = FileSet::decode(whole).expect("a FileDescriptorSet").files;
    let heads: Vec<Head> = files.iter().map(|file| Head::decode(file.as_slice()).expect("a file")).collect();
    let imports: BTreeMap<&str, &[String]> = heads.iter().map(|h| (h.name.as_str(), h.imports.as_slice())).collect();
    let mut wanted = BTreeSet::new();
    let mut open: Vec<&str> = ROOTS.to_vec();
    while let Some(name) = open.pop() {
        if wanted.insert(name) {
            open.extend(imports.get(name).unwrap_or_else(|| panic!("{name} is not in the set")).iter().map(String::as_str));
        }
    }
    let mut out = Vec::new();
    for (file, _) in files.iter().zip(&heads).filter(|(_, head)| wanted.contains(head.name.as_str())) {
        let file = strip(file);
        encode_key(1, WireType::LengthDelimited, &mut out);
        encode_varint(file.len() as u64, &mut out);
        out.extend_from_slice(&file);
    }
    out
}

#[test]
fn the_committed_set_is_cut_from_the_envoy_types_in_use() {
    let whole = fs::read(envoy_types().join("src/generated/types.bin")).expect("envoy-types ships its descriptors");
    let wanted = pruned(&whole);
    if env::var_os("TIDEGATE_BLESS").is_some() {
        fs::write(committed(), &wanted).expect("proto/ is writable");
    }
    let have = fs::read(committed()).unwrap_or_default();
    assert!(have == wanted, "proto/envoy.binpb is stale: TIDEGATE_BLESS=1 cargo test --test descriptors");
}
