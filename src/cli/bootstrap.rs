//! `tidegate bootstrap`.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use clap::ValueEnum;

use super::{Outcome, address, output};
use crate::model::Locality;
use crate::translate::{BootstrapOptions, XdsAddress, XdsTls, XdsVariant, bootstrap};

/// Prints an Envoy bootstrap
///
/// For example: `tidegate bootstrap --node-id edge-1 --cluster edge > envoy.yaml && envoy -c envoy.yaml`. Without --listener the
/// Envoy takes its listeners from the server, as `listeners:` in tidegate.yaml gives them.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// node.id: its name, different for every Envoy
    #[arg(long, value_name = "ID", default_value = "envoy-1", env = "TIDEGATE_BOOTSTRAP_NODE_ID", value_parser = some)]
    node_id: String,
    /// node.cluster: the kind of Envoy it is, by which fleets pick
    #[arg(long, value_name = "NAME", default_value = "envoy", env = "TIDEGATE_BOOTSTRAP_CLUSTER", value_parser = some)]
    cluster: String,
    /// xDS addresses of the servers, separated by commas
    #[arg(
        long,
        value_name = "HOST:PORT",
        default_value = "127.0.0.1:18000",
        value_delimiter = ',',
        env = "TIDEGATE_BOOTSTRAP_XDS"
    )]
    xds: Vec<XdsAddress>,
    /// Variant of the protocol
    #[arg(long, value_enum, default_value = "delta", env = "TIDEGATE_BOOTSTRAP_MODE")]
    mode: Mode,
    /// Port of Envoy's own administration, on 127.0.0.1
    #[arg(long, value_name = "PORT", default_value_t = 9901, env = "TIDEGATE_BOOTSTRAP_ADMIN_PORT")]
    admin_port: u16,
    /// Puts a listener on this address into the bootstrap, instead of taking listeners from the server
    #[arg(long, value_name = "IP:PORT", value_parser = address::listen, env = "TIDEGATE_BOOTSTRAP_LISTENER")]
    listener: Option<SocketAddr>,
    /// node.locality.region
    #[arg(long, default_value = "", env = "TIDEGATE_BOOTSTRAP_REGION", hide_default_value = true)]
    region: String,
    /// node.locality.zone
    #[arg(long, default_value = "", env = "TIDEGATE_BOOTSTRAP_ZONE", hide_default_value = true)]
    zone: String,
    /// node.locality.sub_zone
    #[arg(long, default_value = "", env = "TIDEGATE_BOOTSTRAP_SUB_ZONE", hide_default_value = true)]
    sub_zone: String,
    /// Entries of node.metadata, separated by commas
    #[arg(long, value_name = "KEY=VALUE", value_delimiter = ',', value_parser = entry, env = "TIDEGATE_BOOTSTRAP_METADATA")]
    metadata: Vec<(String, String)>,
    /// CA of the server's certificate, a path on the Envoy's machine: connects by TLS
    #[arg(long, value_name = "FILE", env = "TIDEGATE_BOOTSTRAP_TLS_CA")]
    tls_ca: Option<String>,
    /// Certificate that the Envoy shows, a path on its machine
    #[arg(long, value_name = "FILE", requires_all = ["tls_ca", "tls_key"], env = "TIDEGATE_BOOTSTRAP_TLS_CERT")]
    tls_cert: Option<String>,
    /// Key of that certificate, a path on the Envoy's machine
    #[arg(long, value_name = "FILE", requires = "tls_cert", env = "TIDEGATE_BOOTSTRAP_TLS_KEY")]
    tls_key: Option<String>,
    /// DNS name that the server's certificate must have; by default the host or IP address that is connected to
    #[arg(long, value_name = "NAME", requires = "tls_ca", env = "TIDEGATE_BOOTSTRAP_TLS_SERVER_NAME")]
    tls_server_name: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Mode {
    /// Incremental: only what changed is sent
    Delta,
    /// State of the world: all of a kind is sent with every change
    Sotw,
}

fn some(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("it must not be empty".to_owned()) } else { Ok(text.to_owned()) }
}

fn entry(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write `key=value`")?;
    Ok((some(key)?, value.to_owned()))
}

/// Runs the command.
pub fn run(args: Args) -> Outcome {
    output::print(&bootstrap(&options(args)))?;
    Ok(ExitCode::SUCCESS)
}

fn options(args: Args) -> BootstrapOptions {
    let certificate = args.tls_cert.zip(args.tls_key);
    let server_name = args.tls_server_name;
    BootstrapOptions {
        tls: args.tls_ca.map(|ca| XdsTls { ca, certificate, server_name }),
        node_id: args.node_id,
        node_cluster: args.cluster,
        locality: Locality { region: args.region, zone: args.zone, sub_zone: args.sub_zone },
        metadata: args.metadata.into_iter().map(|(key, value)| (key, value.into())).collect(),
        xds: args.xds,
        variant: match args.mode {
            Mode::Delta => XdsVariant::Delta,
            Mode::Sotw => XdsVariant::Sotw,
        },
        admin: SocketAddr::from((Ipv4Addr::LOCALHOST, args.admin_port)),
        listener: args.listener,
    }
}
