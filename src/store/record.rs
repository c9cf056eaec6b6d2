//! A record of the journal as it is stored: one byte for its form, a checksum over where it is and what it says, the text.
//!
//! The place is part of the checksum, so that a record that came to stand under another key is noticed, too.

use std::fmt;

use xxhash_rust::xxh3::Xxh3;

const FORM: u8 = 1;
const HEAD: usize = 1 + size_of::<u128>();

/// Where a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// The state of a service's rollout.
    Rollout(&'a str),
    /// An entry of the history.
    Entry {
        /// Its number.
        sequence: u64,
        /// The service that it is about.
        service: &'a str,
    },
}

/// A record that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{record} {reason}")]
pub struct Damage {
    /// Which record.
    pub record: String,
    /// What is wrong with it, as the rest of a sentence.
    pub reason: String,
}

impl Damage {
    /// A record, and what is wrong with it.
    pub fn new(record: impl fmt::Display, reason: impl Into<String>) -> Damage {
        Damage { record: record.to_string(), reason: reason.into() }
    }
}

impl From<Damage> for redb::Error {
    fn from(damage: Damage) -> redb::Error {
        redb::Error::Corrupted(damage.to_string())
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Rollout(service) => write!(f, "the rollout of {service}"),
            Place::Entry { sequence, service } => write!(f, "history entry {sequence} of {service}"),
        }
    }
}

impl Place<'_> {
    /// The bytes to store for a text at this place.
    pub fn seal(&self, text: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + text.len());
        bytes.push(FORM);
        bytes.extend(self.checksum(text.as_bytes()).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes
    }

    /// The text in what is stored at this place.
    ///
    /// # Errors
    /// It is not what was written there.
    pub fn unseal<'b>(&self, bytes: &'b [u8]) -> Result<&'b str, Damage> {
        let Some((head, text)) = bytes.split_at_checked(HEAD) else {
            return Err(Damage::new(self, "is cut off"));
        };
        if head[0] != FORM {
            return Err(Damage::new(self, format!("has form {}, which this tidegate does not know", head[0])));
        }
        if head[1..] != self.checksum(text).to_le_bytes() {
            return Err(Damage::new(self, "does not match its checksum"));
        }
        std::str::from_utf8(text).map_err(|_| Damage::new(self, "is no text"))
    }

    fn checksum(&self, text: &[u8]) -> u128 {
        let (table, number, service) = match self {
            Place::Rollout(service) => ("rollouts", None, service),
            Place::Entry { sequence, service } => ("history", Some(sequence.to_le_bytes()), service),
        };
        let mut hash = Xxh3::new();
        for part in [table.as_bytes(), number.as_ref().map_or(&[], |number| number), service.as_bytes(), text] {
            // With its length, so that what ends one part cannot begin the next.
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.digest128()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: Place<'_> = Place::Entry { sequence: 17, service: "checkout" };

    #[test]
    fn what_is_sealed_is_read_again() {
        for text in ["", "{}", r#"{"step": 2, "why": "größer"}"#] {
            assert_eq!(ENTRY.unseal(&ENTRY.seal(text)), Ok(text));
        }
    }

    #[test]
    fn each_bit_that_turns_is_noticed() {
        let sealed = ENTRY.seal(r#"{"step": 2}"#);
        for bit in 0..sealed.len() * 8 {
            let mut turned = sealed.clone();
            turned[bit / 8] ^= 1 << (bit % 8);
            assert!(ENTRY.unseal(&turned).is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(ENTRY.unseal(&sealed[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn a_record_in_a_strange_place_is_noticed() {
        let strange = [
            Place::Rollout("checkout"),
            Place::Entry { sequence: 18, service: "checkout" },
            Place::Entry { sequence: 17, service: "cart" },
        ];
        for place in strange {
            let damage = place.unseal(&ENTRY.seal("{}")).unwrap_err();
            assert_eq!(damage, Damage::new(place, "does not match its checksum"));
        }
    }

    #[test]
    fn a_form_of_a_later_day_is_told_from_damage() {
        let mut sealed = ENTRY.seal("{}");
        sealed[0] = 2;
        let told = ENTRY.unseal(&sealed).unwrap_err().to_string();
        assert_eq!(told, "history entry 17 of checkout has form 2, which this tidegate does not know");
    }

    /// Files of other versions are read by this, so it never changes.
    #[test]
    fn the_form_is_the_one_on_the_disks() {
        let sealed = Place::Rollout("checkout").seal("{}");
        let hex: String = sealed.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "017c895750b80f6b3d347da06fe94ad79b7b7d");
    }
}
