//! The face that suits where output goes.

use std::env;
use std::io::{IsTerminal, stdout};

use super::{Face, Lines, Live};

/// Columns where the terminal does not tell.
const WIDTH: usize = 80;

/// Draws in place if standard output is a terminal that can, in colour unless `NO_COLOR` is set, and writes plain lines otherwise.
pub fn face() -> Box<dyn Face> {
    let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
    if !stdout().is_terminal() || dumb {
        return Box::new(Lines::new(stdout()));
    }
    let colour = env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    Box::new(Live::new(stdout(), colour, width))
}

fn width() -> usize {
    terminal_size::terminal_size().map_or(WIDTH, |(width, _)| usize::from(width.0))
}
