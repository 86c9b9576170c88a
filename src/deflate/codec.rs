//! The state of permessage-deflate on one connection (RFC 7692, sections 6 and 7.2).
