//! `tidegate render`.

use std::collections::BTreeSet;

use anyhow::bail;

use super::look::Look;
use super::offline::Files;
use super::{Outcome, code, output};
use crate::control::Compiled;
use crate::diag;
use crate::model::{Config, Locality, Node};
use crate::translate::{self, Object, ServiceObjects};

/// Prints the Envoy resources that a directory becomes, as YAML
///
/// One document a resource, by Envoy's own field names, in the order in which changes are sent; last what is sent only on request, as
/// gRPC clients without a proxy ask for listeners by name. Without a word about the node, what
/// all fleets get together. Problems of the files go to standard error; the files that have none are rendered all the same.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    files: Files,
    /// Only this service
    #[arg(long, value_name = "NAME", env = "TIDEGATE_RENDER_SERVICE")]
    service: Option<String>,
    #[command(flatten)]
    node: NodeArgs,
}

/// The node to render for.
#[derive(Debug, Clone, clap::Args)]
struct NodeArgs {
    /// What a node of this node.cluster gets
    #[arg(long, value_name = "NAME", env = "TIDEGATE_RENDER_NODE_CLUSTER")]
    node_cluster: Option<String>,
    /// What the node of this node.id gets
    #[arg(long, value_name = "ID", env = "TIDEGATE_RENDER_NODE_ID")]
    node_id: Option<String>,
    /// What a node in this region gets
    #[arg(long, value_name = "REGION", env = "TIDEGATE_RENDER_REGION")]
    region: Option<String>,
    /// What a node in this zone gets
    #[arg(long, value_name = "ZONE", env = "TIDEGATE_RENDER_ZONE")]
    zone: Option<String>,
}

impl NodeArgs {
    /// The fleets to render for.
    fn fleets(&self, config: &Config) -> BTreeSet<String> {
        let said = [&self.node_cluster, &self.node_id, &self.region, &self.zone].into_iter().any(Option::is_some);
        if !said {
            return config.fleets.iter().map(|fleet| fleet.name.clone()).collect();
        }
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let locality = Locality { region: text(&self.region), zone: text(&self.zone), sub_zone: String::new() };
        let (id, cluster) = (text(&self.node_id), text(&self.node_cluster));
        config.fleets_of(&Node { id, cluster, locality, ..Node::default() })
    }
}

/// Runs the command.
pub fn run(args: Args) -> Outcome {
    let compiled = args.files.compile()?;
    if !compiled.problems.is_empty() {
        eprint!("{}", diag::render(&compiled.problems, Look::of_stderr().color));
    }
    let fleets = args.node.fleets(&compiled.config);
    let services = chosen(&compiled, args.service.as_deref(), &fleets)?;
    let on_request = translate::proxyless(&services, &compiled.config, &fleets);
    let text = [documents(resources(&services, &compiled.config, &fleets), ""), documents(on_request, " (on request)")].concat();
    output::print(&text.join("\n"))?;
    Ok(code(!compiled.problems.iter().any(diag::Problem::is_error)))
}

fn chosen<'a>(compiled: &'a Compiled, name: Option<&str>, fleets: &BTreeSet<String>) -> anyhow::Result<Vec<&'a ServiceObjects>> {
    let named = |service: &&ServiceObjects| name.is_none_or(|name| service.service == name);
    let meant = |service: &&ServiceObjects| service.fleets.is_empty() || service.fleets.iter().any(|fleet| fleets.contains(fleet));
    let chosen: Vec<&ServiceObjects> = compiled.services.iter().filter(named).collect();
    if let (Some(name), true) = (name, chosen.is_empty()) {
        let names: Vec<&str> = compiled.services.iter().map(|service| service.service.as_str()).collect();
        bail!("no good file is of the service `{name}`; there are: {}", names.join(", "));
    }
    Ok(chosen.into_iter().filter(meant).collect())
}

fn resources(services: &[&ServiceObjects], config: &Config, fleets: &BTreeSet<String>) -> Vec<Object> {
    let own = services.iter().flat_map(|service| service.objects.iter().cloned());
    own.chain(translate::fleet(services, config, fleets)).collect()
}

/// A document for each resource, in the order in which changes are sent, with a note in its title.
fn documents(mut resources: Vec<Object>, note: &str) -> Vec<String> {
    resources.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    let document = |object: &Object| {
        format!("---\n# {} {}{note}\n{}", object.kind.short(), object.name, translate::to_yaml(object).trim_end())
    };
    resources.iter().map(document).collect()
}
