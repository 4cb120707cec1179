// Package conformance runs Prometheus's own PromQL acceptance tests against a running Vigie: samples go in by remote
// write 2.0, answers come by Vigie's query service (proto/vigie/v1/querier.proto), which carries every bit of them.
//
// The scripts are those inside Prometheus's module; none is copied and none is skipped.
package conformance

//go:generate go run ./gen
