//! What waits for a person in OpenCode 2: requests for permission, and forms as questions.

use model::ids::{PermissionId, QuestionId};
use model::json::Json;
use model::state as ours;
use model::time::Timestamp;
use opencode::Raw;
use opencode::wire2::{
    CallRef, FieldKind, FormField, FormInfo, FormOption, FormOwner, FormState, PermissionRequest,
};
use serde_json::Value;

use super::pieces2::{json, message_id, session_id};

/// The choice of a field that asks for yes or no.
pub const YES: &str = "Yes";
/// The other choice.
pub const NO: &str = "No";

/// A permission request that was received at `at`.
pub(super) fn permission(request: &PermissionRequest, at: Timestamp) -> ours::Permission {
    // As tools, actions go by version 1's names.
    let action = match request.action.as_str() {
        "shell" => "bash",
        "subagent" => "task",
        action => action,
    };
    let tool = request.source.as_ref().map(tool_call);
    let more = serde_json::json!({
        "permission": action, "patterns": request.resources, "always": request.save, "tool": described_call(tool.as_ref()),
    });
    ours::Permission::new(ours::PermissionRequest {
        id: PermissionId::new(request.id.as_str()),
        session: session_id(&request.session_id),
        permission: action.into(),
        patterns: request
            .resources
            .iter()
            .map(|one| one.as_str().into())
            .collect(),
        always: request.save.iter().map(|one| one.as_str().into()).collect(),
        tool,
        asked: at,
        raw: extended(&request.raw, more),
    })
}

fn tool_call(call: &CallRef) -> ours::ToolCall {
    ours::ToolCall {
        message: message_id(&call.message_id),
        call: call.call_id.as_str().into(),
    }
}

/// An object as its server sent it, with what version 1 has in its place: our API has one shape for all servers.
fn extended(raw: &Raw, more: Value) -> Json {
    match (serde_json::from_str(raw.get()), more) {
        (Ok(Value::Object(mut fields)), Value::Object(more)) => {
            fields.extend(more.into_iter().filter(|(_, value)| !value.is_null()));
            Json::of(&fields.into())
        }
        _ => json(raw),
    }
}

fn described_call(call: Option<&ours::ToolCall>) -> Value {
    call.map_or(
        Value::Null,
        |call| serde_json::json!({ "messageID": call.message, "callID": call.call }),
    )
}

fn described_item(item: &ours::QuestionItem) -> Value {
    let options = item.options.iter();
    let options: Vec<_> = options
        .map(|one| serde_json::json!({ "label": one.label, "description": one.description }))
        .collect();
    serde_json::json!({
        "header": item.header, "question": item.question, "options": options, "multiple": item.multiple,
        "custom": item.custom,
    })
}

/// True for a form that nobody has settled.
pub(super) fn waits(form: &FormInfo) -> bool {
    matches!(form.state, None | Some(FormState::Pending))
}

/// The fields of a form that its questions ask for, in the order of the questions: those that are shown and that words or a choice can
/// fill.
pub fn asked_fields(form: &FormInfo) -> impl Iterator<Item = &FormField> {
    let fits = |kind: &FieldKind| !matches!(kind, FieldKind::External { .. } | FieldKind::Other(_));
    form.fields
        .iter()
        .filter(move |field| !field.hidden && fits(&field.kind))
}

/// A form of a session as questions. One that has no field which fits has one question without a choice: it can be dismissed. `None` for
/// a form of a folder, which no session asks.
pub(super) fn question(form: &FormInfo, at: Timestamp) -> Option<ours::Question> {
    let FormOwner::Session(session) = &form.owner else {
        return None;
    };
    let mut items: Vec<_> = asked_fields(form).map(|field| item(form, field)).collect();
    if items.is_empty() {
        items.push(ours::QuestionItem {
            header: form.title.as_str().into(),
            question: form.title.as_str().into(),
            options: Vec::new(),
            multiple: false,
            custom: false,
        });
    }
    let tool = call_of(form);
    let questions: Vec<_> = items.iter().map(described_item).collect();
    let more = serde_json::json!({ "questions": questions, "tool": described_call(tool.as_ref()) });
    Some(ours::Question {
        id: QuestionId::new(form.id.as_str()),
        session: session_id(session),
        items,
        tool,
        asked: at,
        raw: extended(&form.raw, more),
    })
}

/// The call that asks, which a form names in its metadata.
fn call_of(form: &FormInfo) -> Option<ours::ToolCall> {
    #[derive(serde::Deserialize)]
    struct Metadata {
        tool: CallRef,
    }
    let metadata = form.metadata.as_ref()?;
    let metadata: Metadata = serde_json::from_str(metadata.get()).ok()?;
    Some(tool_call(&metadata.tool))
}

fn item(form: &FormInfo, field: &FormField) -> ours::QuestionItem {
    let title = field.title.as_deref().filter(|title| !title.is_empty());
    let title = title.unwrap_or(&form.title);
    let text = field.description.as_deref().filter(|text| !text.is_empty());
    let (options, multiple, custom) = match &field.kind {
        FieldKind::Text(text) => (
            options(&text.options),
            false,
            text.custom || text.options.is_empty(),
        ),
        FieldKind::Several {
            options: list,
            custom,
            ..
        } => (options(list), true, *custom),
        FieldKind::Flag { .. } => (vec![choice(YES, ""), choice(NO, "")], false, false),
        FieldKind::Number { .. } | FieldKind::External { .. } | FieldKind::Other(_) => {
            (Vec::new(), false, true)
        }
    };
    ours::QuestionItem {
        header: title.into(),
        question: text.unwrap_or(title).into(),
        options,
        multiple,
        custom,
    }
}

fn options(list: &[FormOption]) -> Vec<ours::QuestionOption> {
    let options = list.iter().map(|option| {
        let about = option.description.as_deref().unwrap_or_default();
        choice(shown(option), about)
    });
    options.collect()
}

/// The name by which a choice is shown and answered.
pub fn shown(option: &FormOption) -> &str {
    match option.label.as_str() {
        "" => &option.value,
        label => label,
    }
}

fn choice(label: &str, description: &str) -> ours::QuestionOption {
    ours::QuestionOption {
        label: label.into(),
        description: description.into(),
    }
}
