//! The doors of the ports: made from what the configuration says and from the files that it names.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::reading::Files;
use crate::diag::{Problem, Severity, SourceFile};
use crate::model::{Config, Document, PortTls};
use crate::sources;
use crate::tls::{Acceptor, BadFile, Door, Doors, Part};

/// A port's file that cannot be used.
const UNUSABLE: &str = "T902";

/// A port with TLS, and what its door was made from.
#[derive(Debug, Clone, PartialEq)]
struct Made {
    settings: PortTls,
    texts: [Option<Arc<SourceFile>>; 3],
}

/// One port.
#[derive(Debug, Clone, Default)]
struct Port {
    door: Door,
    made: Option<Arc<Made>>,
}

/// Both ports, with what they were made from, so that an edit elsewhere makes nothing anew.
#[derive(Debug, Clone, Default)]
pub struct Ports {
    xds: Port,
    admin: Port,
}

/// What is wrong with a port's files: the port, and its file.
#[derive(Debug)]
pub struct Trouble {
    port: &'static str,
    bad: BadFile,
}

impl Ports {
    /// The ports that a configuration asks for. Where TLS is asked for and its files are of no use, the door stays as it was if the
    /// same was asked for before, else it is shut.
    pub fn of(config: &Config, path: &str, files: &Files, before: &Ports) -> (Ports, Vec<Trouble>) {
        let mut troubles = Vec::new();
        let mut port = |name, settings: &Option<PortTls>, before: &Port| match settings {
            None => Port::default(),
            Some(settings) => guarded(settings, path, files, before).unwrap_or_else(|bad| {
                troubles.push(Trouble { port: name, bad });
                let same = before.made.as_ref().is_some_and(|made| made.settings == *settings);
                if same { before.clone() } else { Port { door: Door::Shut, made: None } }
            }),
        };
        let (xds, admin) = (port("xds", &config.xds_tls, &before.xds), port("admin", &config.admin_tls, &before.admin));
        (Ports { xds, admin }, troubles)
    }

    /// How connections are let in.
    pub fn doors(&self) -> Doors {
        Doors { xds: self.xds.door.clone(), admin: self.admin.door.clone() }
    }

    /// Whether some port lets nobody in.
    pub fn is_shut(&self) -> bool {
        [&self.xds, &self.admin].iter().any(|port| port.door.is_shut())
    }
}

fn guarded(settings: &PortTls, path: &str, files: &Files, before: &Port) -> Result<Port, BadFile> {
    let named = [Some(&settings.certificate), Some(&settings.key), settings.client_ca.as_ref()];
    let texts = named.map(|written| files.get(&sources::beside_config(path, written?)).cloned());
    let made = Made { settings: settings.clone(), texts };
    if before.made.as_deref() == Some(&made) {
        return Ok(before.clone());
    }
    let text = |part: Part, index: usize| match &made.texts[index] {
        Some(file) => Ok(file.text.as_str()),
        None => Err(BadFile {
            part,
            reason: "there is no such file, or it cannot be read".to_owned(),
            help: "put it there, where the user that runs tidegate can read it; it is looked for as soon as it changes",
        }),
    };
    let ca = settings.client_ca.as_ref().map(|_| text(Part::ClientCa, 2)).transpose()?;
    let acceptor = Acceptor::new(text(Part::Certificate, 0)?, text(Part::Key, 1)?, ca)?;
    Ok(Port { door: Door::Guarded(acceptor), made: Some(Arc::new(made)) })
}

/// The files that a configuration at this path names.
pub fn files(config: &Config, path: &str) -> BTreeSet<String> {
    let ports = [&config.xds_tls, &config.admin_tls].into_iter().flatten();
    let written = ports.flat_map(|tls| [Some(&tls.certificate), Some(&tls.key), tls.client_ca.as_ref()]).flatten();
    written.map(|written| sources::beside_config(path, written)).collect()
}

/// A trouble as a problem of the file that names it.
pub fn problem(document: &Document<Config>, trouble: &Trouble) -> Problem {
    let (port, bad) = (trouble.port, &trouble.bad);
    let primary = document.place_of_tls(&format!("{port}.{}", bad.part.key()));
    let title = format!("`{port}` cannot have this `{}`: {}", bad.part.key(), bad.reason);
    Problem { code: UNUSABLE, severity: Severity::Error, title, primary, related: Vec::new(), help: Some(bad.help.to_owned()) }
}
