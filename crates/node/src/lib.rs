//! The process shell: configuration, telemetry, lifecycle, named tasks
