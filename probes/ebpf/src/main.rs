#![no_std]
#![no_main]
//! placeholder
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
