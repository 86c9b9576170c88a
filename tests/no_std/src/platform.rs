//! What `std` would supply: an entry, an allocator, and an end for panics. All of the program's
//! `unsafe` is here.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::panic::PanicInfo;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};

#[link(name = "c")]
unsafe extern "C" {
    fn abort() -> !;
}

/// The entry that the C runtime calls.
#[unsafe(no_mangle)]
extern "C" fn main() -> i32 {
    if crate::run().is_some() { 0 } else { 1 }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: may be called at any time.
    unsafe { abort() }
}

/// Hands out a static array from front to back and takes nothing back.
struct Bump {
    used: AtomicUsize,
    arena: UnsafeCell<[u8; ARENA]>,
}

const ARENA: usize = 64 << 10;

#[global_allocator]
static HEAP: Bump = Bump { used: AtomicUsize::new(0), arena: UnsafeCell::new([0; ARENA]) };

// SAFETY: each byte of the arena belongs to at most one allocation.
unsafe impl Sync for Bump {}

// SAFETY: what is handed out lies in the arena, is aligned, and was never handed out before, since
// `used` only grows.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let arena = self.arena.get().cast::<u8>();
        let start = |used: usize| used + arena.wrapping_add(used).align_offset(layout.align());
        let end = |used: usize| start(used).checked_add(layout.size()).filter(|&end| end <= ARENA);
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, end) {
            Ok(used) => arena.wrapping_add(start(used)),
            Err(_) => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
