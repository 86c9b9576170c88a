//! A glob import of this crate, beside the crate `mio`: both bring the name `mio`.
//!
//! It is enough that this compiles.

#![cfg(feature = "mio")]

/// The full path of the crate, which nothing shadows.
mod by_path {
    use ::mio::Poll;
    use sansio_ws::*;

    pub(crate) fn names(_: &Poll, _: ::mio::Token, _: &mio::Memory, _: &RecvBuffer) {}
}

/// An import by name, which goes before a glob.
mod by_name {
    use ::mio;
    use sansio_ws::*;

    pub(crate) fn names(_: &mio::Poll, _: mio::Token, _: &sansio_ws::mio::Memory, _: &RecvBuffer) {}
}

/// No glob, or one of what is in the module.
mod without {
    use mio::{Poll, Token};
    use sansio_ws::RecvBuffer;
    use sansio_ws::mio::*;

    pub(crate) fn names(_: &Poll, _: Token, _: &Memory, _: &RecvBuffer) {}
}

#[test]
fn the_crate_and_the_module_are_told_apart() {
    let ways: [fn(&mio::Poll, mio::Token, &sansio_ws::mio::Memory, &sansio_ws::RecvBuffer); 3] =
        [by_path::names, by_name::names, without::names];
    assert_eq!(ways.len(), 3);
}
