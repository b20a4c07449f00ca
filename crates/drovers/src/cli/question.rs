//! `drovers answer`: what an agent asked, answered.

use clap::Args;
use model::plain;

use super::Setting;
use super::answer::as_person;
use crate::api::{Api, AskedQuestion, OneCondition, OneQuestion, QuestionAnswer};
use crate::fault::Fault;
use crate::out::{self, Colour};
use crate::pick::{Candidate, pick_or_only};
use crate::yes;

/// Answer a question of an agent
///
/// Without an answer it shows the question and asks at the terminal. An answer is the number of an option, its label, or free text.
/// If several options may be chosen, separate their numbers by commas: "1,3". A script needs a token with the role `answer` in
/// DROVERS_TOKEN.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  drovers answer\n  drovers answer 2\n  \
    drovers answer --id que_1a \"PostgreSQL\" \"1,3\"\n  drovers answer --reject")]
pub(crate) struct AnswerArgs {
    /// An answer for each question of the request, in order
    answers: Vec<String>,
    /// Id of the request, or a prefix of it [default: the only waiting request]
    #[arg(long)]
    id: Option<String>,
    /// Reject the question
    #[arg(long, conflicts_with = "answers")]
    reject: bool,
    /// Print {"instance", "request", "answers"} as JSON
    #[arg(long)]
    json: bool,
}

/// A request and the instance that it waits in.
#[derive(Clone, Debug)]
struct Located {
    instance: String,
    asked: AskedQuestion,
}

/// Shows the questions, reads the answers, and sends them.
pub(crate) async fn run(args: AnswerArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    let located = find(&api, args.id.as_deref()).await?;
    let questions = &located.asked.questions;
    let answers = match (args.reject, args.answers.is_empty()) {
        (true, _) => Vec::new(),
        (false, true) => ask(questions).await?,
        (false, false) => read(questions, &args.answers)?,
    };
    let answer = match args.reject {
        true => QuestionAnswer::Reject { reject: true },
        false => QuestionAnswer::Answers {
            answers: answers.clone(),
        },
    };
    let (instance, id) = (&located.instance, &located.asked.id);
    as_person(&api, async |api| {
        api.answer_question(instance, id, &answer).await
    })
    .await?;
    if args.json {
        let given = (!args.reject).then_some(&answers);
        let report = serde_json::json!({"instance": instance, "request": id, "answers": given});
        return out::json(&report);
    }
    if args.reject {
        return out::line("rejected: the agent's turn ends");
    }
    let given: Vec<String> = answers
        .iter()
        .map(|chosen| out::one_line(&chosen.join(", ")))
        .collect();
    out::line(&format!("answered: {}", given.join("; ")))
}

async fn find(api: &Api, meant: Option<&str>) -> Result<Located, Fault> {
    let mut all = Vec::new();
    for instance in api.instances().await? {
        for asked in api.asked(&instance.id).await.unwrap_or_default() {
            let words: Vec<&str> = asked
                .questions
                .iter()
                .map(|one| one.question.as_str())
                .collect();
            all.push(Candidate {
                id: asked.id.clone(),
                name: words.join(" / "),
                thing: Located {
                    instance: instance.id.clone(),
                    asked,
                },
            });
        }
    }
    let found = pick_or_only(meant, &all, "question", "Name one by `--id`")?;
    Ok(found.thing.clone())
}

/// Shows each question, and reads its answer from the terminal.
async fn ask(questions: &[OneQuestion]) -> Result<Vec<Vec<String>>, Fault> {
    let mut answers = Vec::new();
    for question in questions {
        if !is_asked(question, &answers) {
            answers.push(Vec::new());
            continue;
        }
        show(question)?;
        if question.link.is_some() {
            answers.push(Vec::new());
            continue;
        }
        if !yes::can_ask() {
            break;
        }
        let options = match (question.multiple, question.options.is_empty()) {
            (_, true) => "",
            (true, false) => " (numbers with commas, or words)",
            (false, false) => " (a number, or words)",
        };
        let optional = if question.optional {
            ", or Enter for none"
        } else {
            ""
        };
        out::note(&format!("your answer{options}{optional}:"));
        let reply = yes::read_line().await?;
        answers.push(choices(question, reply.trim())?);
    }
    match answers.len() == questions.len() {
        true => Ok(answers),
        false => Err(Fault::usage(
            "there is no terminal to ask at. Give the answer: `drovers answer ANSWER`",
        )),
    }
}

/// True if the conditions of a question hold for the answers that stand before it.
fn is_asked(question: &OneQuestion, before: &[Vec<String>]) -> bool {
    let holds = |when: &OneCondition| {
        let given = when.question.and_then(|at| before.get(at));
        (given == Some(&when.answers)) == when.equal
    };
    question.when.iter().all(holds)
}

