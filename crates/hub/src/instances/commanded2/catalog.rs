//! Agents, models and commands of an OpenCode 2 service. Of providers only the names are decoded: their full objects may contain keys.

use std::collections::BTreeMap;

use opencode::Raw;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::command::ModelOffer;
use crate::command::port::{AgentFound, CommandFound};

#[derive(Deserialize)]
struct Command {
    name: String,
    #[serde(default)]
    description: Option<String>,
}

#[derive(Deserialize)]
struct Agent {
    id: String,
    #[serde(default)]
    mode: Option<String>,
    #[serde(default)]
    hidden: bool,
    #[serde(default)]
    description: Option<String>,
}

#[derive(Deserialize)]
struct Provider {
    id: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Model {
    id: String,
    #[serde(rename = "providerID")]
    provider_id: String,
    #[serde(default)]
    name: String,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(default)]
    limit: Limit,
    #[serde(default)]
    cost: Vec<Cost>,
    #[serde(default)]
    variants: Vec<Variant>,
}

#[derive(Default, Deserialize)]
struct Limit {
    #[serde(default)]
    context: f64,
}

#[derive(Deserialize)]
struct Cost {
    /// Set where another price counts beyond some size of the context.
    #[serde(default)]
    tier: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    input: f64,
    #[serde(default)]
    output: f64,
}

#[derive(Deserialize)]
struct Variant {
    id: String,
}

fn yes() -> bool {
    true
}

/// The elements that decode.
fn all<T: DeserializeOwned>(list: &[Raw]) -> impl Iterator<Item = T> {
    list.iter()
        .filter_map(|raw| serde_json::from_str(raw.get()).ok())
}

/// Commands that a prompt can begin with.
pub(super) fn commands(list: &[Raw]) -> Vec<CommandFound> {
    let commands = all::<Command>(list).map(|command| CommandFound {
        name: command.name,
        description: command.description.unwrap_or_default(),
        hints: Vec::new(),
    });
    commands.collect()
}

/// Agents that may be shown, by the ids that sessions refer to.
pub(super) fn agents(list: &[Raw]) -> Vec<AgentFound> {
    let shown = all::<Agent>(list).filter(|agent| !agent.hidden);
    let agents = shown.map(|agent| {
        let mode = agent.mode.as_deref();
        AgentFound {
            can_be_chosen: mode != Some("subagent"),
            can_be_mentioned: mode != Some("primary"),
            name: agent.id,
            description: agent.description.unwrap_or_default(),
        }
    });
    agents.collect()
}

/// Models that are enabled, with the names of their providers.
pub(super) fn models(models: &[Raw], providers: &[Raw]) -> Vec<ModelOffer> {
    let names: BTreeMap<String, String> = all::<Provider>(providers)
        .map(|provider| (provider.id, provider.name))
        .collect();
    let offered = all::<Model>(models).filter(|model| model.enabled);
    let mut offers: Vec<ModelOffer> = offered.map(|model| offer(model, &names)).collect();
    offers.sort_by(|a, b| a.provider.cmp(&b.provider));
    offers
}

fn offer(model: Model, names: &BTreeMap<String, String>) -> ModelOffer {
    let named = names
        .get(&model.provider_id)
        .filter(|name| !name.is_empty());
    let cost = model.cost.iter().find(|cost| cost.tier.is_none());
    let cost = cost.or(model.cost.first());
    ModelOffer {
        provider: named.unwrap_or(&model.provider_id).clone(),
        provider_id: model.provider_id,
        name: match model.name.is_empty() {
            true => model.id.clone(),
            false => model.name,
        },
        model_id: model.id,
        context: model.limit.context.max(0.0) as u64,
        input: cost.map_or(0.0, |cost| cost.input),
        output: cost.map_or(0.0, |cost| cost.output),
        variants: model.variants.into_iter().map(|one| one.id).collect(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn raw(value: &serde_json::Value) -> Raw {
        Raw::parse(&value.to_string()).unwrap()
    }

    #[test]
    fn models_have_their_providers_names_and_those_that_are_off_are_left_out() {
        let providers = [raw(
            &json!({"id": "p", "name": "Pro", "settings": {"key": "secret"}}),
        )];
        let found = models(
            &[
                raw(&json!({
                    "id": "m", "modelID": "other", "providerID": "p", "name": "M", "enabled": true,
                    "limit": {"context": 1000, "output": 1}, "variants": [{"id": "high"}],
                    "cost": [{"tier": {"type": "context", "size": 9}, "input": 9, "output": 9}, {"input": 1.5, "output": 2}],
                })),
                raw(&json!({"id": "off", "providerID": "p", "enabled": false})),
                raw(&json!({"id": "bare", "providerID": "q"})),
                raw(&json!({"no": "model"})),
            ],
            &providers,
        );
        let names: Vec<_> = found
            .iter()
            .map(|one| (&*one.provider, &*one.name))
            .collect();
        assert_eq!(names, [("Pro", "M"), ("q", "bare")]);
        let first = &found[0];
        assert_eq!((first.context, first.input, first.output), (1000, 1.5, 2.0));
        assert_eq!(first.variants, ["high"]);
        assert_eq!(first.model_id, "m");
    }

    #[test]
    fn agents_are_chosen_or_mentioned_by_their_mode() {
        let found = agents(&[
            raw(&json!({"id": "build", "name": "Build", "mode": "primary", "hidden": false})),
            raw(&json!({"id": "explore", "mode": "subagent"})),
            raw(&json!({"id": "title", "mode": "primary", "hidden": true})),
        ]);
        let found: Vec<_> = found
            .iter()
            .map(|one| (&*one.name, one.can_be_chosen, one.can_be_mentioned))
            .collect();
        assert_eq!(found, [("build", true, false), ("explore", false, true)]);
    }
}
