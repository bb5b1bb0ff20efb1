#!/usr/bin/env bash
# Run the tests under other versions than the pinned ones: `make versions`.
#
# Each case gets an environment of its own in a temporary folder. A Python that is not on
# the PATH is said to be missing and left out; a claim needs a line that says "passed".
#
#   tests/versions.sh [CASE...]     newest python3.11 python3.12 python3.13 python3.14
set -uo pipefail
CDPATH='' cd "$(dirname "$0")/.."

folder=$(mktemp -d "${TMPDIR:-/tmp}/versions-XXXXXX")
trap 'rm -rf "$folder"' EXIT
failed=0

# What the network needs, in the versions given: nn_helpers and its tests.
network="data or a or b or c or d or e or f"

case_of() { # NAME PYTHON TESTS INSTALLATION...
  local name=$1 python=$2 tests=$3 result=FAILED seen=""
  shift 3
  if ! "$python" -c 'import sys, venv, ensurepip' 2>/dev/null; then
    echo "$name: there is no $python here"
    return
  fi
  if "$python" -m venv "$folder/$name" &&
    "$folder/$name/bin/python" -m pip install --quiet --disable-pip-version-check \
      "$@" >"$folder/$name.log" 2>&1 &&
    "$folder/$name/bin/python" -m pytest -q -p no:cacheprovider -n auto \
      --dist loadfile -m "$tests" >>"$folder/$name.log" 2>&1
  then
    result=passed
  else
    failed=1
    tail -n 40 "$folder/$name.log"
  fi
  seen=$("$folder/$name/bin/python" -c '
import platform, numpy
print("Python", platform.python_version(), "NumPy", numpy.__version__)')
  echo "$name: $result: $seen: $(tail -n 1 "$folder/$name.log")"
  rm -rf "${folder:?}/$name"
}

run() {
  case $1 in
    newest) # of everything, but for the pair of Pandoc and Typst
      { echo "--editable $PWD"; grep -E '^(pypandoc_binary|typst)==' requirements.txt
        grep -o -E '^[A-Za-z][A-Za-z0-9_-]*' requirements.txt | grep -v -E 'pypandoc_binary|typst'
      } >"$folder/newest.txt"
      case_of newest python3.13 "$network or export" -r "$folder/newest.txt" \
        -r tests/requirements.txt ;;
    *)
      case_of "$1" "$1" "$network or export or notebooks" -r requirements.txt \
        -r tests/requirements.txt -c requirements.lock ;;
  esac
}

for name in "${@:-newest python3.11 python3.12 python3.13 python3.14}"; do
  for one in $name; do run "$one"; done
done
exit $failed
