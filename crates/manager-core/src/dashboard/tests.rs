//! Of the table of files, and of what clients say they take.

use http::{HeaderMap, HeaderValue, header};

use super::{FILES, IMMUTABLE, accepts, is_smaller, kind_of};

fn accepting(values: &[&'static str]) -> HeaderMap {
    let pairs = values.iter().map(|value| {
        let value = HeaderValue::from_static(value);
        (header::ACCEPT_ENCODING, value)
    });
    pairs.collect()
}

#[test]
fn an_encoding_is_used_when_the_client_names_it() {
    for (values, brotli, gzip) in [
        (&["gzip, deflate, br, zstd"][..], true, true),
        (&["gzip", "br;q=0.5"], true, true),
        (&["GZIP ; q=1.0"], false, true),
        (&["br;q=0, gzip;q=0.0"], false, false),
        (&["br;q=nothing"], false, false),
        (&["brotli, xgzip, *"], false, false),
        (&["", ",;q=1,"], false, false),
        (&[], false, false),
    ] {
        let headers = accepting(values);
        assert_eq!(accepts(&headers, "br"), brotli, "{values:?}");
        assert_eq!(accepts(&headers, "gzip"), gzip, "{values:?}");
    }
}

#[test]
fn every_file_has_a_kind_and_what_browsers_load_is_compressed() {
    for file in FILES {
        assert_ne!(
            kind_of(file.path),
            "application/octet-stream",
            "{}",
            file.path
        );
        let large = file.plain.len() > 1024;
        for form in [file.brotli, file.gzip] {
            assert!(!large || is_smaller(form, file.plain), "{}", file.path);
        }
    }
    let immutable = FILES.iter().filter(|file| file.path.starts_with(IMMUTABLE));
    assert!(immutable.count() > 10);
}
