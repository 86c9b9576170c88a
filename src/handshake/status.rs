//! The status of a response.

use super::InvalidField;
use core::fmt;

/// The status of a plain response: 200 to 599 (RFC 9110, section 15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(u16);

macro_rules! statuses {
    ($($code:literal $name:ident $reason:literal)+) => {
        impl Status {
            $(
                #[doc = concat!("`", stringify!($code), " ", $reason, "`.")]
                pub const $name: Self = Self($code);
            )+

            /// The usual reason phrase. Empty for a status without a constant here (RFC 9112, section 4).
            #[must_use]
            pub const fn reason(self) -> &'static str {
                match self.0 {
                    $($code => $reason,)+
                    _ => "",
                }
            }
        }
    };
}

statuses! {
    200 OK "OK"
    204 NO_CONTENT "No Content"
    205 RESET_CONTENT "Reset Content"
    301 MOVED_PERMANENTLY "Moved Permanently"
    302 FOUND "Found"
    303 SEE_OTHER "See Other"
    304 NOT_MODIFIED "Not Modified"
    307 TEMPORARY_REDIRECT "Temporary Redirect"
    308 PERMANENT_REDIRECT "Permanent Redirect"
    400 BAD_REQUEST "Bad Request"
    401 UNAUTHORIZED "Unauthorized"
    403 FORBIDDEN "Forbidden"
    404 NOT_FOUND "Not Found"
    405 METHOD_NOT_ALLOWED "Method Not Allowed"
    408 REQUEST_TIMEOUT "Request Timeout"
    413 CONTENT_TOO_LARGE "Content Too Large"
    415 UNSUPPORTED_MEDIA_TYPE "Unsupported Media Type"
    421 MISDIRECTED_REQUEST "Misdirected Request"
    426 UPGRADE_REQUIRED "Upgrade Required"
    429 TOO_MANY_REQUESTS "Too Many Requests"
    431 REQUEST_HEADER_FIELDS_TOO_LARGE "Request Header Fields Too Large"
    500 INTERNAL_SERVER_ERROR "Internal Server Error"
    501 NOT_IMPLEMENTED "Not Implemented"
    503 SERVICE_UNAVAILABLE "Service Unavailable"
    505 HTTP_VERSION_NOT_SUPPORTED "HTTP Version Not Supported"
}

impl Status {
    /// A status that is known when the program runs.
    ///
    /// # Errors
    ///
    /// [`InvalidField::Status`] when it is not one of 200 to 599.
    pub const fn new(code: u16) -> Result<Self, InvalidField> {
        match code {
            200..=599 => Ok(Self(code)),
            _ => Err(InvalidField::Status),
        }
    }

    /// The number.
    #[must_use]
    pub const fn code(self) -> u16 {
        self.0
    }
}

/// The number, and the reason phrase if there is one: `404 Not Found`.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            "" => write!(f, "{}", self.0),
            reason => write!(f, "{} {reason}", self.0),
        }
    }
}
