#!/bin/sh
# Compiles pyproject.toml into hashed, universal lock files: all of it, and the slim image's part.
# torch is installed by itself (CPU build); what only its CUDA builds need is left out.
set -eu
uv="$1"
without_cuda="--no-emit-package torch --no-emit-package triton"
for package in $("$uv" pip compile pyproject.toml --extra hub --universal --quiet --no-header --no-annotate \
    | grep -oE '^(nvidia|cuda)[a-z0-9-]*' | sort -u); do
  without_cuda="$without_cuda --no-emit-package $package"
done
common="--universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --quiet"
# shellcheck disable=SC2086
"$uv" pip compile pyproject.toml --extra hub --extra openai --extra anthropic --extra ollama --group dev \
  $common $without_cuda --output-file requirements.lock
# shellcheck disable=SC2086
"$uv" pip compile pyproject.toml --extra openai --extra anthropic --extra ollama \
  $common $without_cuda --constraint requirements.lock --output-file requirements-slim.lock
