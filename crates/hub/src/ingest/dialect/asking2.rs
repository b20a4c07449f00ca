//! What waits for a person in OpenCode 2: requests for permission, and forms as questions.

use std::sync::Arc;

use model::ids::{PermissionId, QuestionId};
use model::json::Json;
use model::state as ours;
use model::time::Timestamp;
use opencode::Raw;
use opencode::wire2::{
    AnswerValue, CallRef, FieldKind, FormField, FormInfo, FormNumber, FormOption, FormOwner,
    FormState, FormWhen, PermissionRequest, TextField,
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
    let when = item.when.iter();
    let when: Vec<_> = when
        .map(|one| serde_json::json!({ "question": one.item, "equal": one.equal, "answers": one.answers }))
        .collect();
    let options = item.options.iter();
    let options: Vec<_> = options
        .map(|one| serde_json::json!({ "label": one.label, "description": one.description }))
        .collect();
    serde_json::json!({
        "header": item.header, "question": item.question, "options": options, "multiple": item.multiple,
        "custom": item.custom, "optional": item.optional, "when": when, "link": item.link,
    })
}

/// True for a form that nobody has settled.
pub(super) fn waits(form: &FormInfo) -> bool {
    matches!(form.state, None | Some(FormState::Pending))
}

/// The fields of a form that its questions show, in the order of the questions: those that are not hidden and of a known kind.
pub fn asked_fields(form: &FormInfo) -> impl Iterator<Item = &FormField> {
    let fits = |kind: &FieldKind| !matches!(kind, FieldKind::Other(_));
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
    let fields: Vec<_> = asked_fields(form).collect();
    let items = fields.iter().enumerate();
    let mut items: Vec<_> = items
        .map(|(at, field)| item(form, field, &fields[..at]))
        .collect();
    if items.is_empty() {
        items.push(ours::QuestionItem {
            header: form.title.as_str().into(),
            question: form.title.as_str().into(),
            ..ours::QuestionItem::default()
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

/// The question of a field, which comes after the fields in `earlier`.
fn item(form: &FormInfo, field: &FormField, earlier: &[&FormField]) -> ours::QuestionItem {
    let title = field.title.as_deref().filter(|title| !title.is_empty());
    let title = title.unwrap_or(&form.title);
    let text = field.description.as_deref().filter(|text| !text.is_empty());
    let when = field.when.iter();
    let plain = ours::QuestionItem {
        header: title.into(),
        question: text.unwrap_or(title).into(),
        optional: !field.required,
        when: when.filter_map(|when| condition(when, earlier)).collect(),
        ..ours::QuestionItem::default()
    };
    let plain = filled(&field.kind, plain);
    ours::QuestionItem {
        optional: plain.optional || plain.link.is_some(),
        ..plain
    }
}

/// A question with what its kind of field adds.
fn filled(kind: &FieldKind, plain: ours::QuestionItem) -> ours::QuestionItem {
    match kind {
        FieldKind::Text(text) => {
            let preset = text.preset.as_deref();
            ours::QuestionItem {
                options: options(&text.options),
                custom: text.custom || text.options.is_empty(),
                takes: limits_of_text(text),
                preset: preset.map(|value| label(&text.options, value).into()),
                ..plain
            }
        }
        FieldKind::Several {
            options: list,
            least,
            most,
            custom,
            default,
        } => {
            let preset: Vec<_> = default.iter().map(|value| label(list, value)).collect();
            let (least, most) = (*least, *most);
            let limited = least.is_some() || most.is_some();
            ours::QuestionItem {
                options: options(list),
                multiple: true,
                custom: *custom,
                takes: limited.then_some(ours::Takes::Several { least, most }),
                preset: (!preset.is_empty()).then(|| preset.join(", ").into()),
                ..plain
            }
        }
        FieldKind::Flag { default } => ours::QuestionItem {
            options: vec![choice(YES, ""), choice(NO, "")],
            preset: default.map(|yes| if yes { YES } else { NO }.into()),
            ..plain
        },
        FieldKind::Number {
            whole,
            minimum,
            maximum,
            default,
        } => ours::QuestionItem {
            custom: true,
            takes: Some(ours::Takes::Number {
                whole: *whole,
                least: digits(*minimum),
                most: digits(*maximum),
            }),
            preset: digits(*default),
            ..plain
        },
        FieldKind::External { url } => ours::QuestionItem {
            link: Some(url.as_str().into()),
            ..plain
        },
        FieldKind::Other(_) => plain,
    }
}

/// A number in decimal digits; an infinite one bounds nothing.
fn digits(number: Option<FormNumber>) -> Option<Arc<str>> {
    let number = number.filter(|number| number.0.is_finite());
    number.map(|number| number.0.to_string().into())
}

fn limits_of_text(text: &TextField) -> Option<ours::Takes> {
    let format = match text.format.as_deref() {
        Some("email") => Some(ours::TextFormat::Email),
        Some("uri") => Some(ours::TextFormat::Uri),
        Some("date") => Some(ours::TextFormat::Date),
        Some("date-time") => Some(ours::TextFormat::DateTime),
        _ => None,
    };
    let (least, most) = (text.min_length, text.max_length);
    let limited = format.is_some() || least.is_some() || most.is_some();
    limited.then_some(ours::Takes::Text {
        format,
        least,
        most,
    })
}

/// A condition of a field on one of those before it. A field that nobody is asked for has no answer: what must not be equal to one
/// holds, and what must be equal names no question.
fn condition(when: &FormWhen, earlier: &[&FormField]) -> Option<ours::AskedWhen> {
    let equal = when.op != "neq";
    let Some(item) = earlier.iter().position(|field| field.key == when.key) else {
        return equal.then_some(ours::AskedWhen {
            item: None,
            equal,
            answers: Vec::new(),
        });
    };
    let list: &[FormOption] = match &earlier[item].kind {
        FieldKind::Text(text) => &text.options,
        FieldKind::Several { options, .. } => options,
        _ => &[],
    };
    let answers = match &when.value {
        AnswerValue::Flag(yes) => vec![if *yes { YES } else { NO }.into()],
        AnswerValue::Number(number) => vec![number.to_string().into()],
        AnswerValue::Text(value) => vec![label(list, value).into()],
        AnswerValue::Several(values) => values
            .iter()
            .map(|value| label(list, value).into())
            .collect(),
    };
    Some(ours::AskedWhen {
        item: Some(item),
        equal,
        answers,
    })
}

/// The name of the option with a value, else the value.
fn label<'a>(options: &'a [FormOption], value: &'a str) -> &'a str {
    let option = options.iter().find(|option| option.value == value);
    option.map_or(value, shown)
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
