//! In place of the unwinder: a panic here aborts, and nobody reads a stripped program's backtrace.
//!
//! std prints backtraces and brings an unwinder and a reader of debug information for it, a third
//! of this program. It asks the unwinder for the frames through `_Unwind_Backtrace` and is told
//! that there are none; all that would look at them is left out by the linker.

use std::ffi::{c_int, c_void};

/// `_URC_END_OF_STACK`
const END_OF_STACK: c_int = 5;

macro_rules! stubs {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty = $value:expr;)*) => {$(
        /// Part of the unwinder's interface; see the module.
        #[unsafe(no_mangle)]
        extern "C" fn $name($($argument: $type),*) -> $result {
            $(let _ = $argument;)*
            $value
        }
    )*};
}

stubs! {
    _Unwind_Backtrace(callback: *mut c_void, data: *mut c_void) -> c_int = END_OF_STACK;
    _Unwind_FindEnclosingFunction(pc: *mut c_void) -> *mut c_void = std::ptr::null_mut();
    _Unwind_GetIP(context: *mut c_void) -> usize = 0;
    _Unwind_GetCFA(context: *mut c_void) -> usize = 0;
    _Unwind_GetIPInfo(context: *mut c_void, before: *mut c_int) -> usize = 0;
    _Unwind_GetLanguageSpecificData(context: *mut c_void) -> *mut c_void = std::ptr::null_mut();
    _Unwind_GetRegionStart(context: *mut c_void) -> usize = 0;
    _Unwind_GetTextRelBase(context: *mut c_void) -> usize = 0;
    _Unwind_GetDataRelBase(context: *mut c_void) -> usize = 0;
    _Unwind_SetGR(context: *mut c_void, register: c_int, value: usize) -> () = ();
    _Unwind_SetIP(context: *mut c_void, value: usize) -> () = ();
    _Unwind_Resume(exception: *mut c_void) -> () = std::process::abort();
}