fn show(question: &OneQuestion) -> Result<(), Fault> {
    let text = plain::block(&question.question).replace('\n', "\n    ");
    out::line(&out::paint(Colour::Bold, &text))?;
    for (at, option) in question.options.iter().enumerate() {
        let label = out::one_line(&option.label);
        let description = match option.description.is_empty() {
            true => String::new(),
            false => format!(
                "  {}",
                out::paint(Colour::Dim, &out::one_line(&option.description))
            ),
        };
        out::line(&format!("  {}  {label}{description}", at + 1))?;
    }
    if let Some(link) = &question.link {
        out::line(&format!("  open {}", out::one_line(link)))?;
    }
    Ok(())
}

fn read(questions: &[OneQuestion], given: &[String]) -> Result<Vec<Vec<String>>, Fault> {
    if given.len() != questions.len() {
        return Err(Fault::usage(format!(
            "the request has {} questions, and {} answers were given. Give one for each, in order; \"\" answers one that is optional or not asked",
            questions.len(),
            given.len()
        )));
    }
    let mut answers = Vec::new();
    for (question, reply) in questions.iter().zip(given) {
        let answer = match is_asked(question, &answers) && question.link.is_none() {
            true => choices(question, reply)?,
            false => Vec::new(),
        };
        answers.push(answer);
    }
    Ok(answers)
}

/// The chosen labels of an answer: options by number or label, or free text.
fn choices(question: &OneQuestion, reply: &str) -> Result<Vec<String>, Fault> {
    let option = |word: &str| {
        let by_number = word.parse::<usize>().ok();
        let by_number = by_number.and_then(|number| question.options.get(number.checked_sub(1)?));
        let by_label = || {
            let lower = word.to_lowercase();
            let mut options = question.options.iter();
            options.find(|option| option.label.to_lowercase() == lower)
        };
        by_number
            .or_else(by_label)
            .map(|option| option.label.clone())
    };
    let reply = reply.trim();
    if let Some(one) = option(reply) {
        return Ok(vec![one]);
    }
    if question.multiple {
        let several: Option<Vec<String>> =
            reply.split(',').map(|word| option(word.trim())).collect();
        if let Some(several) = several {
            return Ok(several);
        }
    }
    if question.optional && reply.is_empty() {
        return Ok(Vec::new());
    }
    let free = question.custom != Some(false) && !reply.is_empty();
    match free && (question.options.is_empty() || reply.parse::<usize>().is_err()) {
        true => Ok(vec![reply.to_owned()]),
        false => Err(Fault::usage(format!(
            "`{}` does not answer `{}`. Give the number or the label of an option",
            out::one_line(reply),
            out::one_line(&question.question)
        ))),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn question(multiple: bool, custom: Option<bool>) -> OneQuestion {
        let json = serde_json::json!({"question": "Which?", "multiple": multiple, "custom": custom,
            "options": [{"label": "Red"}, {"label": "Blue, dark"}, {"label": "Green"}]});
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn an_answer_is_a_number_the_words_of_an_option_or_words_of_ones_own() {
        let one = question(false, None);
        for (reply, chosen) in [
            ("1", "Red"),
            ("green", "Green"),
            ("blue, dark", "Blue, dark"),
            (" none of them ", "none of them"),
            ("1,3", "1,3"),
        ] {
            assert_eq!(choices(&one, reply), Ok(vec![chosen.to_owned()]), "{reply}");
        }
        let several = question(true, None);
        assert_eq!(choices(&several, "1, 3").unwrap(), ["Red", "Green"]);
        assert_eq!(choices(&several, "Blue, dark").unwrap(), ["Blue, dark"]);
    }

    #[test]
    fn a_question_is_asked_if_its_conditions_hold_and_an_optional_one_needs_no_answer() {
        let json = serde_json::json!([
            {"question": "Sure?", "options": [{"label": "Yes"}, {"label": "No"}]},
            {"question": "Why?", "when": [{"question": 0, "equal": true, "answers": ["No"]}]},
            {"question": "See", "link": "https://example.org"},
            {"question": "How many?", "optional": true},
        ]);
        let questions: Vec<OneQuestion> = serde_json::from_value(json).unwrap();
        let given = |all: [&str; 4]| read(&questions, &all.map(str::to_owned));
        let answers = given(["Yes", "not asked", "", "7"]).unwrap();
        assert_eq!(
            answers,
            [vec!["Yes".to_owned()], vec![], vec![], vec!["7".to_owned()]]
        );
        assert!(given(["No", "", "", ""]).is_err());
        let answers = given(["No", "it is late", "", ""]).unwrap();
        assert_eq!(
            answers[1..],
            [vec!["it is late".to_owned()], vec![], vec![]]
        );
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for reply in ["", "0", "4"] {
            assert!(choices(&question(false, None), reply).is_err(), "{reply}");
        }
        assert!(choices(&question(false, Some(false)), "none").is_err());
        assert!(read(&[question(false, None)], &["1".into(), "2".into()]).is_err());
    }
}
