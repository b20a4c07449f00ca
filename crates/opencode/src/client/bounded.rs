//! Deserialization of lists and maps of any length with bounded memory.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Tolerant;
use crate::limits::MAX_ELEMENTS;

/// The elements of a list that decode, [`MAX_ELEMENTS`] at most.
pub(crate) fn list<T>(
    json: &str,
    decode: impl FnMut(&RawValue) -> Option<T>,
) -> serde_json::Result<Tolerant<Vec<T>>> {
    whole(json, List(decode, PhantomData))
}

/// The entries of a map that decode, [`MAX_ELEMENTS`] at most.
pub(crate) fn map<T>(
    json: &str,
    decode: impl FnMut(&RawValue) -> Option<T>,
) -> serde_json::Result<Tolerant<BTreeMap<String, T>>> {
    whole(json, Map(decode, PhantomData))
}

fn whole<'de, S: DeserializeSeed<'de>>(json: &'de str, seed: S) -> serde_json::Result<S::Value> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let value = seed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

struct List<T, F>(F, PhantomData<T>);

struct Map<T, F>(F, PhantomData<T>);

impl<'de, T, F: FnMut(&RawValue) -> Option<T>> DeserializeSeed<'de> for List<T, F> {
    type Value = Tolerant<Vec<T>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T, F: FnMut(&RawValue) -> Option<T>> Visitor<'de> for List<T, F> {
    type Value = Tolerant<Vec<T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Self::Value, A::Error> {
        let (mut value, mut malformed) = (Vec::new(), 0);
        while value.len() < MAX_ELEMENTS {
            let Some(element) = list.next_element::<&RawValue>()? else {
                return Ok(Tolerant { value, malformed });
            };
            match self.0(element) {
                Some(element) => value.push(element),
                None => malformed += 1,
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {
            malformed += 1;
        }
        Ok(Tolerant { value, malformed })
    }
}

impl<'de, T, F: FnMut(&RawValue) -> Option<T>> DeserializeSeed<'de> for Map<T, F> {
    type Value = Tolerant<BTreeMap<String, T>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T, F: FnMut(&RawValue) -> Option<T>> Visitor<'de> for Map<T, F> {
    type Value = Tolerant<BTreeMap<String, T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut value, mut malformed) = (BTreeMap::new(), 0);
        while value.len() < MAX_ELEMENTS {
            let Some((key, element)) = map.next_entry::<String, &RawValue>()? else {
                return Ok(Tolerant { value, malformed });
            };
            match self.0(element) {
                Some(element) => drop(value.insert(key, element)),
                None => malformed += 1,
            }
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            malformed += 1;
        }
        Ok(Tolerant { value, malformed })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn number(raw: &RawValue) -> Option<u64> {
        serde_json::from_str(raw.get()).ok()
    }

    #[test]
    fn what_is_behind_the_bound_is_counted_and_not_kept() {
        let many = vec!["7"; MAX_ELEMENTS + 5].join(",");
        let read = list(&format!("[\"x\",{many}]"), number).unwrap();
        assert_eq!((read.value.len(), read.malformed), (MAX_ELEMENTS, 6));
        let entries: Vec<_> = (0..MAX_ELEMENTS + 5)
            .map(|n| format!("\"{n}\":{n}"))
            .collect();
        let read = map(&format!("{{{}}}", entries.join(",")), number).unwrap();
        assert_eq!((read.value.len(), read.malformed), (MAX_ELEMENTS, 5));
        for broken in ["[1,2", "[1]x", "{}", "1"] {
            assert!(list(broken, number).is_err(), "{broken}");
        }
        assert!(map("[]", number).is_err());
    }
}
