#!/bin/sh
# Puts what browsers fetch of LiteRT and of the face detector where collectstatic takes it: node_modules/.published.
# Called by setup.sh after the packages have been installed, from the repository's root.
set -eu
core=node_modules/@litertjs/core
utils=node_modules/@litertjs/wasm-utils
target=node_modules/.published

rm -rf "$target.new"
mkdir -p "$target.new/litert" "$target.new/faces"

# There is no bundler, and an import map would need a hole in the content security policy: the one bare import
# becomes a relative one. The source maps stay here, so their mention goes.
sed -e 's|from "@litertjs/wasm-utils"|from "./wasm-utils.js"|' -e '/^\/\/# sourceMappingURL=/d' \
    "$core/dist/index.js" >"$target.new/litert/litert.js"
sed -e '/^\/\/# sourceMappingURL=/d' "$utils/dist/index.js" >"$target.new/litert/wasm-utils.js"
grep -q 'from "./wasm-utils.js"' "$target.new/litert/litert.js" || {
    echo "smielfy: @litertjs/core imports @litertjs/wasm-utils in a new way: look at operations/launch/publish.sh." >&2
    exit 1
}

# Of the four builds these two: the plain one, and that for browsers without relaxed SIMD, such as Safari's.
for build in litert_wasm_internal litert_wasm_compat_internal; do
    cp "$core/wasm/$build.js" "$core/wasm/$build.wasm" "$target.new/litert/"
done

# The very file that the server detects faces with, its checksum tested.
detector=$(.venv/bin/python -c 'from ml.faces.assets import model_path; print(model_path("blazeface"))')
cp "$detector" "$target.new/faces/blazeface.tflite"

chmod -R u=rwX,go=rX "$target.new"
rm -rf "$target"
mv "$target.new" "$target"
