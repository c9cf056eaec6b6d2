//! The channels of one node, by kind and stream.

use super::channel::Channel;
use super::kinds::Kinds;
use crate::snapshot::Kind;

/// The channels of one node, of all its streams: a few on ADS, where a list is found through faster than a tree.
///
/// What has no part in a change is not touched by it: of a new generation a channel is told when something happens with it, and
/// whether it is in sync, or is to be compared, stands in the list.
#[derive(Debug, Default)]
pub struct Channels {
    places: Vec<Place>,
    generation: u64,
}

/// A channel, and where it stands. The list is in order of kind and stream.
#[derive(Debug)]
struct Place {
    at: (Kind, u64),
    in_sync: bool,
    dirty: bool,
    channel: Box<Channel>,
}

impl Place {
    fn change<R>(&mut self, generation: u64, change: impl FnOnce(&mut Channel) -> R) -> R {
        self.channel.reach(generation);
        let changed = change(&mut self.channel);
        (self.in_sync, self.dirty) = (self.channel.is_in_sync(), self.channel.is_dirty());
        changed
    }
}

impl Channels {
    /// Channels of a node that should have what is of this generation.
    pub fn new(generation: u64) -> Channels {
        Channels { places: Vec::new(), generation }
    }

    /// The generation of what the node should have.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// What the node should have is of this generation from now on. What changes with it was told before.
    pub fn reach(&mut self, generation: u64) {
        self.generation = generation;
    }

    /// The channel of a kind on a stream.
    pub fn get(&self, kind: Kind, stream: u64) -> Option<&Channel> {
        let at = self.find(kind, stream).ok()?;
        self.places.get(at).map(|place| place.channel.as_ref())
    }

    /// Changes the channel of a kind on a stream, if there is one.
    pub fn change<R>(&mut self, kind: Kind, stream: u64, change: impl FnOnce(&mut Channel) -> R) -> Option<R> {
        let at = self.find(kind, stream).ok()?;
        self.places.get_mut(at).map(|place| place.change(self.generation, change))
    }

    /// Changes the channel of a kind on a stream, which is made if there is none.
    pub fn make_or_change<R>(
        &mut self,
        kind: Kind,
        stream: u64,
        make: impl FnOnce() -> Channel,
        change: impl FnOnce(&mut Channel) -> R,
    ) -> R {
        let at = self.find(kind, stream).unwrap_or_else(|at| {
            self.places.insert(at, Place { at: (kind, stream), in_sync: false, dirty: false, channel: Box::new(make()) });
            at
        });
        self.places[at].change(self.generation, change)
    }

    /// Changes all of a kind.
    pub fn change_all(&mut self, kind: Kind, mut change: impl FnMut(&mut Channel)) {
        let (from, generation) = (self.first(kind), self.generation);
        let places = self.places[from..].iter_mut().take_while(|place| place.at.0 == kind);
        places.for_each(|place| place.change(generation, &mut change));
    }

    /// Those of a kind.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Channel> {
        self.places_of(kind).map(|place| place.channel.as_ref())
    }

    /// Whether there is none of a kind.
    pub fn has_none(&self, kind: Kind) -> bool {
        self.places_of(kind).next().is_none()
    }

    /// Whether all of a kind are in sync.
    pub fn are_in_sync(&self, kind: Kind) -> bool {
        self.places_of(kind).all(|place| place.in_sync)
    }

    /// Kinds of those in which something happened since they were last compared.
    pub fn dirty(&self) -> Kinds {
        self.places.iter().filter(|place| place.dirty).map(|place| place.at.0).collect()
    }

    /// Those of a stream, with their kinds.
    pub fn on(&self, stream: u64) -> impl Iterator<Item = (Kind, &Channel)> {
        self.places.iter().filter(move |place| place.at.1 == stream).map(|place| (place.at.0, place.channel.as_ref()))
    }

    /// A stream ended, and its channels with it, which are given back.
    pub fn remove(&mut self, stream: u64) -> impl Iterator<Item = Channel> {
        self.places.extract_if(.., move |place| place.at.1 == stream).map(|place| *place.channel)
    }

    fn places_of(&self, kind: Kind) -> impl Iterator<Item = &Place> {
        self.places[self.first(kind)..].iter().take_while(move |place| place.at.0 == kind)
    }

    fn first(&self, kind: Kind) -> usize {
        self.places.partition_point(|place| place.at.0 < kind)
    }

    fn find(&self, kind: Kind, stream: u64) -> Result<usize, usize> {
        self.places.binary_search_by_key(&(kind, stream), |place| place.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xds::board::Variant;

    #[test]
    fn channels_are_found_by_kind_and_by_stream() {
        let mut channels = Channels::new(1);
        for (kind, stream) in [(Kind::Route, 2), (Kind::Cluster, 2), (Kind::Route, 1), (Kind::Route, 1)] {
            let made = channels.make_or_change(kind, stream, || Channel::new(kind, Variant::Delta), |channel| channel.kind());
            assert_eq!(made, kind);
        }
        let kinds = |all: Vec<(Kind, &Channel)>| all.into_iter().map(|(kind, _)| kind).collect::<Vec<_>>();
        assert_eq!(kinds(channels.on(1).collect()), [Kind::Route]);
        assert_eq!(kinds(channels.on(2).collect()), [Kind::Cluster, Kind::Route]);
        let mut changed = |kind| {
            let mut count = 0;
            channels.change_all(kind, |_| count += 1);
            count
        };
        assert_eq!([Kind::Cluster, Kind::Listener, Kind::Route].map(&mut changed), [1, 0, 2]);
        assert_eq!([Kind::Cluster, Kind::Listener, Kind::Route].map(|kind| channels.of(kind).count()), [1, 0, 2]);
        assert_eq!([Kind::Cluster, Kind::Listener, Kind::Route].map(|kind| channels.has_none(kind)), [false, true, false]);
        channels.change(Kind::Route, 2, Channel::touch);
        assert_eq!(channels.dirty().iter().collect::<Vec<_>>(), [Kind::Route]);
        assert!(channels.get(Kind::Route, 1).is_some() && channels.get(Kind::Cluster, 1).is_none());
        assert_eq!(channels.remove(1).map(|channel| channel.kind()).collect::<Vec<_>>(), [Kind::Route]);
        assert_eq!(channels.change(Kind::Route, 1, |channel| channel.kind()), None);
    }
}
