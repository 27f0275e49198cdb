//! A folder of time zone data, as a machine has one.

use std::fs;
use std::path::Path;

/// Writes zone data of a version, with these zones and how many hours each is ahead of UTC.
///
/// # Panics
/// When the folder cannot be written.
pub fn write_zones(folder: &Path, version: &str, zones: &[(&str, i32)]) {
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders are made");
        fs::write(path, bytes).expect("files are written");
    };
    write("tzdata.zi", format!("# version {version}\n").as_bytes());
    for (name, hours) in zones {
        write(name, &zone_file(*hours));
    }
}

/// A zone that never changes, in the format of RFC 9636.
fn zone_file(hours: i32) -> Vec<u8> {
    const NAME: &[u8] = b"ABC\0";
    let mut block = b"TZif2".to_vec();
    block.extend([0; 15]);
    // No leap seconds and no transitions; one kind of time and its name.
    for count in [0, 0, 0, 0, 1, NAME.len() as u32] {
        block.extend(count.to_be_bytes());
    }
    block.extend((hours * 3_600).to_be_bytes());
    block.extend([0, 0]);
    block.extend(NAME);
    // The same twice, for old and new readers; the sign is the other way round at the end.
    let mut file = [&block[..], &block[..]].concat();
    file.extend(format!("\nABC{:+}\n", -hours).bytes());
    file
}
