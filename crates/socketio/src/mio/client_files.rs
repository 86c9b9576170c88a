//! The client's scripts (S25), from a folder of the user's: nothing is bundled.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};
use sansio_ws::handshake::{Request, Response, Status};
use std::fs;
use std::hash::DefaultHasher;
use std::io::{self, ErrorKind};
use std::path::Path;

/// The names that are served, each with its map. No others, whatever the folder has.
const NAMES: [&str; 4] =
    ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"];

#[derive(Debug, Default)]
pub(super) struct ClientFiles(BTreeMap<String, File>);

#[derive(Debug)]
struct File {
    content: Vec<u8>,
    /// A strong one: it names these bytes.
    etag: String,
    content_type: &'static str,
}

impl ClientFiles {
    /// Reads what there is of the files.
    pub(super) fn read(folder: &Path) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        for name in NAMES {
            for (name, content_type) in [
                (name.to_owned(), "application/javascript; charset=utf-8"),
                (format!("{name}.map"), "application/json; charset=utf-8"),
            ] {
                match fs::read(folder.join(&name)) {
                    Ok(content) => _ = files.insert(name, File::new(content, content_type)),
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
        if files.is_empty() {
            let message = format!("{} has no {}", folder.display(), NAMES[0]);
            return Err(io::Error::new(ErrorKind::NotFound, message));
        }
        Ok(Self(files))
    }

    /// The response to a request for one of them, `name` being the path behind that of the server.
    pub(super) fn respond(&self, name: &str, request: &Request<'_>) -> Option<Response> {
        let file = self.0.get(name)?;
        let asked = request.headers().get("if-none-match").unwrap_or_default();
        let is_known = asked.split(',').any(|tag| {
            let tag = tag.trim();
            tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == file.etag
        });
        let response = match is_known {
            true => Response::new(Status::NOT_MODIFIED),
            false => Response::new(Status::OK)
                .static_header("Content-Type", file.content_type)
                .body(file.content.clone()),
        };
        let mut response =
            response.static_header("Cache-Control", "public, max-age=0").keep_alive(true);
        // Made of hexadecimal digits.
        let _ = response.add_header("ETag", &file.etag);
        Some(response)
    }
}

impl File {
    fn new(content: Vec<u8>, content_type: &'static str) -> Self {
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        let etag = format!("\"{:x}-{:016x}\"", content.len(), hasher.finish());
        Self { content, etag, content_type }
    }
}
