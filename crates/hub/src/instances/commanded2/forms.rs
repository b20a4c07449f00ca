//! Answers to a question, as the answer to the form that it was made of.

use opencode::wire2::{Answer, AnswerValue, FieldKind, FormField, FormInfo, FormOption, FormWhen};

use super::errors::refused;
use crate::command::port::ServerError;
use crate::ingest::dialect::{NO, YES, asked_fields, shown};

/// The answer to a form: the answers in the order of the fields that were asked for. A field without an answer, or whose conditions do
/// not hold, is left out.
///
/// # Errors
/// An answer to a number is none.
pub(super) fn answer(form: &FormInfo, answers: &[Vec<String>]) -> Result<Answer, ServerError> {
    let mut answer = Answer::new();
    for (field, given) in asked_fields(form).zip(answers) {
        if !field.when.iter().all(|when| holds(when, &answer)) {
            continue;
        }
        if let Some(value) = value(field, given)? {
            answer.insert(field.key.clone(), value);
        }
    }
    Ok(answer)
}

fn holds(when: &FormWhen, answer: &Answer) -> bool {
    let same = answer.get(&when.key) == Some(&when.value);
    match when.op.as_str() {
        "neq" => !same,
        _ => same,
    }
}

fn value(field: &FormField, given: &[String]) -> Result<Option<AnswerValue>, ServerError> {
    let Some(first) = given.first() else {
        return Ok(None);
    };
    Ok(Some(match &field.kind {
        FieldKind::Text(text) => AnswerValue::Text(chosen(&text.options, &given.join("\n"))),
        FieldKind::Several { options, .. } => {
            let values = given.iter().map(|one| chosen(options, one));
            AnswerValue::Several(values.collect())
        }
        FieldKind::Flag { .. } => match first.as_str() {
            YES => AnswerValue::Flag(true),
            NO => AnswerValue::Flag(false),
            _ => return Err(refused(format!("answer `{}` with Yes or No", field.key))),
        },
        FieldKind::Number { .. } => number(&field.key, first)?,
        FieldKind::External { .. } | FieldKind::Other(_) => return Ok(None),
    }))
}

/// The value of the option that was chosen, or the text of one's own.
fn chosen(options: &[FormOption], given: &str) -> String {
    let option = options.iter().find(|option| shown(option) == given);
    option.map_or(given, |option| &option.value).to_owned()
}

/// A number. JSON has none that is infinite, for which the service takes texts.
fn number(key: &str, given: &str) -> Result<AnswerValue, ServerError> {
    let given = given.trim();
    if ["Infinity", "-Infinity", "NaN"].contains(&given) {
        return Ok(AnswerValue::Text(given.to_owned()));
    }
    match given.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(AnswerValue::Number(number)),
        _ => Err(refused(format!("answer `{key}` with a number"))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use opencode::Raw;
    use serde_json::{Value, json};

    use super::*;

    fn form(fields: &Value) -> FormInfo {
        let form = json!({"id": "frm_1", "sessionID": "ses_1", "title": "t", "fields": fields});
        FormInfo::parse(Raw::parse(&form.to_string()).unwrap()).unwrap()
    }

    fn given(answers: &[&[&str]]) -> Vec<Vec<String>> {
        let one = |one: &&[&str]| one.iter().map(|text| (*text).to_owned()).collect();
        answers.iter().map(one).collect()
    }

    #[test]
    fn answers_have_the_values_of_what_was_chosen() {
        let form = form(&json!([
            {"key": "colour", "type": "string", "options": [{"value": "r", "label": "Red"}, {"value": "blue"}], "custom": true},
            {"key": "secret", "type": "string", "hidden": true},
            {"key": "sizes", "type": "multiselect", "options": [{"value": "s", "label": "Small"}, {"value": "l", "label": "Large"}]},
            {"key": "sure", "type": "boolean"},
            {"key": "many", "type": "integer"},
            {"key": "page", "type": "external", "url": "https://example.org"},
            {"key": "note", "type": "string"},
        ]));
        let answers = given(&[&["Red"], &["Large", "own"], &["Yes"], &["7"], &[]]);
        let answer = answer(&form, &answers).unwrap();
        assert_eq!(
            serde_json::to_value(&answer).unwrap(),
            json!({"colour": "r", "sizes": ["l", "own"], "sure": true, "many": 7.0})
        );
    }

    #[test]
    fn what_is_not_asked_for_is_left_out() {
        let form = form(&json!([
            {"key": "how", "type": "string"},
            {"key": "why", "type": "string", "when": [{"key": "how", "op": "eq", "value": "slowly"}]},
            {"key": "but", "type": "string", "when": [{"key": "how", "op": "neq", "value": "slowly"}]},
        ]));
        let answer = |how| answer(&form, &given(&[&[how], &["a"], &["b"]])).unwrap();
        let keys = |how| answer(how).into_keys().collect::<Vec<_>>();
        assert_eq!(keys("slowly"), ["how", "why"]);
        assert_eq!(keys("fast"), ["but", "how"]);
    }

    #[test]
    fn an_answer_that_is_no_number_or_flag_is_refused() {
        let number = form(&json!([{"key": "n", "type": "number"}]));
        assert!(answer(&number, &given(&[&["many"]])).is_err());
        assert!(answer(&number, &given(&[&["Infinity"]])).is_ok());
        let flag = form(&json!([{"key": "f", "type": "boolean"}]));
        assert!(answer(&flag, &given(&[&["perhaps"]])).is_err());
    }
}
