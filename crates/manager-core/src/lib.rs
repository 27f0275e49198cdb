//! The control plane: admin API, use cases, authorization, releases, OpenAPI
