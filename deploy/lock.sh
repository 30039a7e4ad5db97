#!/bin/sh
# Pins what the images and the Makefile install: writes requirements.txt and requirements-full.txt of
# every service, and constraints.txt.
# `make lock` runs it; uv must be on the PATH.
set -eu
cd "$(dirname "$0")/.."

lock() { # FILE OPTION...
    file=$1
    shift
    # With hashes, pip takes a file only if it is the one that was locked. Constraints have none: pip
    # would then ask for a hash of the checkout itself.
    [ "$file" = constraints.txt ] || set -- --generate-hashes "$@"
    uv --config-file deploy/uv.toml pip compile --quiet pyproject.toml --universal \
        --python-version 3.11 --no-annotate --custom-compile-command 'make lock' "$@" -o "$file"
}
without() {
    for name in "$@"; do printf -- '--no-emit-package %s ' "$name"; done
}
# torch names the CUDA packages of each of its builds itself, exactly, and a CPU has none.
without_cuda() { # A requirement goes with the lines of hashes that belong to it.
    awk '/^[a-z]/ { gone = /^(nvidia|cuda|triton)[a-z0-9-]*==/ } !gone || /^#/' "$1" >"$1.new"
    mv "$1.new" "$1"
}

# Its image fetches the weights for all services, and runs no engine.
# shellcheck disable=SC2046
lock backend/requirements.txt --extra api --extra hub $(without onnxruntime flatbuffers protobuf)
# The UI draws no chart, runs no engine and has no command line.
# shellcheck disable=SC2046
lock frontend/requirements.txt --extra ui $(without onnxruntime flatbuffers pydeck altair narwhals \
    jsonschema jsonschema-specifications referencing rpds-py attrs typer shellingham rich pygments \
    markdown-it-py mdurl)
for service in simplifier_service grounding_dino_service sam2_service; do
    lock "$service/requirements.txt" --extra worker
    lock "$service/requirements-full.txt" --extra worker --extra full --constraint deploy/torch.txt
    without_cuda "$service/requirements-full.txt"
done
# NanoDet-Plus is a detector; the other stages of `compact` are those of nano.
lock grounding_dino_service/requirements-compact.txt --extra worker --extra compact
lock constraints.txt --extra stack --extra ui --extra test --extra training --extra full \
    --extra openvino --extra coreml --constraint deploy/torch.txt
without_cuda constraints.txt
