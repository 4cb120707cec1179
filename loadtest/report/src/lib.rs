//! The results of load tests.
