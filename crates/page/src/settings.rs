//! Settings of a hub: one document, shared by every page on every device.

use model::ids::InstanceId;
use serde::{Deserialize, Serialize};

use crate::language::Language;
use crate::limits;

/// All settings. A missing field has its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Number of changes. The value in a request is ignored.
    pub revision: u64,
    /// Language of the page.
    pub language: LanguageChoice,
    /// Colour scheme.
    pub theme: Theme,
    /// Height of rows.
    pub density: Density,
    /// Text size.
    pub size: TextSize,
    /// Meaning of Enter in the prompt of a running session.
    pub busy_enter: BusyEnter,
    /// Visibility of the key bar at the bottom.
    pub key_bar: Shown,
    /// Notification settings.
    pub notify: Notify,
    /// Limits of cost and time.
    pub budget: Budget,
}

/// Limits of cost and time, each off at zero. A running session that passes one, or a multiple of one, needs a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// US cents of a session with its subagents; [`limits::BUDGET_CENTS`] at most.
    pub session_cost: u64,
    /// US cents of all sessions in one day, by the hub's clock; [`limits::BUDGET_CENTS`] at most.
    pub day_cost: u64,
    /// Minutes of one turn; [`limits::BUDGET_MINUTES`] at most.
    pub turn_minutes: u64,
    /// Minutes of all turns in one day; [`limits::BUDGET_MINUTES`] at most.
    pub day_minutes: u64,
    /// True if a session that passes a limit is stopped, too.
    pub stop: bool,
    /// True if a session that goes in circles is stopped, too.
    pub stop_circles: bool,
}

/// Milliseconds of a minute.
const MINUTE_MS: u64 = 60_000;

impl Budget {
    /// Limit of a session, in US cents.
    pub fn session_cents(&self) -> Option<u64> {
        (self.session_cost > 0).then_some(self.session_cost)
    }

    /// Limit of a day, in US cents.
    pub fn day_cents(&self) -> Option<u64> {
        (self.day_cost > 0).then_some(self.day_cost)
    }

    /// Limit of a turn, in milliseconds.
    pub fn turn_ms(&self) -> Option<u64> {
        (self.turn_minutes > 0).then(|| self.turn_minutes * MINUTE_MS)
    }

    /// Limit of the turns of a day, in milliseconds.
    pub fn day_ms(&self) -> Option<u64> {
        (self.day_minutes > 0).then(|| self.day_minutes * MINUTE_MS)
    }

    fn is_within_bounds(&self) -> bool {
        let costs = [self.session_cost, self.day_cost];
        let times = [self.turn_minutes, self.day_minutes];
        costs.iter().all(|cents| *cents <= limits::BUDGET_CENTS)
            && times
                .iter()
                .all(|minutes| *minutes <= limits::BUDGET_MINUTES)
    }
}

/// Visibility of an element, on by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shown(pub bool);

impl Default for Shown {
    fn default() -> Self {
        Self(true)
    }
}

/// Language of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LanguageChoice {
    /// That of the browser, by the `Accept-Language` of its requests.
    #[default]
    Auto,
    /// English.
    En,
    /// German.
    De,
    /// Chinese in simplified characters.
    Zh,
}

impl LanguageChoice {
    /// The language of an answer to a request with this `Accept-Language`. A request without one is not a browser's: it gets
    /// English.
    pub fn for_request(self, accepted: Option<&str>) -> Language {
        match (accepted, self) {
            (None, _) | (_, Self::En) => Language::English,
            (Some(header), Self::Auto) => Language::accepted(header),
            (_, Self::De) => Language::German,
            (_, Self::Zh) => Language::Chinese,
        }
    }
}

/// The colours of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// Those of the device.
    #[default]
    Auto,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// Height of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Density {
    /// Rows of 32 pixels.
    #[default]
    Comfortable,
    /// Rows of 24 pixels.
    Compact,
}

/// Text size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextSize {
    /// 92 %.
    Small,
    /// 100 % of what the browser is set to.
    #[default]
    Usual,
    /// 115 %.
    Large,
    /// 130 %.
    Largest,
}

/// Meaning of Enter in the prompt of a running session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BusyEnter {
    /// Give the prompt to the model at once.
    #[default]
    Steer,
    /// Queue the prompt until the turn ends.
    Queue,
}

/// Notification settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Notify {
    /// Requests that wait for a person.
    pub needs: bool,
    /// Sessions that failed.
    pub failed: bool,
    /// Sessions that finished.
    pub finished: bool,
    /// Instances without notifications, [`limits::MUTED`] at most.
    pub muted: Vec<InstanceId>,
    /// Hours without notifications.
    pub quiet: Option<QuietHours>,
}

