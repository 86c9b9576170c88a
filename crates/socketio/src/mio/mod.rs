//! A whole server on the event loop of [`sansio_ws::mio::server`]: namespaces with handlers, the application's state,
//! pages and client files on one port.
//!
//! ```text
//!                 ┌──── App ────────────────────────────────────────────┐
//!  the engine ──▶ │ machine ──▶ events ──▶ handlers of the namespace    │
//!   of sessions   │    ▲                     │   &mut state, &mut socket │
//!                 │    └── emit, join, … ◀───┘                          │
//!                 └─────────────────────────────────────────────────────┘
//! ```
//!
//! A handler gets the state of the application and the socket as two arguments, so it can use both in one
//! expression. It never calls another handler: what it causes, for example that a socket leaves, is handed
//! out when it has returned.
//!
//! ```no_run
//! use sansio_engineio::Config;
//! use sansio_socketio::mio::App;
//! use sansio_ws::handshake::{HostPolicy, OriginPolicy};
//!
//! #[derive(Default)]
//! struct Logins { names: Vec<String> }
//!
//! fn main() -> std::io::Result<()> {
//!     let config = Config::new(OriginPolicy::SameHost, HostPolicy::Listed(vec!["localhost".into()]));
//!     let mut app = App::new(Logins::default(), config);
//!     app.namespace("/")
//!         .on_connect(|logins, socket| socket.emit("login", (&logins.names,)))
//!         .on("login", |logins, socket, (name,): (String,)| {
//!             logins.names.push(name);
//!             socket.everyone().emit("login", (&logins.names,));
//!         })
//!         .on("sum", |_, socket, (a, b): (i64, i64)| socket.ack((a + b,)))
//!         .on_disconnect(|_, _, reason| println!("one less: {reason}"));
//!     app.page("/", "<script src=\"/socket.io/socket.io.js\"></script>");
//!     app.client_files("node_modules/socket.io/client-dist")?;
//!     app.listen("127.0.0.1:3000")?.run()?;
//!     Ok(())
//! }
//! ```

mod app;
mod client_files;
mod handler;
mod io;
mod namespace;
mod set_aside;
mod socket_ref;
mod timers;

pub use app::{App, AppHandle, Job};
pub use handler::AppHandler;
pub use io::{Broadcast, Io};
pub use namespace::{Admission, Namespace, PendingAdmission};
pub use socket_ref::SocketRef;
