//! Something for each session, found by its index.

use alloc::vec::Vec;
use sansio_engineio::Session;

/// A list with a place for each session: indices are small numbers, and used again.
#[derive(Debug)]
pub(crate) struct BySession<T> {
    places: Vec<Option<(Session, T)>>,
    len: usize,
}

impl<T> BySession<T> {
    pub(crate) const fn new() -> Self {
        Self { places: Vec::new(), len: 0 }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Takes the place of whoever had the index before.
    pub(crate) fn insert(&mut self, session: Session, value: T) {
        let index = session.index();
        if index >= self.places.len() {
            self.places.resize_with(index.saturating_add(1), || None);
        }
        if let Some(place) = self.places.get_mut(index)
            && place.replace((session, value)).is_none()
        {
            self.len = self.len.saturating_add(1);
        }
    }

    pub(crate) fn remove(&mut self, session: Session) -> Option<T> {
        let place = self.places.get_mut(session.index())?;
        let (_, value) = place.take_if(|(other, _)| *other == session)?;
        self.len = self.len.saturating_sub(1);
        if self.len == 0 {
            self.places = Vec::new();
        }
        Some(value)
    }

    #[inline]
    pub(crate) fn get(&self, session: Session) -> Option<&T> {
        let (other, value) = self.places.get(session.index())?.as_ref()?;
        (*other == session).then_some(value)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, session: Session) -> Option<&mut T> {
        let (other, value) = self.places.get_mut(session.index())?.as_mut()?;
        (*other == session).then_some(value)
    }

    pub(crate) fn sessions(&self) -> impl Iterator<Item = Session> {
        self.places.iter().flatten().map(|(session, _)| *session)
    }
}
