//! An allocator that counts, for each thread on its own, so that tests may run side by side.
//! A test binary that takes it in allows `unsafe_code`: an allocator cannot be written without.

#![allow(unreachable_pub, reason = "it is part of a test binary")]

use core::cell::Cell;
use std::alloc::{GlobalAlloc, Layout, System};

struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

fn count(grown: isize) {
    LIVE.set(LIVE.get() + grown);
}

// SAFETY: everything is passed on to the system's allocator as it came; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The growth of this thread's heap since it was made.
pub struct Heap(isize);

impl Heap {
    pub fn now() -> Self {
        Self(LIVE.get())
    }

    pub fn growth(&self) -> usize {
        (LIVE.get() - self.0).max(0) as usize
    }
}
