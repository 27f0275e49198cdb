//! Ingress, routing, admission and fairness, execution records
