//! The channels of one node, by kind and stream.

use super::channel::Channel;
use crate::snapshot::Kind;

/// The channels of one node, of all its streams: a few on ADS, where a list is found through faster than a tree.
#[derive(Debug, Default)]
pub struct Channels(Vec<Place>);

/// A channel, and where it stands. The list is in order of kind and stream.
#[derive(Debug)]
struct Place {
    at: (Kind, u64),
    channel: Box<Channel>,
}

impl Channels {
    /// The channel of a kind on a stream.
    pub fn get(&self, kind: Kind, stream: u64) -> Option<&Channel> {
        let at = self.find(kind, stream).ok()?;
        self.0.get(at).map(|place| place.channel.as_ref())
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, kind: Kind, stream: u64) -> Option<&mut Channel> {
        let at = self.find(kind, stream).ok()?;
        self.0.get_mut(at).map(|place| place.channel.as_mut())
    }

    /// The channel of a kind on a stream, made if there is none.
    pub fn get_or_make(&mut self, kind: Kind, stream: u64, make: impl FnOnce() -> Channel) -> &mut Channel {
        let at = self.find(kind, stream).unwrap_or_else(|at| {
            self.0.insert(at, Place { at: (kind, stream), channel: Box::new(make()) });
            at
        });
        &mut self.0[at].channel
    }

    /// Those of a kind.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Channel> {
        let from = self.0.partition_point(|place| place.at.0 < kind);
        self.0[from..].iter().take_while(move |place| place.at.0 == kind).map(|place| place.channel.as_ref())
    }

    /// Those of a kind, to be changed.
    pub fn of_mut(&mut self, kind: Kind) -> impl Iterator<Item = &mut Channel> {
        let from = self.0.partition_point(|place| place.at.0 < kind);
        self.0[from..].iter_mut().take_while(move |place| place.at.0 == kind).map(|place| place.channel.as_mut())
    }

    /// All of them, with their kinds.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, &Channel)> {
        self.0.iter().map(|place| (place.at.0, place.channel.as_ref()))
    }

    /// All of them, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Channel> {
        self.0.iter_mut().map(|place| place.channel.as_mut())
    }

    /// Those of a stream, with their kinds.
    pub fn on(&self, stream: u64) -> impl Iterator<Item = (Kind, &Channel)> {
        self.0.iter().filter(move |place| place.at.1 == stream).map(|place| (place.at.0, place.channel.as_ref()))
    }

    /// Whether all are of this stream.
    pub fn are_all_on(&self, stream: u64) -> bool {
        self.0.iter().all(|place| place.at.1 == stream)
    }

    /// A stream ended, and its channels with it.
    pub fn remove(&mut self, stream: u64) {
        self.0.retain(|place| place.at.1 != stream);
    }

    fn find(&self, kind: Kind, stream: u64) -> Result<usize, usize> {
        self.0.binary_search_by_key(&(kind, stream), |place| place.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xds::board::Variant;

    #[test]
    fn channels_are_found_by_kind_and_by_stream() {
        let mut channels = Channels::default();
        for (kind, stream) in [(Kind::Route, 2), (Kind::Cluster, 2), (Kind::Route, 1), (Kind::Route, 1)] {
            assert_eq!(channels.get_or_make(kind, stream, || Channel::new(kind, Variant::Delta)).kind(), kind);
        }
        let kinds = |all: Vec<(Kind, &Channel)>| all.into_iter().map(|(kind, _)| kind).collect::<Vec<_>>();
        assert_eq!(kinds(channels.iter().collect()), [Kind::Cluster, Kind::Route, Kind::Route]);
        assert_eq!(channels.iter_mut().map(|channel| channel.kind()).collect::<Vec<_>>(), kinds(channels.iter().collect()));
        assert_eq!(kinds(channels.on(2).collect()), [Kind::Cluster, Kind::Route]);
        assert_eq!([Kind::Cluster, Kind::Listener, Kind::Route].map(|kind| channels.of(kind).count()), [1, 0, 2]);
        assert_eq!([Kind::Cluster, Kind::Listener, Kind::Route].map(|kind| channels.of_mut(kind).count()), [1, 0, 2]);
        assert!(channels.get(Kind::Route, 1).is_some() && channels.get(Kind::Cluster, 1).is_none());
        assert!(!channels.are_all_on(2));
        channels.remove(1);
        assert!(channels.get_mut(Kind::Route, 1).is_none() && channels.are_all_on(2));
    }
}
