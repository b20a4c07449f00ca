//! The sources of the texts in a block, in a few bytes: a hash of each instance and session.
//!
//! A purge finds its blocks by them. A hash collision only costs an unnecessary look into a block.

use std::collections::BTreeSet;

use model::ids::InstanceId;

use super::store::Purge;

/// Hashes of instances, and of sessions of instances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(BTreeSet<u32>);

impl Sources {
    /// Adds an instance, and its session, if there is one.
    pub fn add(&mut self, instance: &InstanceId, session: Option<&str>) {
        self.0.insert(fingerprint(instance, None));
        if session.is_some() {
            self.0.insert(fingerprint(instance, session));
        }
    }

    /// Adds the sources of another block.
    pub fn join(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    /// False if the block cannot contain texts that are to be purged.
    pub fn may_hold(&self, purge: &Purge) -> bool {
        let wanted = fingerprint(&purge.instance, purge.session.as_deref());
        self.0.contains(&wanted)
    }

    /// The stored form: four bytes each, little endian, in ascending order.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|one| one.to_le_bytes()).collect()
    }

    /// Parses the stored form; ignores bytes after the last whole hash.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let (whole, _) = bytes.as_chunks();
        Self(whole.iter().copied().map(u32::from_le_bytes).collect())
    }
}

/// FNV-1a (32 bits) of the instance, a zero, and the session. The hash is stored: changing it changes the format.
fn fingerprint(instance: &InstanceId, session: Option<&str>) -> u32 {
    const BASIS: u32 = 0x811c_9dc5;
    const PRIME: u32 = 0x0100_0193;
    let session = session.into_iter().flat_map(|id| [&[0], id.as_bytes()]);
    let parts = std::iter::once(instance.as_str().as_bytes()).chain(session);
    let step = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(PRIME);
    parts.fold(BASIS, |hash, part| part.iter().fold(hash, step))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purge(instance: &str, session: Option<&str>) -> Purge {
        Purge {
            instance: instance.into(),
            session: session.map(Into::into),
        }
    }

    #[test]
    fn what_is_stored_tells_whose_texts_there_are() {
        let mut sources = Sources::default();
        sources.add(&"i1".into(), Some("ses_1"));
        sources.add(&"i2".into(), None);
        let bytes = sources.to_bytes();
        assert_eq!(bytes.len(), 12);
        let stored = Sources::from_bytes(&bytes);
        let holds = |instance, session| stored.may_hold(&purge(instance, session));
        assert!(holds("i1", None) && holds("i1", Some("ses_1")) && holds("i2", None));
        assert!(!holds("i2", Some("ses_1")) && !holds("i1", Some("ses_2")) && !holds("i3", None));
    }

    #[test]
    fn fingerprints_stay_what_they_are() {
        // From the published test vectors of FNV.
        assert_eq!(fingerprint(&"foobar".into(), None), 0xbf9c_f968);
        assert_eq!(
            fingerprint(&"foo".into(), Some("bar")),
            fingerprint(&"foo\0bar".into(), None)
        );
    }
}
