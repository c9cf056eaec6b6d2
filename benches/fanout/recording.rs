//! What tidegate sends, recorded, so that the floor sends the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use envoy_types::pb::envoy::service::discovery::v3::DeltaDiscoveryResponse;
use prost::Message as _;
use tidegate::snapshot::Kind;

use crate::fields::{PREFIX, Walker};
use crate::fleet::Fleet;
use crate::plan::{Held, Plan};
use crate::releases::Releases;
use crate::server::Server;

/// Messages with their gRPC prefixes.
#[derive(Debug)]
pub struct Recording {
    first: BTreeMap<Kind, Bytes>,
    updates: Vec<Bytes>,
}

/// How long nothing more must come before it is believed that nothing more comes.
const QUIET: Duration = Duration::from_millis(300);

impl Recording {
    /// Records what one client is sent: at first, and at each of the two updates.
    ///
    /// # Errors
    /// The server does not serve, or sends a kind twice.
    pub fn take(releases: &Rc<Releases>, plan: Plan) -> anyhow::Result<Recording> {
        let mut server = Server::tidegate(releases)?;
        let mut fleet = Fleet::new(server.xds, plan)?;
        let first = take_first(&mut fleet)?;
        let mut updates = Vec::new();
        // The files begin with the shares of turn 0.
        for turn in [1, 2] {
            fleet.begin_round();
            server.update(turn)?;
            fleet.await_arrivals(1)?;
            fleet.rest(QUIET)?;
            let [(_, message)] =
                <[_; 1]>::try_from(split(fleet.tap().into())?).ok().context("an update is more than one message")?;
            updates.push(message);
        }
        Ok(Recording { first, updates })
    }

    /// Records what one client is sent at first, and nothing else.
    ///
    /// # Errors
    /// The server does not serve, or sends a kind twice.
    pub fn take_first(releases: &Rc<Releases>, plan: Plan) -> anyhow::Result<Recording> {
        let server = Server::tidegate(releases)?;
        let mut fleet = Fleet::new(server.xds, plan)?;
        Ok(Recording { first: take_first(&mut fleet)?, updates: Vec::new() })
    }

    /// Versions by name of what was recorded in delta, as a client tells them that returns.
    ///
    /// # Errors
    /// It was not recorded in delta.
    pub fn held(&self) -> anyhow::Result<Held> {
        let of_kind = |(kind, message): (&Kind, &Bytes)| {
            let message = DeltaDiscoveryResponse::decode(message.slice(PREFIX..))?;
            Ok((*kind, message.resources.into_iter().map(|resource| (resource.name, resource.version)).collect()))
        };
        self.first.iter().map(of_kind).collect()
    }

    /// The first response of a kind.
    pub fn first(&self, kind: Kind) -> Option<&Bytes> {
        self.first.get(&kind)
    }

    /// The update of a turn.
    pub fn update(&self, turn: usize) -> &Bytes {
        &self.updates[turn % self.updates.len()]
    }

    /// Puts it into a folder.
    ///
    /// # Errors
    /// The disk is full, say.
    pub fn save(&self, folder: &Path) -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        for (kind, message) in &self.first {
            fs::write(folder.join(kind.short()), message)?;
        }
        self.updates.iter().enumerate().try_for_each(|(turn, message)| fs::write(folder.join(turn.to_string()), message))
    }

    /// Reads a folder.
    ///
    /// # Errors
    /// It is not one of `save`.
    pub fn load(folder: &Path) -> std::io::Result<Recording> {
        let read = |name: &str| fs::read(folder.join(name)).map(Bytes::from);
        let first = Kind::ALL.into_iter().filter_map(|kind| Some((kind, read(kind.short()).ok()?))).collect();
        let updates = ["0", "1"].into_iter().filter_map(|turn| read(turn).ok()).collect();
        Ok(Recording { first, updates })
    }
}

fn take_first(fleet: &mut Fleet) -> anyhow::Result<BTreeMap<Kind, Bytes>> {
    fleet.tap();
    fleet.connect(1)?;
    fleet.rest(QUIET)?;
    let mut first = BTreeMap::new();
    for (kind, message) in split(fleet.tap().into())? {
        ensure!(first.insert(kind, message).is_none(), "{} was sent twice", kind.short());
    }
    Ok(first)
}

fn split(mut stream: Bytes) -> anyhow::Result<Vec<(Kind, Bytes)>> {
    let mut messages = Vec::new();
    while !stream.is_empty() {
        let mut walker = Walker::new([4, 0, 0]);
        let message = walker.next(&mut &stream[..]).context("half a message")?;
        let kind = std::str::from_utf8(&message.kept[0]).ok().and_then(Kind::from_type_url);
        messages.push((kind.context("a message of an unknown type")?, stream.split_to(PREFIX + message.bytes)));
    }
    Ok(messages)
}
