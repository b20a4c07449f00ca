//! The contract of OpenCode 2.1.2 as a schema: values are checked against it, and made from it.
//!
//! Only the words of JSON Schema that the contract has are known; another one fails the test that loads it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

const TEXT: &str = include_str!("data/opencode-2.1.2.schemas.json");

/// The words that are understood. Those behind the first two say nothing that is checked.
const WORDS: [&str; 9] = [
    "$ref",
    "anyOf",
    "type",
    "const",
    "enum",
    "required",
    "properties",
    "additionalProperties",
    "items",
];

/// The definitions.
pub(crate) struct Schemas(Value);

/// Whether a property that the contract does not name is an error.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extra {
    Allowed,
    Refused,
}

impl Schemas {
    pub(crate) fn load() -> Self {
        let mut all: Value = serde_json::from_str(TEXT).unwrap();
        let definitions = all["$defs"].take();
        for definition in definitions.as_object().unwrap().values() {
            understood(definition);
        }
        Self(definitions)
    }

    /// The type of each event of the stream, with its definition.
    pub(crate) fn events(&self) -> BTreeMap<String, String> {
        self.union("Event")
    }

    /// The same of a log.
    pub(crate) fn log(&self) -> BTreeMap<String, String> {
        self.union("SessionLogItem")
    }

    fn union(&self, name: &str) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let mut open = vec![&self.0[name]];
        while let Some(schema) = open.pop() {
            open.extend(schema["anyOf"].as_array().into_iter().flatten());
            if let Some(name) = reference(schema) {
                let target = &self.0[name];
                match target["properties"]["type"]["const"].as_str() {
                    Some(kind) => drop(found.insert(kind.to_owned(), name.to_owned())),
                    None => open.push(target),
                }
            }
        }
        found
    }

    /// Checks a value against a definition.
    pub(crate) fn check(&self, name: &str, value: &Value, extra: Extra) -> Result<(), String> {
        let schema = &self.0[name];
        assert!(schema.is_object(), "the contract has no {name}");
        self.matches(schema, value, extra, name)
    }

    fn matches(&self, schema: &Value, value: &Value, extra: Extra, at: &str) -> Result<(), String> {
        if let Some(name) = reference(schema) {
            return self.matches(&self.0[name], value, extra, at);
        }
        if let Some(any) = schema["anyOf"].as_array() {
            return self.any(any, value, extra, at);
        }
        if let Some(wanted) = schema.get("const").filter(|wanted| *wanted != value) {
            return Err(format!("{at}: {value} instead of {wanted}"));
        }
        if let Some(words) = schema["enum"].as_array()
            && !words.contains(value)
        {
            return Err(format!("{at}: {value} is none of {words:?}"));
        }
        if let Some(kind) = schema["type"].as_str()
            && !is(kind, value)
        {
            return Err(format!("{at}: {value} is no {kind}"));
        }
        match value {
            Value::Object(object) => self.object(schema, object, extra, at),
            Value::Array(items) if schema["items"].is_object() => {
                items.iter().enumerate().try_for_each(|(index, item)| {
                    self.matches(&schema["items"], item, extra, &format!("{at}[{index}]"))
                })
            }
            _ => Ok(()),
        }
    }

    fn any(&self, any: &[Value], value: &Value, extra: Extra, at: &str) -> Result<(), String> {
        let errors: Vec<_> = any
            .iter()
            .filter_map(|one| self.matches(one, value, extra, at).err())
            .collect();
        if errors.len() < any.len() {
            return Ok(());
        }
        // The member that was meant says best what is wrong.
        let meant = any.iter().find(|one| {
            let target = reference(one).map_or(*one, |name| &self.0[name]);
            ["type", "status"].iter().any(|tag| {
                let wanted = &target["properties"][tag]["const"];
                wanted.is_string() && *wanted == value[tag]
            })
        });
        match meant {
            Some(meant) => self.matches(meant, value, extra, at),
            None => Err(format!("{at}: {value} is none of {} forms", any.len())),
        }
    }

    fn object(
        &self,
        schema: &Value,
        object: &Map<String, Value>,
        extra: Extra,
        at: &str,
    ) -> Result<(), String> {
        for required in schema["required"].as_array().into_iter().flatten() {
            let name = required.as_str().unwrap();
            if !object.contains_key(name) {
                return Err(format!("{at}: `{name}` is missing"));
            }
        }
        let named = schema["properties"].as_object();
        for (name, value) in object {
            let at = format!("{at}.{name}");
            if let Some(schema) = named.and_then(|named| named.get(name)) {
                self.matches(schema, value, extra, &at)?;
            } else if schema["additionalProperties"].is_object() {
                self.matches(&schema["additionalProperties"], value, extra, &at)?;
            } else if named.is_some()
                && schema.get("additionalProperties").is_none()
                && extra == Extra::Refused
            {
                return Err(format!("{at} is not in the contract"));
            }
        }
        Ok(())
    }

    /// A value of a definition: with what is required, or with all that may be there.
    pub(crate) fn sample(&self, name: &str, full: bool) -> Value {
        self.made(&self.0[name], full, 0)
    }

    fn made(&self, schema: &Value, full: bool, branch: usize) -> Value {
        if let Some(name) = reference(schema) {
            return self.made(&self.0[name], full, branch);
        }
        if let Some(any) = schema["anyOf"].as_array() {
            return self.made(&any[branch % any.len()], full, branch);
        }
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        if let Some(words) = schema["enum"].as_array() {
            return words[branch % words.len()].clone();
        }
        match schema["type"].as_str() {
            Some("string") => json!("text"),
            Some("integer") => json!(7),
            Some("number") => json!(7.5),
            Some("boolean") => json!(true),
            Some("null") => Value::Null,
            Some("array") => json!([self.made(&schema["items"], full, branch)]),
            // Without a type anything goes; the contract means an object each time.
            _ => self.made_object(schema, full, branch),
        }
    }

    fn made_object(&self, schema: &Value, full: bool, branch: usize) -> Value {
        let mut object = Map::new();
        let required = schema["required"].as_array();
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            let needed = required.is_some_and(|required| required.contains(&json!(name)));
            if full || needed {
                object.insert(name.clone(), self.made(schema, full, branch));
            }
        }
        if schema["additionalProperties"].is_object() && full {
            let value = self.made(&schema["additionalProperties"], full, branch);
            object.insert("key".to_owned(), value);
        }
        Value::Object(object)
    }

    /// Values of a definition that together have each form of each union in it.
    pub(crate) fn samples(&self, name: &str) -> Vec<Value> {
        let forms = (0..FORMS).map(|branch| self.made(&self.0[name], true, branch));
        forms.chain([self.sample(name, false)]).collect()
    }
}

