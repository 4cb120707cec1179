#!/usr/bin/env bash
# Builds the commands of one Go tool module under tools/, unless they are there and newer than its go.mod.
#
#   scripts/build-tool.sh tools/prometheus OUTPUT_DIR
set -euo pipefail

module="$1"
bin="$2"
export PATH="${VIGIE_CACHE:-$HOME/.cache/vigie}/go/bin:/usr/local/go/bin:$PATH"

stamp="$bin/.$(basename "$module").built"
if [ "$stamp" -nt "$module/go.mod" ]; then exit 0; fi

"$(dirname "$0")/bootstrap.sh" go
mkdir -p "$bin"
bin="$(cd "$bin" && pwd)"
printf 'building %s (a few minutes the first time)\n' "$module" >&2
cd "$module"
CGO_ENABLED=0 GOFLAGS=-mod=readonly go build -trimpath -o "$bin/" tool
touch "$bin/.$(basename "$module").built"
