//! Where something is written.

use crate::diag::Label;

/// Where something is written, if it is. It says nothing of what is written, so that any two are equal: what moves to another line is
/// no change.
#[derive(Debug, Clone, Default)]
pub struct Written(pub Option<Label>);

impl PartialEq for Written {
    fn eq(&self, _: &Written) -> bool {
        true
    }
}

impl Eq for Written {}
