//! PiCloud.
fn main() {}
