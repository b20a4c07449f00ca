//! Reads the catalogues of words: one file per language in gettext's PO format, with the English text as key.
//!
//! Of PO, entries have `msgid`, `msgid_plural`, `msgstr`, `msgstr[n]`, and the flag `sentence`: a text with placeholders that
//! is made outside of the page, so that the page finds its entry by matching it.

/// An entry of a catalogue.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The English text, in the singular.
    pub(crate) key: String,
    /// The English text in the plural, where it depends on a number.
    pub(crate) plural: Option<String>,
    /// The translation, one text for each plural form of the language.
    pub(crate) forms: Vec<String>,
    /// True if the text is made outside of the page.
    pub(crate) sentence: bool,
}

/// Reads a catalogue.
///
/// # Errors
/// A line is not of this format, or an entry lacks a text.
pub(crate) fn parse(source: &str) -> Result<Vec<Entry>, String> {
    let mut entries = Vec::new();
    let mut open = Entry::default();
    let mut into = Field::None;
    for (nth, line) in source.lines().enumerate() {
        let line = line.trim();
        let wrong = |why: &str| format!("line {}: {why}: {line}", nth + 1);
        if line.is_empty() {
            into = Field::None;
            close(&mut open, &mut entries).map_err(|why| wrong(&why))?;
        } else if let Some(flags) = line.strip_prefix("#,") {
            open.sentence |= flags.split(',').any(|flag| flag.trim() == "sentence");
        } else if !line.starts_with('#') {
            let (name, text) = match line.split_once(' ') {
                Some((name, text)) if !line.starts_with('"') => (name, text),
                _ => ("", line),
            };
            into = match name {
                "" => into,
                "msgid" => Field::Key,
                "msgid_plural" => Field::Plural,
                name if name.starts_with("msgstr") => {
                    open.forms.push(String::new());
                    Field::Form
                }
                _ => return Err(wrong("unknown field")),
            };
            let text = unquoted(text).ok_or_else(|| wrong("not a quoted text"))?;
            match into {
                Field::Key => open.key.push_str(&text),
                Field::Plural => open.plural.get_or_insert_default().push_str(&text),
                Field::Form => match open.forms.last_mut() {
                    Some(form) => form.push_str(&text),
                    None => return Err(wrong("a text without a field")),
                },
                Field::None => return Err(wrong("a text without a field")),
            }
        }
    }
    close(&mut open, &mut entries)?;
    Ok(entries)
}

/// The field that a text belongs to.
enum Field {
    None,
    Key,
    Plural,
    Form,
}

fn close(open: &mut Entry, entries: &mut Vec<Entry>) -> Result<(), String> {
    let entry = std::mem::take(open);
    if entry == Entry::default() {
        return Ok(());
    }
    // The first entry of a file has no key: it is its head.
    if entry.key.is_empty() {
        return Ok(());
    }
    if entry.forms.is_empty() || entry.forms.iter().any(String::is_empty) {
        return Err(format!("“{}” has no translation", entry.key));
    }
    if let Some(known) = entries.iter().find(|known| known.key == entry.key) {
        return Err(format!("“{}” is there twice", known.key));
    }
    entries.push(entry);
    Ok(())
}

/// A text without its quotes and escapes.
fn unquoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => match chars.next()? {
                'n' => '\n',
                c => c,
            },
            c => c,
        });
    }
    Some(out)
}
