//! What a client says of itself when it connects.

use crate::json;
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use serde::Serialize;
use serde::ser::Error as _;

/// What a client says of itself when it connects to a namespace, each time.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Auth(pub(super) Payload);

#[derive(Clone, PartialEq, Eq, Default)]
pub(super) enum Payload {
    #[default]
    None,
    Object(Box<str>),
    Asked,
}

impl Auth {
    /// Nothing.
    #[must_use]
    pub const fn none() -> Self {
        Self(Payload::None)
    }

    /// The same object each time: a map, a struct, or JSON as [`Raw`](crate::Raw).
    ///
    /// ```
    /// use sansio_socketio::{Raw, client::Auth};
    ///
    /// let auth = Auth::new(&Raw::new(r#"{"token":"abc"}"#)?)?;
    /// assert!(Auth::new("abc").is_err(), "not an object");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If it is not an object of JSON.
    pub fn new<T: Serialize + ?Sized>(auth: &T) -> serde_json::Result<Self> {
        Self::from_json(serde_json::to_string(auth)?)
    }

    /// The same JSON object each time.
    ///
    /// # Errors
    ///
    /// If it is not JSON, or not an object.
    pub fn from_json(json: impl Into<String>) -> serde_json::Result<Self> {
        let json = json.into();
        let object = json::check(&json)?;
        if !object.starts_with('{') {
            return Err(serde_json::Error::custom("authentication is an object"));
        }
        Ok(Self(Payload::Object(object.into())))
    }

    /// What the application says when it is asked, by [`Event::Authenticate`](super::Event::Authenticate): for
    /// tokens that do not last.
    #[must_use]
    pub const fn asked() -> Self {
        Self(Payload::Asked)
    }
}

/// Without the secret.
impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Payload::None => "Auth(none)",
            Payload::Object(_) => "Auth({…})",
            Payload::Asked => "Auth(asked)",
        })
    }
}
