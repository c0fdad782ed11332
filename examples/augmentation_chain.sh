#!/usr/bin/env bash
# The whole augmentation chain, each step one command: record, audit, plan, synthesize, guard, quality; then a segmenter
# trained on recorded pictures alone, another on recorded pictures and variants, both tested per condition on another
# town. docs/augmentation.md explains every step and shows its output.
#
# Usage: bash examples/augmentation_chain.sh OUT [DRIVES] [STEPS] [LENGTH_M]
# Killed at any time, the same command goes on where it stopped.
set -euo pipefail

out=${1:?give a folder for everything that the chain writes}
drives=${2:-5}
steps=${3:-120}
length_m=${4:-120}
rare=(fog-day clear-night rain-night)

step() {
    printf '\n$ %s\n' "$*"
    "$@"
}

# Sunny drives and one in fog. --pairs keeps what the simulator itself shows under other conditions, which no data set
# of real pictures has: here it judges the variants and is never learned from.
step syndiff record --out "$out/train" --map TownGrid --conditions clear-day fog-day --drives "$drives" 1 \
    --route-length-m "$length_m" --vehicles 8 --walkers 12 --pairs "${rare[@]}"
step syndiff record --out "$out/test" --map TownHill --split val --conditions clear-day --drives 2 --seed 1 \
    --route-length-m "$length_m" --vehicles 8 --walkers 12 --pairs "${rare[@]}"

step syndiff audit "$out/train" --out "$out/audit"
step syndiff plan "$out/audit" --out "$out/plan.json" --conditions clear-day "${rare[@]}" --ratio 0.5
# The default ControlNet, whose variants the guard judges while they are made; weather without a network beside it.
# Status 3 says that some variants were given up, each with its reason: news, not a failure.
step syndiff synthesize --data "$out/plan.json" || [ $? -eq 3 ]
step syndiff synthesize --data "$out/plan.json" --synthesizer procedural

# Judges what nobody judged yet; status 3 as above.
step syndiff guard "$out/train" --out "$out/guard" --synthesizers procedural-2 || [ $? -eq 3 ]
step syndiff quality "$out/train" --out "$out/quality" --most 60

step syndiff train-seg --data "$out/train" --out "$out/real" --steps "$steps" --crop-px 160 112 \
    --no-synthesized
step syndiff train-seg --data "$out/train" --out "$out/augmented" --steps "$steps" --crop-px 160 112 \
    --synthesizers embedded
step syndiff test-seg --data "$out/test" --weights "$out/real" --compare "$out/augmented" --out "$out/comparison" \
    --synthesizers relight
