#!/bin/sh
# Writes .graftwatch/bundle (or the folder BUNDLE): what a house without internet needs to build the image or to run without one,
# with checksums.
#   sh deploy/bundle.sh PYTHON    (a Python 3.11 with pip; `make bundle` names the right one)
set -eu
cd "$(dirname "$0")/.."
python=$1
bundle=${BUNDLE:-.graftwatch/bundle}
rm -rf "$bundle"
mkdir -p "$bundle/wheels"
# For Linux on x86-64, whatever this machine is; ARCHITECTURE=aarch64 for the other.
architecture=${ARCHITECTURE:-x86_64}
for lock in requirements build; do
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
        --python-version 3.11 --implementation cp --platform "manylinux_2_28_$architecture" --platform "manylinux_2_17_$architecture" \
        --platform "manylinux2014_$architecture" --platform any --dest "$bundle/wheels" --requirement "deploy/image/$lock.lock"
done
SOURCE_DATE_EPOCH=1577836800 "$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation \
    --wheel-dir "$bundle" .
cp -R deploy docs README.md ARCHITECTURE.md CHANGELOG.md GLOSSARY.md pyproject.toml "$bundle/"
rm -rf "$bundle/deploy/compose/secrets" "$bundle/deploy/.env"
cp -R services shared "$bundle/"
find "$bundle" -name __pycache__ -type d -prune -exec rm -rf {} +
if [ -d .graftwatch/sbom ]; then
    cp -R .graftwatch/sbom "$bundle/sbom"
fi
(cd "$bundle" && find . -type f ! -name SHA256SUMS | LC_ALL=C sort | xargs -d '\n' sha256sum >SHA256SUMS)
echo "$(find "$bundle/wheels" -name '*.whl' | wc -l) wheels, $(du -sh "$bundle" | cut -f1) in $bundle; check with: sha256sum --check SHA256SUMS"