/// No union but those of events has more forms.
const FORMS: usize = 13;

fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/$defs/")
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => panic!("the type {kind} is not known"),
    }
}

/// Fails at a word that [`Schemas::check`] would pass over.
fn understood(schema: &Value) {
    let Value::Object(object) = schema else {
        return;
    };
    for (word, value) in object {
        assert!(
            WORDS.contains(&word.as_str()) || word == "description",
            "`{word}` is not understood"
        );
        match (word.as_str(), value) {
            ("properties", Value::Object(named)) => named.values().for_each(understood),
            ("anyOf", Value::Array(any)) => any.iter().for_each(understood),
            ("items" | "additionalProperties", schema) => understood(schema),
            _ => {}
        }
    }
}

#[test]
fn what_is_not_in_the_contract_is_found() {
    let schemas = Schemas::load();
    let info = schemas.sample("ServerInfo", false);
    schemas.check("ServerInfo", &info, Extra::Refused).unwrap();
    for (change, words) in [
        (json!({"pid": "7"}), "is no integer"),
        (json!({"pid": null}), "is no integer"),
        (json!({"urls": [7]}), "urls[0]"),
        (json!({"capabilities": {"persistentPty": 1}}), "forms"),
        (json!({"new": 1}), "not in the contract"),
    ] {
        let mut wrong = info.clone();
        for (name, value) in change.as_object().unwrap() {
            wrong[name] = value.clone();
        }
        let error = schemas.check("ServerInfo", &wrong, Extra::Refused);
        assert!(error.clone().unwrap_err().contains(words), "{error:?}");
        let tolerant = schemas.check("ServerInfo", &wrong, Extra::Allowed);
        assert_eq!(tolerant.is_ok(), change.get("new").is_some());
    }
    let missing = schemas.check("ServerInfo", &json!({}), Extra::Allowed);
    assert!(missing.unwrap_err().contains("missing"));
}
