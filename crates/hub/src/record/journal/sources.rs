//! Whose texts a block holds, in a few bytes: a fingerprint of each instance, and of each session of it.
//!
//! A purge finds its blocks by them. Two that share a fingerprint cost looking into a block in vain, and nothing else.

use std::collections::BTreeSet;

use model::ids::InstanceId;

use super::store::Purge;

/// Fingerprints of instances, and of sessions of instances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(BTreeSet<u32>);

impl Sources {
    /// Adds an instance, and the session of it, if it is about one.
    pub fn add(&mut self, instance: &InstanceId, session: Option<&str>) {
        self.0.insert(fingerprint(instance, None));
        if session.is_some() {
            self.0.insert(fingerprint(instance, session));
        }
    }

    /// False if there is surely nothing of what is to be purged.
    pub fn may_hold(&self, purge: &Purge) -> bool {
        let wanted = fingerprint(&purge.instance, purge.session.as_deref());
        self.0.contains(&wanted)
    }

    /// As they are stored: four bytes each, little endian, the least first.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|one| one.to_le_bytes()).collect()
    }

    /// As they were stored; bytes behind the last whole one are left out.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let (whole, _) = bytes.as_chunks();
        Self(whole.iter().copied().map(u32::from_le_bytes).collect())
    }
}

/// FNV-1a (32 bits) of the instance, and after a zero of the session. It is stored: another one would be another format.
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
        // By the tables of check values of FNV.
        assert_eq!(fingerprint(&"foobar".into(), None), 0xbf9c_f968);
        assert_eq!(
            fingerprint(&"foo".into(), Some("bar")),
            fingerprint(&"foo\0bar".into(), None)
        );
    }
}