impl Default for Notify {
    fn default() -> Self {
        Self {
            needs: true,
            failed: true,
            finished: true,
            muted: Vec::new(),
            quiet: None,
        }
    }
}

/// Hours without notifications, by the clock of the device. They may span midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// Their first minute of the day.
    pub from: u16,
    /// The minute of the day after their last.
    pub until: u16,
}

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// Reason why settings are rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsError {
    /// Too many muted instances, or an id that is too long.
    Muted,
    /// Minute out of range.
    Minute,
    /// A limit of cost or time is out of range.
    Budget,
}

impl SettingsError {
    /// Error message.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Muted => "`muted` names too many instances, or one with too long a name",
            Self::Minute => "`quiet` has a minute that is not in a day: use 0 to 1439",
            Self::Budget => {
                "`budget` has a limit that is too large: use at most 100000000 cents, which are $1,000,000, and 525600 minutes"
            }
        }
    }
}

impl Settings {
    /// Checks the bounds.
    ///
    /// # Errors
    /// A bound is exceeded.
    pub fn checked(self) -> Result<Self, SettingsError> {
        let muted = &self.notify.muted;
        let long = |id: &InstanceId| id.as_str().len() > limits::NAME_BYTES;
        if muted.len() > limits::MUTED || muted.iter().any(long) {
            return Err(SettingsError::Muted);
        }
        let quiet = self.notify.quiet;
        if quiet.is_some_and(|QuietHours { from, until }| from >= DAY || until >= DAY) {
            return Err(SettingsError::Minute);
        }
        if !self.budget.is_within_bounds() {
            return Err(SettingsError::Budget);
        }
        Ok(self)
    }
}

/// Serialized name of an option, for attributes.
pub(crate) fn word(choice: impl Serialize) -> String {
    let value = serde_json::to_value(choice).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_its_default_and_what_is_unknown_is_refused() {
        let settings: Settings = serde_json::from_str(r#"{"theme":"dark"}"#).unwrap();
        assert_eq!(
            settings,
            Settings {
                theme: Theme::Dark,
                ..Settings::default()
            }
        );
        assert!(settings.key_bar.0 && settings.notify.needs);
        for bad in [
            r#"{"colour":"red"}"#,
            r#"{"theme":"red"}"#,
            r#"{"notify":{"all":true}}"#,
        ] {
            assert!(serde_json::from_str::<Settings>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_language_that_is_set_is_for_browsers_and_programs_get_english() {
        use LanguageChoice as C;
        for (choice, accepted, language) in [
            (C::Auto, Some("de"), Language::German),
            (C::Auto, Some("fr"), Language::English),
            (C::Auto, None, Language::English),
            (C::En, Some("de"), Language::English),
            (C::De, Some("en"), Language::German),
            (C::Zh, Some("en"), Language::Chinese),
            (C::Zh, None, Language::English),
        ] {
            assert_eq!(
                choice.for_request(accepted),
                language,
                "{choice:?} {accepted:?}"
            );
        }
    }

    #[test]
    fn bounds_are_held() {
        let with = |muted: Vec<InstanceId>, quiet| {
            Settings {
                notify: Notify {
                    muted,
                    quiet,
                    ..Notify::default()
                },
                ..Settings::default()
            }
            .checked()
        };
        let named = |n: usize| {
            (0..n)
                .map(|n| InstanceId::from(&*format!("i{n}")))
                .collect()
        };
        assert!(with(named(limits::MUTED), None).is_ok());
        assert_eq!(
            with(named(limits::MUTED + 1), None),
            Err(SettingsError::Muted)
        );
        let long = InstanceId::from(&*"i".repeat(limits::NAME_BYTES + 1));
        assert_eq!(with(vec![long], None), Err(SettingsError::Muted));
        let hours = |from, until| with(Vec::new(), Some(QuietHours { from, until }));
        assert!(hours(22 * 60, 7 * 60).is_ok());
        assert_eq!(hours(0, DAY), Err(SettingsError::Minute));
        let costs = |day_cost| {
            let budget = Budget {
                day_cost,
                ..Budget::default()
            };
            Settings {
                budget,
                ..Settings::default()
            }
            .checked()
        };
        assert!(costs(limits::BUDGET_CENTS).is_ok());
        assert_eq!(costs(limits::BUDGET_CENTS + 1), Err(SettingsError::Budget));
    }
}
