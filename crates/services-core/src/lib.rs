//! What scripts may call: the host side of every SDK service
