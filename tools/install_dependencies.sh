#!/bin/sh
# Installs the Debian 12 packages that Selfsame is built, tested and shown with: only those that are missing, and
# without asking for rights when none is. Needs root or sudo otherwise.
set -eu

packages='
    gcc              # the compiler
    libc6-dev        # its headers
    cmake            # the build
    ninja-build      # what the presets build with
    pkg-config       # finds the libraries below
    python3          # tests/program, the oracle, the generator of the example data
    tzdata           # time zones of sources with a timezone
    libsqlite3-dev   # history, catalog and training tables
    liblmdb-dev      # online rows
    libyaml-dev      # definition files
    libcsv-dev       # CSV in
    libjson-c-dev    # --json
    libmpfr-dev      # exp, log, pow rounded correctly
    libgmp-dev       # exact numbers wider than 128 bits
    libpcre2-dev     # regular expressions
    libxxhash-dev    # checksums and sketches
    libssl-dev       # SHA-256: fingerprints, digests, batches
    libgrpc-dev      # the service and its client: gRPC C core
    libprotobuf-c-dev # messages in C
    protobuf-c-compiler # makes them from proto/
    protobuf-compiler # the compiler under it; descriptors for reflection
    grpc-proto       # the health and reflection services of gRPC
    libmicrohttpd-dev # metrics over HTTP
    libsystemd-dev   # tells systemd when the service is ready
    redis-server     # what tests/bench/serving.sh measures beside
    redis-tools      # its redis-benchmark
    python3-grpcio   # tests: a client that is not ours
    python3-grpc-tools # its stubs
    libcmocka-dev    # unit tests
    clang            # the other compiler: bits over builds, fuzz targets
    libclang-rt-14-dev # its sanitizers and libFuzzer
'

missing=
for package in $(printf '%s' "$packages" | sed 's/#.*//'); do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "install_dependencies.sh: these packages are missing and need root or sudo to install:$missing" >&2
        exit 2
    fi
    as_root=sudo
fi
echo "installing:$missing" >&2
$as_root apt-get update -qq
# shellcheck disable=SC2086 # $missing is a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
