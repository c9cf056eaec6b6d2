//! Who is let in: so many streams in all, and so many new ones a second.
//!
//! After a restart a whole fleet comes at once. The first are served at once, the others wait for their turn before anything is done
//! for them, so that each that is served is served fast; who would wait too long is sent away, and finds another server or comes
//! back later.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

use super::bucket::Bucket;
use super::limits::Limits;

/// Lets streams in.
#[derive(Debug)]
pub struct Admission {
    limits: Limits,
    places: Arc<Semaphore>,
    bucket: Mutex<Bucket>,
}

/// A stream's place, and when its turn is. The place is free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    /// When it may begin; `None` at once.
    pub begins: Option<Instant>,
    _permit: OwnedSemaphorePermit,
}

/// Why a stream is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no place.
    #[error("{0} streams are open already")]
    Full(usize),
    /// Its turn would come too late.
    #[error("too many streams are being opened: try again later")]
    Rush,
}

impl Refused {
    /// One word for it.
    pub fn reason(self) -> &'static str {
        match self {
            Refused::Full(_) => "too_many_streams",
            Refused::Rush => "rush",
        }
    }
}

impl From<Refused> for Status {
    fn from(refused: Refused) -> Status {
        match refused {
            Refused::Full(_) => Status::resource_exhausted(refused.to_string()),
            Refused::Rush => Status::unavailable(refused.to_string()),
        }
    }
}

impl Admission {
    /// Lets in what these limits allow.
    pub fn new(limits: Limits) -> Admission {
        let places = Arc::new(Semaphore::new(limits.streams.min(Semaphore::MAX_PERMITS)));
        Admission { limits, places, bucket: Mutex::default() }
    }

    /// A stream comes.
    ///
    /// # Errors
    /// Why it is not let in.
    pub fn enter(&self, now: Instant) -> Result<Place, Refused> {
        let permit = self.places.clone().try_acquire_owned().map_err(|_| Refused::Full(self.limits.streams))?;
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = bucket.wait(self.limits.openings, now);
        if wait > self.limits.opening_wait {
            return Err(Refused::Rush);
        }
        bucket.take(self.limits.openings, now);
        Ok(Place { begins: (!wait.is_zero()).then(|| now + wait), _permit: permit })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::xds::bucket::Rate;

    fn admission(streams: usize) -> Admission {
        let openings = Rate { per_second: 10, burst: 2 };
        Admission::new(Limits { streams, openings, opening_wait: Duration::from_millis(300), ..Limits::default() })
    }

    #[test]
    fn the_first_begin_at_once_others_in_turn_and_the_rest_not_at_all() {
        let (admission, now) = (admission(100), Instant::now());
        let places: Vec<_> = (0..5).map(|_| admission.enter(now).unwrap().begins).collect();
        let turn = |turn| Some(now + Duration::from_millis(100) * turn);
        assert_eq!(places, [None, None, turn(1), turn(2), turn(3)]);
        assert_eq!(admission.enter(now).unwrap_err(), Refused::Rush);
        let later = now + Duration::from_millis(100);
        assert_eq!(admission.enter(later).unwrap().begins, turn(4), "who was sent away has not taken anybody's turn");
    }

    #[test]
    fn a_place_is_free_again_when_its_stream_is_gone() {
        let (admission, now) = (admission(2), Instant::now());
        let (one, _two) = (admission.enter(now).unwrap(), admission.enter(now).unwrap());
        assert_eq!(admission.enter(now).unwrap_err(), Refused::Full(2));
        drop(one);
        admission.enter(now).unwrap();
    }

    #[test]
    fn no_refusal_looks_like_a_fault_or_like_success() {
        assert_eq!(Status::from(Refused::Full(1)).code(), tonic::Code::ResourceExhausted);
        assert_eq!(Status::from(Refused::Rush).code(), tonic::Code::Unavailable);
    }

    #[test]
    fn a_fleet_of_ten_thousand_is_let_in_within_a_second() {
        let (admission, now) = (Admission::new(Limits::default()), Instant::now());
        let places: Vec<_> = (0..10_000).map(|_| admission.enter(now).unwrap()).collect();
        let last = places.iter().filter_map(|place| place.begins).max().unwrap();
        assert!(last <= now + Duration::from_secs(1), "{:?}", last - now);
    }
}
