//! Test harness: throw-away PostgreSQL, a running PiCloud, corpora
