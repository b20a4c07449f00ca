//! Names of things, one type each, so that a message id can never be taken for a session id.
//!
//! Ids are OpenCode's own and opaque to us: they are compared and shown, never parsed. Their time prefix wraps
//! every 2.2 years, so order always comes from `time.created` and only then from the id.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the id as it came from its server.
            pub fn new(id: impl Into<Arc<str>>) -> Self {
                Self(id.into())
            }

            /// The id's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.into())
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

id!(/// One OpenCode server, as this hub names it (`i` and eight characters; ours, not OpenCode's).
    InstanceId);
id!(/// A session (`ses_…`). Unique within one OpenCode database, which several servers may share.
    SessionId);
id!(/// A message (`msg_…`).
    MessageId);
id!(/// A part of a message (`prt_…`).
    PartId);
id!(/// A permission request (`per_…`).
    PermissionId);
id!(/// A question (`que_…`).
    QuestionId);
id!(/// A parallel run (`par_…`; ours, not OpenCode's).
    ParallelId);
