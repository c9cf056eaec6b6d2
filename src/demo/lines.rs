//! A demo as plain lines, for where there is no terminal.

use std::io::{self, Write};
use std::time::Duration;

use super::Face;
use super::face::told;
use super::frame::Frame;

/// Writes a line for each event, and none for frames.
#[derive(Debug)]
pub struct Lines<W> {
    out: W,
}

impl<W: Write + Send> Lines<W> {
    /// Lines to that output.
    pub fn new(out: W) -> Lines<W> {
        Lines { out }
    }
}

impl<W: Write + Send> Face for Lines<W> {
    fn title(&mut self, at: Duration, text: &str) -> io::Result<()> {
        self.event(at, &format!("== {text}"))
    }

    fn event(&mut self, at: Duration, text: &str) -> io::Result<()> {
        self.out.write_all(told(at, text).as_bytes())?;
        self.out.flush()
    }

    fn frame(&mut self, _: &Frame) -> io::Result<()> {
        Ok(())
    }

    fn rest(&mut self) -> io::Result<()> {
        Ok(())
    }
}
