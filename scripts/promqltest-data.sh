#!/usr/bin/env bash
# Downloads the module of Prometheus that tools/prometheus names and prints where its promqltest scripts are.
set -euo pipefail

cd "$(dirname "$0")/.."
export PATH="${VIGIE_CACHE:-$HOME/.cache/vigie}/go/bin:/usr/local/go/bin:$PATH"
scripts/bootstrap.sh go >&2
cd tools/prometheus
go mod download github.com/prometheus/prometheus
printf '%s/promql/promqltest/testdata\n' "$(go list -m -f '{{.Dir}}' github.com/prometheus/prometheus)"
