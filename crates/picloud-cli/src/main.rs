//! pic.
fn main() {}
