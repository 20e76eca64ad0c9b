#!/usr/bin/env bash
# Plans an environment for a pull or merge request and leaves, in PLAT_OUT:
#   plan.md    for people: the comment and the summary of the job
#   plan.plan  the plan itself, for the job that applies exactly it; signed where PLAT_SIGN_KEY is
#   plan.sarif the findings
# and in PLAT_OUT/changes `true` or `false`: whether there is something to do.
#
# With PLAT_TRUSTED=false (a fork) no target is asked and no secret is used: the change is compared
# with PLAT_BASE in the source alone.
#
# Reads: PLAT_ENVIRONMENT, PLAT_DIRECTORY, PLAT_OUT, PLAT_TRUSTED, PLAT_BASE, PLAT_RUN_LINK.
set -euo pipefail

environment="${PLAT_ENVIRONMENT:?say which environment: PLAT_ENVIRONMENT}"
directory="${PLAT_DIRECTORY:-.}"
out="${PLAT_OUT:?say where the plan goes: PLAT_OUT}"
link=()
if [ -n "${PLAT_RUN_LINK:-}" ]; then
    link=(--link "$PLAT_RUN_LINK")
fi
mkdir -p "$out"
# What an earlier step left must not be taken for this plan.
rm -f "$out/plan.md" "$out/plan.plan" "$out/plan.sarif" "$out/changes"

changes() {
    case "$1" in
        0) echo false > "$out/changes" ;;
        2) echo true > "$out/changes" ;;
        *) exit "$1" ;;
    esac
}

if [ "${PLAT_TRUSTED:-false}" != true ]; then
    base="${PLAT_BASE:?say what it is compared with: PLAT_BASE}"
    unset PLAT_SIGN_KEY
    code=0
    platc -C "$directory" diff "$base.." "$environment" --markdown "${link[@]}" \
        --detailed-exitcode > "$out/plan.md" || code=$?
    changes "$code"
    exit 0
fi

code=0
platc -C "$directory" plan "$environment" -o "$out/plan.plan" --markdown "${link[@]}" \
    --detailed-exitcode > "$out/plan.md" || code=$?
# A plan that can't be applied is worth showing too: its exit code is told at the end.
if [ -f "$out/plan.plan" ]; then
    platc show "$out/plan.plan" --sarif > "$out/plan.sarif"
fi
changes "$code"
