//! A fault in one stream is that stream's end, and nobody else's.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

use tonic::Status;

/// Does something for a stream; if that panics, `panicked` is told and the stream ends with INTERNAL.
///
/// What the stream shares with others is behind locks, which are not held over more than one step, and it is dropped after this.
pub fn guarded<T>(work: impl FnOnce() -> Poll<Result<T, Status>>, panicked: impl FnOnce()) -> Poll<Result<T, Status>> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        panicked();
        Poll::Ready(Err(Status::internal("a fault in the server ended this stream")))
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_panic_is_counted_and_becomes_a_status() {
        let panics = Cell::new(0);
        let count = || panics.set(panics.get() + 1);
        let ended = guarded::<()>(|| panic!("on purpose"), count);
        assert!(matches!(ended, Poll::Ready(Err(status)) if status.code() == tonic::Code::Internal));
        assert_eq!(panics.get(), 1);
        assert!(matches!(guarded(|| Poll::Ready(Ok(1)), count), Poll::Ready(Ok(1))));
        assert!(guarded::<()>(|| Poll::Pending, count).is_pending());
        assert_eq!(panics.get(), 1);
    }
}
