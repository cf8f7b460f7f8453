#!/usr/bin/env bash
# Fail a build when a model got worse: examples/gate_in_ci.sh MODEL SUITE [FOLDER]
# The first time there is no baseline yet, and one is written: look at it, commit it, and raise it on purpose.
set -euo pipefail
model=$1 suite=$2 folder=${3:-gate}
baseline=$folder/baseline.json

evalkit run --model "$model" --suite "$suite" --out "$folder/run"
if [ -e "$baseline" ]; then
    evalkit check "$folder/run" --baseline "$baseline" --junit "$folder/gate.xml"
else
    evalkit check "$folder/run" --baseline "$baseline" --save
fi
