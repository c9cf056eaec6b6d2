//! How a connection ends while streams are open on it.

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// What a connection and its streams tell each other of the end. Clones are of the same connection.
#[derive(Debug, Clone, Default)]
pub struct Line {
    closing: CancellationToken,
    cut: CancellationToken,
}

impl Line {
    /// Tells the streams to end: what they are sending is sent, and who has just come is answered once.
    pub fn close(&self) {
        self.closing.cancel();
    }

    /// Waits until the streams are to end.
    pub fn closing(&self) -> WaitForCancellationFutureOwned {
        self.closing.clone().cancelled_owned()
    }

    /// Tells the connection to end at once, whatever is on its way.
    pub fn cut(&self) {
        self.cut.cancel();
    }

    /// Waits until the connection is to end at once.
    pub fn is_cut(&self) -> WaitForCancellationFutureOwned {
        self.cut.clone().cancelled_owned()
    }
}
