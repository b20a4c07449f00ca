//! Closed lists of words, as which the contract has them, and any other word that a later version may send.

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$about])* $variant,)+
            /// A word that this version does not know.
            Other(String),
        }

        impl $name {
            /// The word.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $($text => Self::$variant,)+
                    _ => Self::Other(word.to_owned()),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = crate::json::Text::deserialize(deserializer)?;
                Ok(Self::from(&*word.0))
            }
        }
    };
}

words! {
    /// How a session's last run ended.
    Outcome {
        /// To its end.
        Succeeded = "succeeded",
        /// With an error.
        Failed = "failed",
        /// Before its end.
        Interrupted = "interrupted",
    }
}

words! {
    /// Why a run ended before its end.
    InterruptReason {
        /// A person stopped it.
        User = "user",
        /// The server ended; its service resumes such runs.
        Shutdown = "shutdown",
        /// Another run took its place.
        Superseded = "superseded",
        /// It made no progress for an hour.
        Inactivity = "inactivity",
    }
}

words! {
    /// When an item of the inbox is delivered.
    Delivery {
        /// Into the run that goes on, at its next step.
        Steer = "steer",
        /// After it.
        Queue = "queue",
    }
}

words! {
    /// A person's answer to a request for permission.
    Decision {
        /// Allow this call.
        Once = "once",
        /// Allow this call and those that match what the request would save.
        Always = "always",
        /// Reject this call.
        Reject = "reject",
    }
}

words! {
    /// Why a history was compacted.
    CompactionReason {
        /// It was too long.
        Auto = "auto",
        /// A person asked for it.
        Manual = "manual",
    }
}

words! {
    /// What a shell command is doing.
    ShellStatus {
        /// It runs.
        Running = "running",
        /// It ended by itself.
        Exited = "exited",
        /// It took too long.
        Timeout = "timeout",
        /// It was killed.
        Killed = "killed",
    }
}

words! {
    /// What happened to a file.
    FileStatus {
        /// It is new.
        Added = "added",
        /// It is gone.
        Deleted = "deleted",
        /// Its content is another.
        Modified = "modified",
    }
}
